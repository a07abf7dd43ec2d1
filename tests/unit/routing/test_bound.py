from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import Any

import pytest

from redpoll.commands.table import FACTS
from redpoll.errors import ClientClosed, CommandTimeout, NotSent, OutcomeUnknown, Overloaded, UsageError, WrongLoop
from redpoll.options import Settings
from redpoll.protocol.encode import encode
from redpoll.routing import blocking
from redpoll.routing.bound import Bound
from redpoll.transport.connection import Connection
from redpoll.transport.watch import Watch
from tests.unit.transport.fake import FakeTransport

PROVED = b"+OK\r\n" * 3 + b"*0\r\n"
QUIET = Settings(health_check=None)


class Setup:
    """A bound connection without a socket."""

    def __init__(self, settings: Settings = QUIET) -> None:
        self.watch = Watch("h:1", lambda: None)
        self.connection = Connection(settings)
        self.transport = FakeTransport(self.connection)
        self.connection.connection_made(self.transport)
        self.finished: list[bool] = []
        self.bound = Bound(settings, None)
        self.bound.bind(self.connection, self.watch, self.finished.append)

    def run(self, *words: Any, timeout: float | None = 5.0) -> asyncio.Future[Any]:
        spec = FACTS[str(words[0])]
        if spec.special:
            self.bound.admit(spec)
        return self.bound.submit(spec, words, True, timeout, False)

    def block(self, *words: Any, limit: float | None = 5.0) -> asyncio.Task[Any]:
        return asyncio.create_task(self.bound.lease(FACTS[str(words[0])], words, True, limit, False))

    def answer(self, data: bytes) -> None:
        self.connection.data_received(data)

    def sent(self) -> list[bytes]:
        writes, self.transport.writes = self.transport.writes, []
        return writes


async def turns(count: int = 4) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def wire(*words: Any) -> bytes:
    return encode(str(words[0]), words)


async def test_a_lone_command_goes_out_at_once_and_several_together() -> None:
    s = Setup()
    first = s.run("GET", "a")
    assert s.sent() == [wire("GET", "a")]
    others = [s.run("GET", "b"), s.run("GET", "c"), s.run("GET", "d")]
    others[1].cancel()
    assert s.sent() == []
    await turns()
    assert s.sent() == [wire("GET", "b") + wire("GET", "d")]
    s.answer(b"+A\r\n+B\r\n+D\r\n")
    assert [await first, await others[0], await others[2]] == ["A", "B", "D"]
    s.watch.stop()


async def test_no_room() -> None:
    s = Setup()
    s.transport.room = 100
    calls = [s.run("SET", "k", "x" * 60) for _ in range(3)]
    await turns()
    assert len(s.sent()) == 2, "the first, then those of the turn"
    late = s.run("GET", "k")
    await turns()
    assert s.sent() == []
    s.transport.drain()
    await turns()
    assert s.sent() == [wire("GET", "k")]
    s.answer(b"+OK\r\n" * 3 + b"+x\r\n")
    assert await late == "x"
    assert [call.result() for call in calls] == ["OK"] * 3
    s.watch.stop()


async def test_no_room_for_more() -> None:
    s = Setup(Settings(max_queue=2, overflow="fail", health_check=None))
    s.connection.paused = True
    queued = [s.run("GET", "k"), s.run("GET", "k")]
    with pytest.raises(Overloaded, match="max_queue") as error:
        await s.run("GET", "k")
    assert (error.value.outcome, error.value.command) == ("not_run", "GET")
    s.bound.finish()
    for call in queued:
        with pytest.raises(NotSent):
            await call
    s.watch.stop()


async def test_the_window() -> None:
    s = Setup(Settings(max_inflight=3, max_queue=2, health_check=None))
    calls = [s.run("GET", str(number)) for number in range(8)]
    group = s.bound.submit_group(
        FACTS["GET"], wire("GET", "a") * 2, [True] * 2, timeout=None, replay=False, batch=object()
    )
    await turns()
    assert list(map(_commands, s.sent())) == [1, 2], "a lone one at once, and those of the turn that fit"
    for number in range(3, 8):
        s.answer(b"+A\r\n")
        assert s.sent() == [wire("GET", str(number))]
    s.answer(b"+A\r\n")
    assert s.sent() == [], "the group does not fit yet"
    s.answer(b"+A\r\n")
    assert s.sent() == [wire("GET", "a") * 2]
    s.answer(b"+A\r\n+B\r\n+C\r\n")
    assert [await call for call in calls] == ["A"] * 8
    assert await group.future == ["B", "C"]
    assert s.connection.on_read is None
    s.watch.stop()


def _commands(data: bytes) -> int:
    return data.count(b"GET")


async def test_the_servers_silence_is_judged_whatever_else_is_due() -> None:
    s = Setup(Settings(read_timeout=0.5, write_timeout=None, health_check=None))
    s.run("GET", "k", timeout=None)
    assert s.watch.at <= monotonic() + 0.5
    s.watch.stop()


