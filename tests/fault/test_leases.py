"""Connections that are leased: for a blocking command, for an owner."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from redpoll import (
    ClientClosed,
    CommandTimeout,
    ConnectionFailed,
    NotSent,
    OutcomeUnknown,
    PoolTimeout,
    ProtocolViolation,
    Redis,
    ServerError,
)
from redpoll.dedicated import Dedicated
from redpoll.errors import AuthenticationFailed, Busy, Loading, ReadOnly, Unblocked
from redpoll.reconnect import Reconnect
from redpoll.routing import leasing
from redpoll.testing import EmbeddedServer
from redpoll.transport import pool
from tests.fault.expect import PROMPT, blocked, checked, failure, results, turns, within
from tests.fault.fake_server import LOADING, Close, FakeServer, Hang, Nothing, On, Own, Pause, Times
from tests.fault.proxy import FaultProxy, How

QUICK = Reconnect(initial=0.01, max=0.05)
NIL = b"_\r\n"
FOUND = b"*2\r\n$1\r\nq\r\n$1\r\nv\r\n"
ROLE_CHANGED = (
    b"-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n",
    Close("fin"),
)


async def _one(r: Redis) -> Any:
    async with r.dedicated() as c:
        return await c.get("k")


async def _dirty(r: Redis) -> Any:
    async with r.dedicated() as c:
        await c.watch("k")
        await c.select(1)
        return await c.get("k")


async def _worse(r: Redis) -> Any:
    async with r.dedicated() as c:
        await c.client_setname("x")


async def _blocking(r: Redis) -> Any:
    async with r.dedicated() as c:
        return await c.blpop("none", timeout=0.01)


async def _piped(r: Redis) -> Any:
    async with r.dedicated() as c, c.pipeline() as p:
        p.incr("n")
        p.select(1)


async def _waited(r: Redis) -> Any:
    async with r.pipeline() as p:
        p.incr("n")
        p.wait(0, 10)


OWNERS: dict[str, Callable[[Redis], Awaitable[Any]]] = {
    "one": _one,
    "dirty": _dirty,
    "worse": _worse,
    "blocking": _blocking,
    "piped": _piped,
    "waited": _waited,
}


@pytest.mark.parametrize("name", OWNERS)
async def test_cancel_at_every_await(valkey: EmbeddedServer, name: str) -> None:
    """Wherever an owner is cancelled, its place comes back, no connection is lost track of, others are in step."""
    tasks = set(asyncio.all_tasks())
    cancelled = 0
    async with Redis(valkey.host, valkey.port, max_leased=2) as r:
        for turn in range(50):
            one = asyncio.ensure_future(OWNERS[name](r))
            other = asyncio.ensure_future(_one(r))
            await turns(turn)
            one.cancel()
            (ended,) = await results([one])
            cancelled += isinstance(ended, asyncio.CancelledError)
            assert await within(other) is None
            assert await within(r.echo(f"x{turn}")) == f"x{turn}"
            async with r.dedicated() as c, r.dedicated() as d:  # both places are free again, and clean
                assert await within(c.client_getname()) is None
                assert await within(d.echo("mine")) == "mine"
        await turns()
        async with asyncio.timeout(5):
            while len(await r.client_list()) > 3:  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.001)
    assert cancelled > 0
    assert asyncio.all_tasks() == tasks


async def test_a_cancelled_blpop_of_an_owner_takes_nothing(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port) as r:
        async with r.dedicated() as c:
            popping = asyncio.create_task(c.blpop("q", timeout=0))
            await blocked(valkey, 1)
            popping.cancel()
            await turns()
            await failure(c.get("k"), NotSent, "not_run")
        await blocked(valkey, 0)
        await r.rpush("q", "a")
        assert await r.llen("q") == 1


# Losses.


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_an_owner_loses_its_connection(proxy: FaultProxy, how: How) -> None:
    """The outcome table, but nothing runs again: what the owner did to the connection is gone."""
    async with Redis(proxy.host, proxy.port, reconnect=QUICK) as r, r.dedicated() as c:
        await c.watch("k")
        proxy.to_client.hold()
        calls = [asyncio.ensure_future(call) for call in (c.incr("n"), c.get("n"))]
        await proxy.to_server.wait_passed(b"GET")
        proxy.cut(how)
        for error in await results(calls):
            checked(error, OutcomeUnknown, "unknown")
        error = await failure(c.incr("n"), NotSent, "not_run")
        assert error.command == "INCR"
        assert (await results([_piped_on(c)]))[0].outcome == "not_run"
        assert proxy.to_server.arrived(b"INCR") == 1
        assert await within(r.incr("n")) == 2, "the client goes on"


async def _piped_on(c: Dedicated) -> None:
    async with c.pipeline() as p:
        p.incr("n")


async def test_an_owners_peer_is_silent(proxy: FaultProxy) -> None:
    options: Any = {"read_timeout": 0.3, "health_check": 0.1, "command_timeout": 30}
    async with Redis(proxy.host, proxy.port, **options) as r, r.dedicated() as c:
        await c.ping()
        assert await within(c.blpop("none", timeout=0.6)) is None, "a server that blocks is silent, and lives"
        proxy.to_client.hold()
        await failure(c.incr("n"), OutcomeUnknown, "unknown")
        await failure(c.incr("n"), NotSent, "not_run")


async def test_a_leased_connection_is_waited_for(proxy: FaultProxy) -> None:
    async with Redis(proxy.host, proxy.port, reconnect=QUICK) as r:
        await r.ping()
        proxy.refuse()
        waiting = [asyncio.ensure_future(call) for call in (r.blpop("q", timeout=0.01), _one(r), _waited(r))]
        await asyncio.sleep(0.05)
        proxy.accept()
        assert await results(waiting) == [None, None, None]


async def test_a_leased_connection_is_waited_for_within_its_time(proxy: FaultProxy) -> None:
    async with Redis(proxy.host, proxy.port, reconnect=QUICK, command_timeout=0.2) as r:
        proxy.refuse()
        errors = await results([r.blpop("q", timeout=30), _one(r), _waited(r)])
        for error, name in zip(errors, ("BLPOP", "DEDICATED", "INCR"), strict=True):
            assert isinstance(error, CommandTimeout | ConnectionFailed)
            assert (error.outcome, error.command) == ("not_run", name)


@pytest.mark.parametrize("options", [{"reconnect": False}, {"offline": "fail"}])
async def test_a_leased_connection_that_is_not_to_be_waited_for(proxy: FaultProxy, options: Any) -> None:
    async with Redis(proxy.host, proxy.port, **options) as r:
        proxy.refuse()
        for error in await results([r.blpop("q", timeout=30), _one(r)]):
            checked(error, ConnectionFailed, "not_run")


async def test_wrong_credentials_are_final(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port, username="nobody", password="canary", reconnect=QUICK) as r:
        for error in await results([r.blpop("q", timeout=1), _one(r)]):
            checked(error, AuthenticationFailed, "not_run")
            assert "canary" not in repr(error)


async def test_a_blocking_command_is_lost(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        popping = asyncio.create_task(r.blpop("q", timeout=0))
        again = asyncio.create_task(r.using(retry=True).blpop("p", timeout=0))
        await proxy.to_server.wait_passed(b"BLPOP", 2)
        proxy.cut()
        await failure(popping, OutcomeUnknown, "unknown")
        await proxy.to_server.wait_passed(b"BLPOP", 3)
        valkey.call("RPUSH", "p", "x")
        assert await within(again) == ("p", "x"), "the caller said that twice does no harm"


async def test_close_while_a_leased_connection_is_dialled(proxy: FaultProxy) -> None:
    proxy.silence()
    r = Redis(proxy.host, proxy.port, max_leased=2)
    work = (r.incr("n"), r.blpop("q", timeout=0), _one(r), _waited(r))  # the last one waits for a place
    calls = [asyncio.ensure_future(call) for call in work]
    await proxy.wait_connections(3)
    begin = time.monotonic()
    await within(r.aclose())
    assert time.monotonic() - begin < 2
    for error in await results(calls, seconds=1):
        assert isinstance(error, NotSent | ClientClosed), error
        assert error.outcome == "not_run"
    await proxy.wait_closed()


async def test_close_while_a_leased_connection_is_waited_for(proxy: FaultProxy) -> None:
    proxy.refuse()
    r = Redis(proxy.host, proxy.port, reconnect=Reconnect(initial=60, max=60))
    call = asyncio.ensure_future(r.blpop("q", timeout=0))
    await asyncio.sleep(0.05)
    await within(r.aclose())
    await failure(call, NotSent, "not_run", seconds=1)


async def test_a_leased_calls_error_names_the_call() -> None:
    with FakeServer(answers={"HELLO": [b"+OK\r\n"]}) as server:
        async with Redis(server.host, server.port, command_timeout=0.3) as r:
            (error,) = await results([r.blpop("q", timeout=1)])
            assert (error.outcome, error.command) == ("not_run", "BLPOP")


async def test_a_leased_call_meets_a_peer_that_does_not_speak_resp() -> None:
    """Nothing of the call was sent, and its error names it, as one on the shared connection does."""
    with FakeServer(greeting=[b"HTTP/1.1 400 Bad Request\r\n\r\n"]) as server:
        async with Redis(server.host, server.port) as r:
            shared, leased = await results([r.incr("n"), r.blpop("q", timeout=1)])
            for error, name in ((shared, "INCR"), (leased, "BLPOP")):
                assert checked(error, ProtocolViolation, "not_run").command == name


# Refusals and role changes.


@pytest.mark.parametrize("refusal", [LOADING, b"-BUSY script\r\n", b"-MASTERDOWN link\r\n", b"-TRYAGAIN later\r\n"])
@pytest.mark.parametrize("block", [0, 0.001])
async def test_a_refused_blocking_command_is_tried_again(refusal: bytes, block: float) -> None:
    with FakeServer(answers={"BLPOP": [Times(3, [refusal], [FOUND])]}) as server:
        async with Redis(server.host, server.port) as r:
            assert await within(r.blpop("q", timeout=block)) == ("q", "v")
            assert (server.count("BLPOP"), server.connections()) == (4, 1)
            assert len({words[2] for words in server.commands()}) == 1, "what was refused has not blocked"


@pytest.mark.parametrize(("refusal", "kind"), [(LOADING, Loading), (b"-BUSY script\r\n", Busy)])
async def test_a_refused_blocking_command_is_tried_until_its_time_is_up(
    refusal: bytes, kind: type[ServerError]
) -> None:
    with FakeServer(answers={"BLPOP": [refusal]}) as server:
        async with Redis(server.host, server.port, command_timeout=0.2) as r:
            await failure(r.blpop("q", timeout=0), kind, "not_run")
            assert 3 <= server.count("BLPOP") <= 100


async def test_readonly_makes_for_one_new_connection() -> None:
    readonly = b"-READONLY You can't write against a read only replica.\r\n"
    with FakeServer(answers={"BLPOP": [Times(1, [readonly], [FOUND])]}) as server:
        async with Redis(server.host, server.port) as r:
            assert await within(r.blpop("q", timeout=0)) == ("q", "v")
            assert server.connections() == 2
            server.answer("BLPOP", readonly)
            await failure(r.blpop("q", timeout=0), ReadOnly, "not_run")
            assert server.connections() == 3


async def test_a_role_change_leaves_the_rest_of_the_time() -> None:
    with FakeServer(answers={"BLPOP": [Times(1, [Pause(0.3), *ROLE_CHANGED], [FOUND])]}) as server:
        async with Redis(server.host, server.port) as r:
            assert await within(r.blpop("q", timeout=20)) == ("q", "v")
            first, second = (float(words[2]) for words in server.commands())
            assert first == 20
            assert 15 < second <= 19.7, "the rest of its time"
            assert (server.connections(), server.open_connections()) == (2, 1)


async def test_a_role_change_leaves_no_time() -> None:
    with FakeServer(answers={"BLPOP": [Pause(0.05), *ROLE_CHANGED]}) as server:
        async with Redis(server.host, server.port) as r:
            assert await within(r.blpop("q", timeout=0.01)) is None
            assert server.count("BLPOP") == 1


async def test_a_role_change_of_a_block_without_end() -> None:
    with FakeServer(answers={"BLPOP": [Times(2, ROLE_CHANGED, [FOUND])]}) as server:
        async with Redis(server.host, server.port) as r:
            assert await within(r.blpop("q", timeout=0)) == ("q", "v")
            assert [words[2] for words in server.commands()] == [b"10", b"10", b"10"]


async def test_a_role_change_does_not_make_from_now_on_another_now() -> None:
    """Without an id, what came between the two connections would be missed; with one, nothing is."""
    entry = b"*1\r\n*2\r\n$3\r\n5-1\r\n*0\r\n"
    found = b"%1\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n6-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
    answers: Any = {"XREVRANGE": [entry], "XREAD": [Times(1, ROLE_CHANGED, [found])]}
    with FakeServer(answers=answers) as server:
        async with Redis(server.host, server.port) as r:
            assert "s" in await within(r.xread({"s": "$"}, block=0))
            assert [words[-1] for words in server.commands() if words[0] == b"XREAD"] == [b"5-1", b"5-1"]
            assert server.count("XREVRANGE") == 1
            server.answer("XREAD", *ROLE_CHANGED)
            await failure(r.xread({"s": "$"}, block=5000), Unblocked, "not_run")


async def test_a_role_change_is_told_to_an_owner() -> None:
    with FakeServer(answers={"BLPOP": ROLE_CHANGED}) as server:
        async with Redis(server.host, server.port) as r, r.dedicated() as c:
            await failure(c.blpop("q", timeout=0), Unblocked, "not_run")
            await server.wait_ended()
            await turns()
            (error,) = await results([c.incr("n")])
            assert isinstance(error, NotSent | OutcomeUnknown)


# The pool.


async def test_the_pool_is_exhausted(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port, max_leased=2) as r:
        order: list[int] = []

        async def use(number: int) -> None:
            async with r.dedicated():
                order.append(number)
                await asyncio.sleep(0)

        async with r.dedicated(), r.dedicated():
            waiting = [asyncio.create_task(use(number)) for number in range(20)]
            await turns()
            begin = time.monotonic()
            await failure(r.using(timeout=0.1).blpop("q", timeout=1), PoolTimeout, "not_run")
            assert 0.1 <= time.monotonic() - begin < 2
            for number in (3, 7):
                waiting[number].cancel()
        await results(waiting)
        assert order == [number for number in range(20) if number not in (3, 7)]
        assert len(await r.client_list()) == 3


async def test_returned_twice(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port, max_leased=1) as r:
        async with r.dedicated() as c:
            await c.aclose()
            async with r.dedicated() as d:
                await c.aclose()
                await failure(c.get("k"), ClientClosed, "not_run")
                await failure(r.using(timeout=0.01).blpop("q", timeout=1), PoolTimeout, "not_run")
                assert await within(d.echo("x")) == "x"
        assert await within(r.blpop("q", timeout=0.01)) is None


async def test_undoing_that_goes_wrong_closes_the_connection() -> None:
    script = [On("WATCH", b"+OK\r\n"), On("UNWATCH", Hang())]
    with FakeServer([[], script]) as server:
        async with Redis(server.host, server.port) as r:
            await r.incr("n")
            async with r.dedicated() as c:
                assert await c.watch("k")
                begin = time.monotonic()
            assert time.monotonic() - begin < 4
            async with r.dedicated() as c:
                assert await within(c.incr("n")) == 2
            assert server.connections() == 3
            await server.wait_ended(1)


async def test_idle_connections_are_killed(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port) as r:
        for _ in range(10):
            assert await within(r.blpop("q", timeout=0.001)) is None
            (idle,) = [each.id for each in await r.client_list() if each.cmd == "blpop"]
            assert await r.client_kill(id=idle) == 1
            await r.ping()
            await turns()


async def test_idle_connections_are_ended_by_the_server(valkey: EmbeddedServer) -> None:
    """Its option ``timeout`` ends what is idle: nobody is told, as nobody asked anything."""
    async with Redis(valkey.host, valkey.port, health_check=None) as r:
        assert await results([r.incr("n"), r.blpop("q", timeout=0.01)]) == [1, None]
        valkey.call("CONFIG", "SET", "timeout", 1)
        async with asyncio.timeout(20):
            while "lib-name=redpoll" in valkey.call("CLIENT", "LIST"):  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.05)
        assert await results([r.incr("n"), r.blpop("q", timeout=0.01), r.get("n")], PROMPT) == [2, None, "2"]


@pytest.mark.parametrize("last", [Close("rst"), Close("fin"), Hang()])
async def test_idle_connections_may_have_ended_unnoticed(last: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server closes a connection, or its machine dies, just as it is used again after a while: nobody is told."""
    monkeypatch.setattr(pool, "SURE", 0.0)
    monkeypatch.setattr(leasing, "_ANSWER", 0.1)
    with FakeServer([[], [On("BLPOP", NIL, last)]], answers={"BLPOP": [NIL]}) as server:
        async with Redis(server.host, server.port) as r:
            await r.incr("n")
            assert await within(r.blpop("q", timeout=1)) is None
            assert await within(r.blpop("q", timeout=1)) is None
            assert (server.connections(), server.count("BLPOP")) == (3, 2)
            await server.wait_ended(1)
            assert await within(r.blpop("q", timeout=1)) is None
            assert server.connections() == 3


async def test_a_reply_that_never_comes_closes_the_leased_connection() -> None:
    with FakeServer(answers={"BLPOP": [Times(1, [Nothing()], [Own()])], "ECHO": [Own()]}) as server:
        async with Redis(server.host, server.port, command_timeout=0.1) as r:
            await failure(r.blpop("q", timeout=0.1), CommandTimeout, "unknown")
            await server.wait_ended(0)
            async with r.dedicated() as c:
                assert await within(c.echo("mine")) == "mine"
