"""When a scan goes on, when it begins anew, and when it gives up, on a scripted server."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from redpoll.errors import NoPermission, NotSent, ScanInterrupted, UsageError
from redpoll.routing.link import Link
from redpoll.scanning import OnInterrupt, ScanIterators, _steps


class Connection:
    """One connection, as far as a scan looks at it."""

    def __init__(self, run_id: bytes | None) -> None:
        self.run_id = run_id
        self.server: object | None = None


class Server:
    """A link whose connection changes at given steps. What a cursor finds carries the server's name."""

    address = "here:1"

    def __init__(self, *run_ids: bytes | None, changes: tuple[int, ...] = (), last: int = 4) -> None:
        self.connections = [Connection(run_id) for run_id in run_ids]
        self.changes = changes  # steps during which the next connection takes over
        self.last = last
        self.steps: list[int] = []
        self.asked = 0

    @property
    def connection(self) -> Connection:
        return self.connections[0]

    def submit(self, _spec: Any, words: tuple[Any, ...], *_: Any) -> asyncio.Future[Any]:
        assert words == ("INFO", "server")
        self.asked += 1
        future = asyncio.get_running_loop().create_future()
        if self.connection.run_id is None:
            future.set_exception(NoPermission("NOPERM"))
        else:
            future.set_result(b"# Server\r\nprocess_id:1\r\nrun_id:%s\r\n" % (self.connection.run_id or b""))
        return future

    async def step(self, cursor: int) -> tuple[int, list[tuple[bytes | None, int]]]:
        answered = self.connection.run_id, cursor
        self.steps.append(cursor)
        if len(self.steps) in self.changes:
            del self.connections[0]
        return (cursor + 1) % self.last, [answered]

    async def scan(self, on_interrupt: OnInterrupt = "restart") -> list[tuple[bytes | None, int]]:
        return [found async for found in _steps(cast("Link", self), 1.0, "SCAN", self.step, on_interrupt)]


async def test_one_server_is_asked_once() -> None:
    server = Server(b"a")
    assert await server.scan() == await server.scan() == [(b"a", 0), (b"a", 1), (b"a", 2), (b"a", 3)]
    assert server.asked == 1


async def test_another_connection_to_the_same_run_goes_on() -> None:
    server = Server(b"a", b"a", changes=(2,))
    assert await server.scan("raise") == [(b"a", 0), (b"a", 1), (b"a", 2), (b"a", 3)]
    assert server.steps == [0, 1, 1, 2, 3], "a step of which nobody knows who answered does not count"
    assert server.asked == 2


async def test_another_server_makes_it_begin_anew() -> None:
    server = Server(b"a", b"b", changes=(3,))
    found = await server.scan()
    assert found == [(b"a", 0), (b"a", 1), (b"b", 0), (b"b", 1), (b"b", 2), (b"b", 3)]


@pytest.mark.parametrize("change", [1, 2, 3, 4])
async def test_or_raise(change: int) -> None:
    server = Server(b"a", b"b", changes=(change,))
    if change == 1:
        assert await server.scan("raise") == [(b"b", 0), (b"b", 1), (b"b", 2), (b"b", 3)], "it had not begun"
        return
    with pytest.raises(ScanInterrupted, match="another server") as raised:
        await server.scan("raise")
    assert raised.value.outcome == "not_run"
    assert raised.value.command == "SCAN"


async def test_there_and_back_again() -> None:
    """A step that another server answered in between is not believed, though the first one is back."""
    server = Server(b"a", b"b", b"a", changes=(2, 3))
    assert (await server.scan())[-4:] == [(b"a", 0), (b"a", 1), (b"a", 2), (b"a", 3)]


async def test_who_may_not_ask_begins_anew_on_each_connection() -> None:
    server = Server(None, None, changes=(3,))
    assert [cursor for _, cursor in await server.scan()] == [0, 1, 0, 1, 2, 3]
    assert server.asked == 2


async def test_a_loss_without_another_connection_is_raised() -> None:
    class Lost(Server):
        async def step(self, cursor: int) -> Any:
            if cursor == 2:
                raise NotSent("gone")
            return await super().step(cursor)

    with pytest.raises(NotSent):
        await Lost(b"a").scan()


def test_a_wrong_option_is_told_at_the_call() -> None:
    with pytest.raises(UsageError, match="on_interrupt"):
        cast("Any", ScanIterators).scan_iter(object.__new__(ScanIterators), on_interrupt="ignore")
