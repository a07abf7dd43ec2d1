"""The client against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import gc
import pickle
import warnings
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

import redpoll
from redpoll import (
    AuthenticationFailed,
    ClientClosed,
    CommandFinished,
    CommandStarted,
    CommandTimeout,
    ConnectionFailed,
    DecodeFailed,
    NotSent,
    OutcomeUnknown,
    PoolTimeout,
    Reconnect,
    Redis,
    ServerError,
    UsageError,
    WrongLoop,
    WrongType,
)
from redpoll.routing import leasing, shared
from redpoll.testing import EmbeddedServer


@pytest.fixture
async def r(server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis(server.host, server.port) as client:
        yield client


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("text", [True, False])
async def test_the_same_values_on_both_protocols(server: EmbeddedServer, protocol: Literal[2, 3], text: bool) -> None:
    async with Redis(server.host, server.port, protocol=protocol) as root:
        r: Any = root if text else root.binary

        def s(value: str) -> str | bytes:
            return value if text else value.encode()

        assert await r.set("k", "é") is True
        assert await r.get("k") == s("é")
        assert await r.get("none") is None
        assert await r.incr("n") == 1
        assert await r.hset("h", {"f": "v", "g": 2}) == 2
        assert await r.hgetall("h") == {s("f"): s("v"), s("g"): s("2")}
        assert await r.zadd("z", {"m": 1.5}) == 1
        assert await r.zscore("z", "m") == 1.5
        assert await r.sadd("s", "a") == 1
        assert await r.smembers("s") == {s("a")}
        assert await r.execute("GET", "k") == s("é")
        hello = await r.execute("CLIENT", "LIST")
        assert s("lib-name=redpoll") in hello
        assert s(f"resp={protocol}") in hello


async def until_blocked(r: Redis, blocked: bool) -> None:
    while ("blpop" in await r.execute("CLIENT", "LIST")) is not blocked:  # noqa: ASYNC110  # only the server knows
        await asyncio.sleep(0.005)


async def test_views_share_one_connection(r: Redis) -> None:
    await r.set("k", b"\xff")
    assert await r.binary.get("k") == b"\xff"
    with pytest.raises(DecodeFailed) as caught:
        await r.get("k")
    assert (caught.value.command, caught.value.outcome) == ("GET", "ran")
    assert await r.binary.text.exists("k") == 1
    assert len((await r.binary.execute("CLIENT", "LIST")).splitlines()) == 1


async def test_a_servers_error(r: Redis, server: EmbeddedServer) -> None:
    await r.set("k", "v")
    with pytest.raises(WrongType) as caught:
        await r.lpush("k", "canary")
    error = caught.value
    assert (error.command, error.address, error.outcome) == ("LPUSH", f"{server.host}:{server.port}", "not_run")
    with pytest.raises(ServerError) as unknown:
        await r.execute("NO.SUCH", "canary")
    assert "canary" not in str(unknown.value)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert await r.get("k") == "v"


@pytest.mark.parametrize(
    "words",
    [
        *(("MULTI",), ("multi",), (b"multi",), ("SELECT", 1), ("client", "reply", "off"), (b"client reply", "off")),
        *(("SUBSCRIBE", "c"), ("MONITOR",), ("AUTH", "canary"), ("HELLO", 3), ("RESET",), ("QUIT",), ("WATCH", "k")),
        *(("CLIENT", b"no-evict", "on"), (bytearray(b"ASKING"),), ("PSYNC", "?", -1)),
        (memoryview(b"CLIENT"), "TRACKING", "ON"),
    ],
)
async def test_what_changes_the_connection_is_refused(r: Redis, words: Any) -> None:
    with pytest.raises(UsageError, match="state of its connection") as caught:
        await r.execute(*words)
    assert "canary" not in str(caught.value)
    assert await r.execute("PING") == "PONG"


async def test_many_callers_get_their_own_replies(r: Redis) -> None:
    async def one(number: int) -> None:
        for turn in range(20):
            nonce = f"{number}:{turn}:" + "x" * (number % 7 * 1000)
            assert await r.echo(nonce) == nonce

    await asyncio.gather(*(one(number) for number in range(200)))


async def test_large_values(r: Redis) -> None:
    large = bytes(range(256)) * 40_000
    await r.set("large", large)
    others = [r.echo(str(number)) for number in range(100)]
    got, *rest = await asyncio.gather(r.binary.get("large"), r.set("large2", large), *others)
    assert got == large
    assert rest == [True, *map(str, range(100))]
    assert await r.strlen("large2") == len(large)


async def test_cancelling_keeps_step(r: Redis) -> None:
    await r.ping()
    for turns in range(8):
        tasks = [asyncio.create_task(r.echo(f"{turns}:{number}")) for number in range(60)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        for number, task in enumerate(tasks):
            with contextlib.suppress(asyncio.CancelledError):
                assert await task == f"{turns}:{number}"
        assert await r.echo("in step") == "in step"


async def test_a_call_cancelled_before_it_is_sent_does_not_run(r: Redis) -> None:
    await r.ping()
    keep = asyncio.create_task(r.incr("n"))
    drop = asyncio.create_task(r.incr("n"))
    later = asyncio.create_task(r.incr("n"))
    await asyncio.sleep(0)  # all three are called, the first is sent at once, the others wait for the turn's end
    drop.cancel()
    assert await keep == 1
    assert await later == 2
    assert await r.get("n") == "2"


async def test_the_first_caller_gives_up_while_connecting(server: EmbeddedServer) -> None:
    r = Redis(server.host, server.port)
    first, second = asyncio.create_task(r.set("a", 1)), asyncio.create_task(r.set("b", 2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is True
    assert first.cancelled()
    assert await r.exists("a") == 0, "it was never sent"
    await r.aclose()


async def test_connecting_does_not_take_over_a_callers_context(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token: contextvars.ContextVar[str] = contextvars.ContextVar("token", default="none")
    seen: list[str] = []

    async def connect(settings: Any) -> Any:
        seen.append(token.get())
        return await real(settings)

    for module in (shared, leasing):
        real = module.connect
        monkeypatch.setattr(module, "connect", connect)
    token.set("caller")
    async with Redis(server.host, server.port) as r:
        await r.ping()
        await r.blpop("none", timeout=0.01)
    assert seen == ["none", "none"]


async def test_blocking_commands_hold_nobody_up(r: Redis) -> None:
    popping = asyncio.create_task(r.blpop("queue", timeout=5))
    await r.ping()
    await until_blocked(r, True)
    await r.rpush("queue", "x")
    assert await popping == ("queue", "x")
    assert await r.blpop("queue", timeout=0.01) is None
    assert len((await r.execute("CLIENT", "LIST")).splitlines()) == 2, "the leased connection is used again"
    assert await r.execute("BLPOP", "queue", "0.01") is None


async def test_a_servers_error_on_a_leased_connection(r: Redis) -> None:
    await r.set("k", "v")
    for _ in range(3):
        with pytest.raises(WrongType):
            await r.blpop("k", timeout=1)
    assert len((await r.execute("CLIENT", "LIST")).splitlines()) == 2


async def test_a_cancelled_blocking_command_takes_nothing(r: Redis) -> None:
    popping = asyncio.create_task(r.blpop("queue", timeout=0))
    await until_blocked(r, True)
    popping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await popping
    await until_blocked(r, False)
    assert await r.rpush("queue", "x") == 1
    assert await r.llen("queue") == 1


async def test_leased_connections_are_bounded(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, max_leased=1, command_timeout=0.2) as r:
        popping = asyncio.create_task(r.blpop("queue", timeout=2))
        await until_blocked(r, True)
        with pytest.raises(PoolTimeout):
            await r.blpop("other", timeout=1)
        await r.rpush("queue", "x")
        assert await popping == ("queue", "x")
        assert await r.blpop("other", timeout=0.01) is None


async def test_a_running_script_can_be_killed(r: Redis) -> None:
    await r.execute("CONFIG", "SET", "busy-reply-threshold", 50)
    endless = asyncio.create_task(r.using(timeout=20).execute("EVAL", "while true do end", 0))
    await asyncio.sleep(0.05)
    for _ in range(100):
        with contextlib.suppress(ServerError):
            await r.execute("SCRIPT", "KILL")
            break
        await asyncio.sleep(0.05)
    with pytest.raises(ServerError):
        await endless
    assert await r.ping()


async def test_a_timeout_leaves_the_connection_in_step(r: Redis, server: EmbeddedServer) -> None:
    await r.ping()
    server.pause()
    try:
        with pytest.raises(CommandTimeout) as sent:
            await r.using(timeout=0.05).incr("n")
        assert (sent.value.outcome, sent.value.command) == ("unknown", "INCR")
        assert sent.value.elapsed is not None
        assert sent.value.elapsed >= 0.05
        assert isinstance(sent.value, TimeoutError)
    finally:
        server.resume()
    assert await r.echo("in step") == "in step"
    assert await r.get("n") == "1", "unknown means: it may still run"


async def test_a_timeout_while_connecting_means_not_run(server: EmbeddedServer) -> None:
    server.pause()
    try:
        async with Redis(server.host, server.port, connect_timeout=1) as r:
            with pytest.raises(CommandTimeout) as caught:
                await r.using(timeout=0.05).incr("n")
            assert caught.value.outcome == "not_run"
    finally:
        server.resume()


async def test_a_server_that_does_not_answer_the_handshake(server: EmbeddedServer) -> None:
    server.pause()
    try:
        async with Redis(server.host, server.port, connect_timeout=0.1) as r:
            with pytest.raises(ConnectionFailed, match=r"within 0\.1 s") as caught:
                await r.ping()
            assert caught.value.outcome == "not_run"
    finally:
        server.resume()


async def test_nothing_listens() -> None:
    async with Redis("127.0.0.1", 1, command_timeout=0.2) as r:
        results = await asyncio.gather(*(r.ping() for _ in range(3)), return_exceptions=True)
        assert len({id(error) for error in results}) == 3, "each caller has an error of its own"
        for error in results:
            assert isinstance(error, ConnectionFailed)
            assert isinstance(error, ConnectionError)
            assert (error.address, error.outcome, error.command) == ("127.0.0.1:1", "not_run", "PING")
    async with Redis(path="/no/such.sock", reconnect=Reconnect(attempts=0)) as r:
        with pytest.raises(ConnectionFailed, match="No such file"):
            await r.ping()
    async with Redis("name.invalid", reconnect=Reconnect(attempts=0)) as r:
        with pytest.raises(ConnectionFailed, match="cannot connect"):
            await r.ping()


async def test_options_reach_the_server(server: EmbeddedServer) -> None:
    async with Redis.from_url(f"{server.url(2)}?client_name=web") as r:
        await r.set("k", "v")
        assert await r.execute("CLIENT", "GETNAME") == "web"
        assert "db=2" in await r.execute("CLIENT", "LIST")
        assert "db=2" in repr(r)
    async with Redis(server.host, server.port) as r:
        assert await r.get("k") is None
    async with Redis(server.host, server.port, db=9999) as r:
        with pytest.raises(ConnectionFailed, match="database 9999"):
            await r.ping()


async def test_credentials(server: EmbeddedServer) -> None:
    server.call("ACL", "SETUSER", "app", "on", ">canary", "~*", "+@all")
    for protocol in (2, 3):
        options: Any = {"protocol": protocol, "username": "app"}
        async with Redis(server.host, server.port, password="canary", **options) as r:
            assert await r.execute("ACL", "WHOAMI") == "app"
            assert "canary" not in repr(r)
        async with Redis(server.host, server.port, password="canary-wrong", **options) as r:
            with pytest.raises(AuthenticationFailed) as caught:
                await r.ping()
            assert "canary" not in str(caught.value) + repr(caught.value)


async def test_a_restricted_user(server: EmbeddedServer) -> None:
    server.call("ACL", "SETUSER", "few", "on", ">pw", "~*", "+get", "+set")
    async with Redis(server.host, server.port, username="few", password="pw", client_name="web") as r:
        assert await r.set("k", "v")
        assert await r.get("k") == "v"


async def test_closing(server: EmbeddedServer) -> None:
    r = Redis(server.host, server.port)
    view = r.binary
    await r.ping()
    in_flight = asyncio.create_task(r.set("k", "v"))
    await asyncio.sleep(0)
    await asyncio.gather(r.aclose(), view.aclose())
    await r.aclose()
    assert await in_flight is True
    for call in (r.ping(), view.ping(), r.pipeline().execute()):
        if (await asyncio.gather(call, return_exceptions=True)) == [[]]:
            continue  # an empty batch needs no connection
        with pytest.raises(ClientClosed):
            await r.ping()
    assert "closed" in repr(r)
    with pytest.raises(ClientClosed):
        await r.blpop("k", timeout=1)


async def test_closing_an_unused_client() -> None:
    async with Redis():
        pass
    r = Redis()
    await r.aclose()
    with pytest.raises(ClientClosed):
        await r.ping()


async def test_closing_while_connecting(server: EmbeddedServer) -> None:
    server.pause()
    try:
        r = Redis(server.host, server.port)
        waiting = asyncio.create_task(r.ping())
        await asyncio.sleep(0.02)
        await r.aclose()
        with pytest.raises(NotSent):
            await waiting
    finally:
        server.resume()


async def test_closing_does_not_wait_for_ever(server: EmbeddedServer) -> None:
    r = Redis(server.host, server.port)
    await r.ping()
    server.pause()
    try:
        waiting = [asyncio.create_task(r.incr("n")), asyncio.create_task(r.get("n"))]
        await asyncio.sleep(0)
        begin = asyncio.get_running_loop().time()
        await r.aclose()
        assert 0.9 < asyncio.get_running_loop().time() - begin < 1.5
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, OutcomeUnknown)
    finally:
        server.resume()


async def test_another_loop_in_another_thread(r: Redis) -> None:
    await r.ping()

    async def use() -> None:
        await r.ping()

    with pytest.raises(WrongLoop):
        await asyncio.to_thread(asyncio.run, use())
    assert await r.ping()


# uvloop itself warns of transports as its loop closes, and hangs where that is an error.
@pytest.mark.filterwarnings("ignore:unclosed resource:ResourceWarning")
@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_closed_loop_is_left_behind(server: EmbeddedServer, kind: str) -> None:
    uvloop = pytest.importorskip("uvloop") if kind == "uvloop" else None
    r = Redis(server.host, server.port)

    async def use() -> Any:
        await r.blpop("none", timeout=0.01)
        return await r.incr("n")

    for turn in (1, 2, 3):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
            assert runner.run(use()) == turn
    asyncio.run(r.aclose())
    gc.collect()
    with pytest.raises(ClientClosed):
        asyncio.run(use())


def test_an_open_loop_is_not(server: EmbeddedServer) -> None:
    r = Redis(server.host, server.port)
    one, two = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        one.run_until_complete(r.ping())
        with pytest.raises(WrongLoop):
            two.run_until_complete(r.ping())
        with pytest.raises(WrongLoop):
            two.run_until_complete(r.aclose())
        assert one.run_until_complete(r.ping())
        one.run_until_complete(r.aclose())
    finally:
        one.close()
        two.close()


@pytest.mark.parametrize("protocol", [2, 3])
def test_uvloop(server: EmbeddedServer, protocol: Literal[2, 3]) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def use() -> None:
        async with Redis(server.host, server.port, protocol=protocol) as r:
            large = "x" * 3_000_000
            assert await r.set("k", large)
            results = await asyncio.gather(*(r.echo(str(number)) for number in range(500)), r.get("k"))
            assert results == [*map(str, range(500)), large]
            with pytest.raises(CommandTimeout):
                await r.using(timeout=0.02).execute("EVAL", "local t = {} for i = 1, 3e7 do t[1] = i end", 0)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(use())


async def test_an_unclosed_client_warns(server: EmbeddedServer) -> None:
    r = Redis(server.host, server.port)
    view = r.binary
    await r.ping()
    core = r._core
    del r
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
        assert not caught, "a view is left"
        del view
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]
    await core.aclose()


async def test_clients_are_not_copied(r: Redis) -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            attempt(r)


async def test_observer_and_middleware(server: EmbeddedServer) -> None:
    events: list[CommandStarted | CommandFinished] = []

    class Observer:
        def started(self, event: CommandStarted, /) -> None:
            events.append(event)

        def finished(self, event: CommandFinished, /) -> None:
            events.append(event)

    def shout(call: Any) -> Any:
        async def wrapped(spec: Any, words: Any) -> Any:
            return await call(spec, (*words[:-1], words[-1].upper()) if spec.name == "ECHO" else words)

        return wrapped

    async with Redis(server.host, server.port, observer=Observer(), middleware=[shout]) as r:
        assert await r.echo("a") == "A"
        with pytest.raises(ServerError):
            await r.execute("NO.SUCH")
        await r.blpop("none", timeout=0.01)
        await r.batch(lambda p: (p.incr("n"), p.get("n")))
    started = [event for event in events if isinstance(event, CommandStarted)]
    finished = [event for event in events if isinstance(event, CommandFinished)]
    assert [(event.name, event.batch) for event in started] == [
        *(("ECHO", None), ("NO.SUCH", None)),
        *(("BLPOP", None), ("PIPELINE", 2)),
    ]
    assert [type(event.error) for event in finished] == [type(None), ServerError, type(None), type(None)]


async def test_words_that_cannot_be_sent(r: Redis) -> None:
    bad: Any
    for bad in (None, True, float("nan"), object(), "canary\ud800"):
        with pytest.raises(UsageError) as caught:
            await r.set("k", bad)
        assert "canary" not in str(caught.value)
    assert await r.exists("k") == 0


def test_the_public_names() -> None:
    for name in redpoll.__all__:
        assert getattr(redpoll, name) is not None