async def test_the_end_of_a_server_is_the_reply_to_shutdown() -> None:
    for words, hung_up, text, result in (
        (("SHUTDOWN",), True, True, "OK"),
        (("SHUTDOWN", "NOSAVE"), True, False, b"OK"),
        (("SHUTDOWN", b"abort"), True, True, None),
        (("SHUTDOWN",), False, True, None),
        (("CLIENT KILL", "ID", 1), True, True, None),
    ):
        s = Setup()
        call = asyncio.create_task(s.bound.lease(FACTS[str(words[0])], words, text, 5.0, False))
        await turns(1)
        if hung_up:
            s.connection.eof_received()
        s.transport.lose()
        if result is None:
            with pytest.raises(OutcomeUnknown):
                await call
        else:
            assert await call == result
        s.watch.stop()


async def test_another_loop_or_process(monkeypatch: pytest.MonkeyPatch) -> None:
    s = Setup()

    async def use() -> None:
        s.run("GET", "k")

    with pytest.raises(WrongLoop, match="event loop"):
        await asyncio.to_thread(asyncio.run, use())
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(WrongLoop, match="forked"):
        s.run("GET", "k")
    s.watch.stop()


async def test_large_payloads_go_alone() -> None:
    s = Setup()
    first = s.run("GET", "a")
    large = [s.run("SET", "k", "x" * (70 << 10)) for _ in range(2)]
    small = s.run("GET", "b")
    await turns()
    assert [len(write) > (64 << 10) for write in s.sent()] == [False, True, True, False]
    s.answer(b"+A\r\n+OK\r\n+OK\r\n+B\r\n")
    assert [await first, await large[0], await large[1], await small] == ["A", "OK", "OK", "B"]
    s.watch.stop()


async def test_a_loss_is_for_good() -> None:
    s = Setup()
    given, replayable = s.run("INCR", "n"), s.run("GET", "k")
    await turns()
    s.connection.paused = True
    queued = s.run("INCR", "n")
    s.transport.lose()
    for call in (given, replayable):
        with pytest.raises(OutcomeUnknown):
            await call
    with pytest.raises(NotSent) as error:
        await queued
    assert error.value.outcome == "not_run"
    with pytest.raises(NotSent, match="the connection is gone"):
        s.run("GET", "k")
    assert not s.bound.connected
    assert s.finished == []
    s.bound.finish()
    assert s.finished == [False]
    s.watch.stop()


async def test_it_is_kept_if_nothing_is_left_of_its_owner() -> None:
    s = Setup()
    call = s.run("GET", "k")
    s.answer(b"+v\r\n")
    assert await call == "v"
    await s.bound.aclose()
    s.bound.finish()
    assert s.finished == [True]
    assert not s.transport.closed
    with pytest.raises(ClientClosed, match="returned"):
        s.run("GET", "k")
    s.transport.lose()  # while idle: nobody is told
    s.watch.stop()


@pytest.mark.parametrize("how", ["in flight", "abandoned", "queued"])
async def test_it_is_closed_if_something_is_in_flight(how: str) -> None:
    s = Setup()
    call = s.run("INCR", "n")
    if how == "abandoned":
        call.cancel()
    elif how == "queued":
        s.answer(b":1\r\n")
        s.connection.paused = True
        call = s.run("INCR", "n")
    await s.bound.aclose()
    assert s.finished == [False]
    assert s.transport.closed
    await turns()
    if how != "abandoned":
        with pytest.raises(NotSent if how == "queued" else OutcomeUnknown, match="returned"):
            await call
    s.watch.stop()


async def test_a_watch_and_a_database_are_undone() -> None:
    s = Setup(Settings(db=3, health_check=None))
    calls = [s.run("WATCH", "k"), s.run("SELECT", 5)]
    s.answer(PROVED)
    await turns()
    s.answer(b"+OK\r\n")
    await turns()
    s.answer(b"+OK\r\n")
    assert [await call for call in calls] == ["OK", "OK"]
    s.sent()
    closing = asyncio.create_task(s.bound.aclose())
    await turns()
    s.answer(b"+OK\r\n")
    await turns()
    s.answer(b"+OK\r\n")
    await closing
    assert s.sent() == [wire("UNWATCH"), wire("SELECT", 3)]
    assert s.finished == [True]
    s.watch.stop()


async def test_not_undone_means_closed() -> None:
    refused, cancelled, other, unknown = Setup(), Setup(), Setup(), Setup()
    for s in (refused, cancelled):
        s.run("WATCH", "k")
        s.answer(PROVED)
        await turns()
        s.answer(b"+OK\r\n")
        closing = asyncio.create_task(s.bound.aclose())
        await turns()
        if s is refused:
            s.answer(b"-NOPERM no\r\n")
            await closing
        else:
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
    other.run("CLIENT SETNAME", "CLIENT", "SETNAME", "x")
    other.answer(b"+OK\r\n")
    await other.bound.aclose()
    unknown.bound.taint("MYMODULE.LOGIN")
    await unknown.bound.aclose()
    for s in (refused, cancelled, other, unknown):
        assert s.finished == [False]
        assert s.transport.closed
        s.watch.stop()


