"""A client in a world without sockets and without waiting: its loop's time, and every byte, move only as a test says.

    world = World()
    call = world.start(r.echo("x"))       # r was made with ``world.client()``
    world.last.serve(10)                  # ten of its bytes reach the server
    world.run(0.5)                        # half a second passes, at once

So whatever can go wrong between a client and a server can be tried in any order, thousands of times a second, and is
the same each time. The client is all of the real one but for the sockets; the server is the fake server's own sense.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, cast

import pytest
from typing_extensions import override

from redpoll import ConnectionFailed, Redis
from redpoll.transport import connection
from tests.fault.fake_server import LOADING, CommandParser, Store, Words, push, small_talk

NOISE = push(b"invalidate", b"\xff\r\n$-1") + b"|1\r\n+ttl\r\n:1\r\n"
_TURN = 1e-6  # seconds that a turn of the loop takes: without, a moment that rounding misses would never pass
_IMPATIENCE = 20_000  # turns of the loop, in one go, from which on a simulation counts as running in a circle


class _Nothing(selectors.SelectSelector):
    """Instead of waiting for sockets, lets time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: Callable[[float | None], None] = lambda _seconds: None

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.passes(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still but in ``run``."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._until = self.now
        self._turns = 0
        self.problems: list[str] = []
        selector = _Nothing()
        super().__init__(selector)
        selector.passes = self._pass
        self.set_exception_handler(lambda _, context: self.problems.append(repr(context)))

    @override
    def time(self) -> float:
        return self.now

    def run(self, seconds: float = 0.0) -> None:
        """Let some seconds pass and everything happen that is due; with 0, all that needs no time."""
        self._until = self.now + seconds
        self._turns = 0
        self.run_forever()

    def _pass(self, seconds: float | None) -> None:
        self._turns += 1
        self.now += _TURN
        assert self._turns < _IMPATIENCE, f"it runs in a circle: {self._ready}"  # type: ignore[attr-defined]
        if seconds == 0:
            return  # there is something to do
        if self.now >= self._until:
            self.stop()
        else:
            self.now = self._until if seconds is None else min(self._until, self.now + seconds)


class Wire(asyncio.Transport):
    """One connection: the client's transport, and what the server makes of it.

    Attributes:
        number: counted from 0, in the order of the dials.
        written: all that the client wrote.
        outgoing: what of it the server has not got.
        incoming: what the server wrote and the client has not got.
        closing: the client has no connection any more. What it wrote may still reach the server.
        state: what commands did to the connection: the names of those that are not undone.
    """

    def __init__(self, world: World, protocol: asyncio.Protocol, number: int) -> None:
        super().__init__()
        self.number = number
        self.written, self.outgoing, self.incoming = bytearray(), bytearray(), bytearray()
        self.closing = self.full = False
        self.state: set[str] = set()
        self.protocol = protocol
        self._world = world
        self._parser = CommandParser()

    # The client's side.

    @override
    def write(self, data: Any) -> None:
        if not self.closing:
            self.written += data
            self.outgoing += data
            if not self.full and len(self.outgoing) > self._world.room:
                self.full = True
                self.protocol.pause_writing()
            self._world.wrote(self)

    @override
    def get_write_buffer_size(self) -> int:
        return len(self.outgoing)

    @override
    def is_closing(self) -> bool:
        return self.closing

    @override
    def abort(self) -> None:
        if not self.closing:
            self.closing = True
            self._world.loop.call_soon(self.protocol.connection_lost, None)

    # What a test lets happen.

    def serve(self, count: int | None = None) -> None:
        """Let the server have bytes that were written, all by default, and run what is whole."""
        data = bytes(self.outgoing[:count])
        del self.outgoing[: len(data)]
        for words in self._parser.feed(data):
            self._world.ran(self, words)
        if self.full and not self.closing and len(self.outgoing) <= self._world.room:
            self.full = False
            self._world.within(self.protocol.resume_writing)

    def deliver(self, count: int | None = None) -> None:
        """Let the client have bytes of the replies, all by default."""
        data = bytes(self.incoming[:count])
        del self.incoming[: len(data)]
        if data and not self.closing:
            self._world.within(lambda: self.protocol.data_received(data))

    def cut(self, error: Exception | None) -> None:
        """End the connection as the client sees it. What it wrote stays on its way to the server."""
        if not self.closing:
            self.closing = True
            self._world.within(lambda: self.protocol.connection_lost(error))


PLAIN = {**dict.fromkeys(("WATCH", "UNWATCH", "MULTI", "DISCARD"), b"+OK\r\n"), "EXEC": b"*0\r\n"}
"""Replies that depend on nothing; transactions are empty, as the client proves that they work."""


class World:
    """The loop, the network and the server.

    Attributes:
        loop: the loop.
        store: what the server holds.
        wires: all connections so far.
        refusing: no connection can be made.
        flows: bytes go through by themselves, in both directions.
        greets: a handshake does, where nothing else does.
        noise: the server sends pushes and attributes before its replies.
        refusals: how many commands the server refuses from now on, as it loads.
        room: bytes that a connection takes before it says that it is full.
        arrived: is told of each command that reaches the server, and on which connection.
    """

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.store = Store()
        self.wires: list[Wire] = []
        self.refusing = self.flows = self.noise = False
        self.greets = True
        self.refusals = 0
        self.room = 1 << 40
        self.arrived: Callable[[Wire, Words], None] = lambda _wire, _words: None
        self._patches = pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        for name, module in tuple(sys.modules.items()):
            if name.startswith("redpoll") and getattr(module, "monotonic", None) is time.monotonic:
                self._patches.setattr(module, "monotonic", self.loop.time)
        self._patches.setattr(connection, "dial", self._dial)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patches.undo()
        self.loop.close()
        if error is None:
            assert self.loop.problems == []

    def start(self, call: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a call; it goes as far as it can without time passing."""
        task = self.loop.create_task(call)
        self.run()
        return task

    def run(self, seconds: float = 0.0) -> None:
        """Let time pass."""
        self.loop.run(seconds)

    def within(self, act: Callable[[], None]) -> None:
        """Do something on the loop, and what follows from it."""
        self.loop.call_soon(act)
        if not self.loop.is_running():
            self.run()

    def heal(self) -> None:
        """Let everything go well from now on."""
        self.refusing = self.noise = False
        self.refusals, self.room, self.flows = 0, 1 << 40, True
        for wire in self.wires:
            self._flow(wire)
        self.run()

    def open_wires(self) -> list[Wire]:
        """Return the connections that stand."""
        return [wire for wire in self.wires if not wire.closing]

    def close(self, r: Redis) -> None:
        """Close a client; nothing of it may be left."""
        closing = self.start(r.aclose())
        self.run(10)
        assert closing.done(), "closing hangs"
        closing.result()
        assert self.open_wires() == []
        left = [task for task in asyncio.all_tasks(self.loop) if not task.done()]
        assert left == [], "tasks are left"

    # What the client and its connections call.

    async def _dial(self, address: object, make: Callable[[], asyncio.Protocol]) -> None:
        await asyncio.sleep(0)
        if self.refusing:
            raise ConnectionFailed("cannot connect: refused", address=str(address))
        protocol = make()
        wire = Wire(self, protocol, len(self.wires))
        self.wires.append(wire)
        protocol.connection_made(wire)

    def wrote(self, wire: Wire) -> None:
        """Pass on what was just written, where it flows by itself."""
        if self.flows or (self.greets and b"SETINFO" in wire.outgoing):
            self.loop.call_soon(self._flow, wire)

    def _flow(self, wire: Wire) -> None:
        wire.serve()
        wire.deliver()

    def ran(self, wire: Wire, words: Words) -> None:
        """Let the server run one command."""
        self.arrived(wire, words)
        name = words[0].decode().upper()
        if self.noise:
            wire.incoming += NOISE
        if name == "BLPOP":
            self.loop.call_later(float(words[-1]), self._answer, wire, b"_\r\n")
            return
        if name in {"WATCH", "SELECT"} or words[:2] == (b"CLIENT", b"SETNAME"):
            wire.state.add(name)
        if name in {"UNWATCH", "DISCARD", "EXEC"}:
            wire.state.discard("WATCH")
        if words == (b"SELECT", b"0"):
            wire.state.discard("SELECT")
        reply = PLAIN.get(name) or small_talk(words)
        if reply is None and self.refusals > 0:
            self.refusals -= 1
            reply = LOADING
        self._answer(wire, reply or cast("bytes", self.store.run(words)))

    def _answer(self, wire: Wire, reply: bytes) -> None:
        wire.incoming += reply
        if self.flows:
            self.loop.call_soon(wire.deliver)


class Told:
    """What the callers were told, and whether the server's state agrees with it."""

    def __init__(self) -> None:
        self.pushed: dict[str, tuple[str, Any]] = {}  # each value pushed, as called → what was told, the reply
        self.counts: Counter[str] = Counter()  # of increments, by what was told

    def check(self, store: Store, *, in_order: bool) -> None:
        """Compare it with the server's state: what succeeded ran once, what was not run never, the rest once at most.

        Args:
            store: the server's state.
            in_order: what succeeded ran in the order of the calls.
        """
        counted = int(store.strings.get(b"n", b"0"))
        assert self.counts["ok"] <= counted <= self.counts["ok"] + self.counts["unknown"], (counted, self.counts)
        there = store.lists.get(b"l", [])
        times = Counter(there)
        for value, (told, reply) in self.pushed.items():
            word = value.encode()
            most = {"ok": 1, "unknown": 1, "not_run": 0}[told]
            assert times[word] <= most, f"{value} ran {times[word]} times, told {told}"
            if told == "ok":
                assert there.index(word) + 1 == reply, f"{value} got another's reply"
        if in_order:
            replies = [reply for told, reply in self.pushed.values() if told == "ok"]
            assert replies == sorted(replies), "they ran in another order"
