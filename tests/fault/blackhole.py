"""What happens where packets vanish: no answer, no FIN, no RST. Run by ``test_blackhole.py``, over either kind of link.

``python -m tests.fault.blackhole NAME`` runs one scenario with server and client in a network of their own, whose only
device it takes down. It needs a user and network namespace: ``unshare -Urn``.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from redpoll import CommandTimeout, OutcomeUnknown, Redis
from redpoll.reconnect import Reconnect
from redpoll.routing import blocking
from redpoll.testing import EmbeddedServer
from tests.fault.expect import PROMPT, blocked, failure, lost_or_late, results, turns, within

HEALTH = 0.5  # seconds: option health_check, and read_timeout too
QUICK = Reconnect(initial=0.01, max=0.1)


class Link(Protocol):
    """The way from the client to the server."""

    host: str
    port: int

    def down(self) -> None:
        """From now on nothing passes, and nobody is told."""
        ...

    def up(self) -> None:
        """Let all pass again."""
        ...


class Loopback:
    """The device of a network namespace."""

    _GET, _SET, _UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP

    def __init__(self, server: EmbeddedServer | None = None) -> None:
        self.host, self.port = "127.0.0.1", 0 if server is None else server.port

    def down(self) -> None:
        self._set(False)

    def up(self) -> None:
        self._set(True)

    def _set(self, up: bool) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_:
            now = fcntl.ioctl(any_, self._GET, struct.pack("16sH14x", b"lo", 0))
            flags = struct.unpack_from("H", now, 16)[0]
            flags = flags | self._UP if up else flags & ~self._UP
            fcntl.ioctl(any_, self._SET, struct.pack("16sH14x", b"lo", flags))


def client(link: Link, **options: Any) -> Redis:
    """Return a client that has nothing but its health check to notice by."""
    checks: dict[str, Any] = {"health_check": HEALTH, "read_timeout": HEALTH, "command_timeout": 30}
    return Redis(link.host, link.port, reconnect=QUICK, **checks, **options)


async def in_flight(link: Link, server: EmbeddedServer) -> None:
    """The write may have run; the read is asked again as soon as there is a way."""
    lost: list[float] = []
    async with client(link, on_disconnect=lambda _: lost.append(time.monotonic())) as r:
        assert await r.incr("n") == 1
        link.down()
        begin = time.monotonic()
        write, read = asyncio.ensure_future(r.incr("n")), asyncio.ensure_future(r.get("n"))
        error = await failure(write, OutcomeUnknown, "unknown")
        assert HEALTH * 0.9 <= time.monotonic() - begin < 2 * HEALTH + PROMPT
        assert "read_timeout" in str(error)
        assert lost[0] - begin < 2 * HEALTH + PROMPT, "whoever keeps replies is told as soon"
        assert not read.done()
        link.up()
        before = await within(read, PROMPT)
        assert before in {"1", "2"}
        assert await within(r.incr("n")) in {2, 3}, "it ran once at most"


async def idle(link: Link, server: EmbeddedServer) -> None:
    """A client that asks nothing notices, too; meanwhile nothing is sent, and then all is well again."""
    lost: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    async with client(link, on_disconnect=lambda reason: lost.done() or lost.set_result(reason)) as r:
        assert await r.incr("n") == 1
        link.down()
        begin = time.monotonic()
        reason = await within(lost, 2 * HEALTH + PROMPT)
        assert time.monotonic() - begin >= HEALTH * 0.9
        assert "read_timeout" in str(reason)
        begin = time.monotonic()
        for error in await results([r.using(timeout=0.3).incr("n") for _ in range(10)]):
            lost_or_late(error, "not_run")
        assert time.monotonic() - begin < 0.3 + PROMPT
        waiting = asyncio.gather(*(r.incr("n") for _ in range(10)))
        await turns()
        link.up()
        assert await within(waiting) == [*range(2, 12)]


async def leased(link: Link, server: EmbeddedServer) -> None:
    """An owner's command, and a block that has no end."""
    blocking.SLICE = 0.5  # type: ignore[misc]  # as short as all else here
    async with client(link) as r, r.using(timeout=HEALTH).dedicated() as c:
        await c.ping()
        popping = asyncio.ensure_future(r.using(timeout=HEALTH).blpop("q", timeout=0))
        await blocked(server, 1)
        link.down()
        begin = time.monotonic()
        error = lost_or_late((await results([c.incr("n")]))[0], "unknown")
        assert error.command == "INCR"
        await failure(popping, CommandTimeout, "unknown")
        assert time.monotonic() - begin < 4 * HEALTH + PROMPT
        link.up()
        assert await within(r.using(timeout=PROMPT).blpop("none", timeout=0.01)) is None
        assert await within(r.incr("n")) in {1, 2}


async def writing(link: Link, server: EmbeddedServer) -> None:
    """A large value is on its way: what is behind it has not run, and runs later."""
    async with client(link, write_timeout=HEALTH) as r:
        await r.ping()
        link.down()
        begin = time.monotonic()
        large = asyncio.ensure_future(r.set("large", b"x" * (32 << 20)))
        await turns()
        behind = asyncio.ensure_future(r.incr("n"))
        await failure(large, OutcomeUnknown, "unknown")
        assert time.monotonic() - begin < 2 * HEALTH + PROMPT
        link.up()
        assert await within(behind) == 1


SCENARIOS: dict[str, Callable[[Link, EmbeddedServer], Awaitable[None]]] = {
    "in_flight": in_flight,
    "idle": idle,
    "leased": leased,
    "writing": writing,
}


async def _run(name: str) -> None:
    with EmbeddedServer() as server:
        await SCENARIOS[name](Loopback(server), server)


if __name__ == "__main__":
    Loopback().up()
    asyncio.run(_run(sys.argv[1]))
    print("as promised")