@pytest.mark.parametrize("name", ["MULTI", "EXEC", "SUBSCRIBE", "MONITOR", "CLIENT REPLY", "QUIT", "SYNC", "PSYNC"])
async def test_what_would_get_it_out_of_step_is_refused(name: str) -> None:
    s = Setup()
    with pytest.raises(UsageError) as error:
        s.bound.admit(FACTS[name])
    assert error.value.command == name
    for allowed in ("SELECT", "WATCH", "UNWATCH", "AUTH", "RESET", "CLIENT TRACKING", "WAIT", "READONLY"):
        s.bound.admit(FACTS[allowed])
    s.watch.stop()


def test_every_command_of_state_is_refused_or_has_a_method() -> None:
    from redpoll.commands import StateCommands
    from redpoll.routing.bound import _REFUSED

    named = {name for name in dir(StateCommands) if not name.startswith("_")}
    state = {name for name, spec in FACTS.items() if spec.dedicated}
    with_method = {name for name in state if name.lower().replace(" ", "_").replace("-", "_") in named}
    assert sorted(state - with_method) == sorted(_REFUSED)


async def test_a_blocking_command_has_its_time_and_the_limit_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    s = Setup()
    added: list[Any] = []
    monkeypatch.setattr(Watch, "add", lambda _self, call: added.append(call))
    waiting = [s.block("BLPOP", "q", 2), s.block("BLPOP", "q", 2, limit=None), s.block("WAIT", 1, 0)]
    await turns()
    assert [call.timeout for call in added] == [7.0]
    assert s.connection not in s.watch.sources, "it is silent while it blocks"
    s.answer(b"_\r\n" * 2 + b":1\r\n")
    assert [await each for each in waiting] == [None, None, 1]
    assert s.connection in s.watch.sources
    s.watch.stop()


async def test_a_blocking_command_given_up_closes_the_connection() -> None:
    cancelled, late = Setup(), Setup()
    waiting = cancelled.block("BLPOP", "q", 0)
    await turns()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    with pytest.raises(CommandTimeout):
        await late.block("BLPOP", "q", 0.001, limit=0.001)
    for s in (cancelled, late):
        assert s.transport.closed
        with pytest.raises(NotSent, match="given up"):
            s.run("GET", "k")
        s.bound.finish()
        assert s.finished == [False]
        s.watch.stop()


class Clock:
    def __init__(self) -> None:
        self.now = monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("redpoll.routing.bound.monotonic", made)
    return made


async def test_a_block_without_end_goes_in_slices(clock: Clock) -> None:
    s = Setup()
    waiting = s.block("BLPOP", "q", 0, limit=None)
    for _ in range(3):
        await turns()
        assert s.sent() == [wire("BLPOP", "q", 10)]
        clock.now += blocking.SLICE
        s.answer(b"_\r\n")
    await turns()
    assert s.sent() == [wire("BLPOP", "q", 10)]
    s.answer(b"*2\r\n+q\r\n+v\r\n")
    assert await waiting == ["q", "v"]
    s.watch.stop()


async def test_an_early_end_of_a_slice_is_client_unblock(clock: Clock) -> None:
    s = Setup()
    waiting = s.block("BZPOPMIN", "q", 0)
    await turns()
    clock.now += 3
    s.answer(b"_\r\n")
    assert await waiting is None
    s.watch.stop()


async def test_from_now_on_is_asked_for_once(clock: Clock) -> None:
    s = Setup()
    waiting = s.block("XREAD", "BLOCK", 0, "STREAMS", "a", "b", "$", "7-0")
    await turns()
    assert s.sent() == [wire("XREVRANGE", "a", "+", "-", "COUNT", 1)]
    s.answer(b"*1\r\n*2\r\n$3\r\n5-1\r\n*0\r\n")
    for _ in range(2):
        await turns()
        assert s.sent() == [wire("XREAD", "BLOCK", 10000, "STREAMS", "a", "b", "5-1", "7-0")]
        clock.now += blocking.SLICE
        s.answer(b"_\r\n")
    await turns()
    s.answer(b"%1\r\n+a\r\n*0\r\n")
    assert await waiting == {"a": []}
    s.watch.stop()


async def test_from_now_on_may_not_be_asked_for(clock: Clock) -> None:
    s = Setup()
    waiting = s.block("XREAD", "BLOCK", 0, "STREAMS", "a", "$")
    await turns()
    s.sent()
    s.answer(b"-NOPERM no permissions\r\n")
    await turns()
    assert s.sent() == [wire("XREAD", "BLOCK", 0, "STREAMS", "a", "$")], "in one piece"
    s.answer(b"_\r\n")
    assert await waiting is None
    s.watch.stop()
