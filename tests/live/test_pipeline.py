"""Batches against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from redpoll import (
    ClientClosed,
    ConnectionFailed,
    DecodeFailed,
    Redis,
    RedisError,
    ServerError,
    UsageError,
    WrongType,
)
from redpoll.testing import EmbeddedServer


@pytest.fixture
async def r(server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis(server.host, server.port) as client:
        yield client


async def test_results_after_the_block(r: Redis) -> None:
    async with r.pipeline() as p:
        a, b, c = p.incr("n"), p.get("k"), p.hgetall("none")
        assert not a.done()
        with pytest.raises(UsageError, match="has not run"):
            a.result()
        assert len(p) == 3
    assert (a.result(), b.result(), c.result()) == (1, None, {})
    assert await a == 1


async def test_execute_and_begin_anew(r: Redis) -> None:
    p = r.pipeline()
    assert await p.execute() == []
    p.set("k", "v")
    p.get("k")
    p.raw("object", "refcount", "k")
    p.raw("GET", b"k")
    assert await p.execute() == [True, "v", 1, "v"]
    p.incr("n")
    assert await p.execute() == [1]


async def test_a_body_that_raises_sends_nothing(r: Redis) -> None:
    async def body() -> None:
        async with r.pipeline() as p:
            p.set("k", "v")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await body()
    assert await r.exists("k") == 0


async def test_each_command_has_its_own_error(r: Redis) -> None:
    await r.set("k", "v")
    p = r.pipeline()
    a, b, c = p.incr("n"), p.lpush("k", "canary"), p.incr("n")
    with pytest.raises(WrongType) as caught:
        await p.execute()
    assert (a.result(), c.result()) == (1, 2)
    assert b.exception() is caught.value
    assert caught.value.command == "LPUSH"
    async with r.pipeline(raise_on_error=False) as p:
        a, b = p.incr("n"), p.lpush("k", "x")
    assert a.result() == 3
    with pytest.raises(WrongType):
        b.result()
    p = r.pipeline(raise_on_error=False)
    p.get("k")
    p.lpush("k", "x")
    first, second = await p.execute()
    assert first == "v"
    assert isinstance(second, WrongType)


async def test_a_bad_argument_stops_the_batch(r: Redis) -> None:
    bad: Any = None
    p = r.pipeline()
    for number in range(5000):
        p.set(f"k{number}", "v")
    p.set("bad", bad)
    with pytest.raises(UsageError):
        await p.execute()
    assert await r.dbsize() == 0


async def test_exact_types(r: Redis) -> None:
    n, k = await r.batch(lambda p: (p.incr("n"), p.get("k")))
    assert (n, k) == (1, None)
    assert await r.batch(lambda p: [p.incr("n") for _ in range(3)]) == [2, 3, 4]
    bad: Any = lambda p: p.incr("n")  # noqa: E731
    with pytest.raises(UsageError):
        await r.batch(bad)
    assert await r.get("n") == "4", "a batch that is refused is not sent"


async def test_what_does_not_belong_in_a_batch(r: Redis) -> None:
    p = r.pipeline()
    for words in (("MULTI",), (b"client", "reply", "off"), ("select", 1), ("BLPOP", "k", 0)):
        with pytest.raises(UsageError):
            p.raw(*words)
    with pytest.raises(UsageError):
        p.blpop("k", timeout=1)
    assert len(p) == 0


async def test_decoding_is_each_commands_own(r: Redis) -> None:
    await r.set("bytes", b"\xff")
    p = r.pipeline(raise_on_error=False)
    a, b, c = p.get("bytes"), p.dump("bytes"), p.ping()
    await p.execute()
    assert isinstance(a.exception(), DecodeFailed)
    assert isinstance(b.result(), bytes)
    assert c.result()
    async with r.binary.pipeline() as q:
        d = q.get("bytes")
    assert d.result() == b"\xff"


async def test_a_long_batch(r: Redis) -> None:
    p = r.pipeline()
    queued = [p.incrby("n", number) for number in range(20_000)]
    await asyncio.gather(p.execute(), *(r.echo(str(number)) for number in range(100)))
    assert queued[-1].result() == sum(range(20_000))
    total = 0
    for number, each in enumerate(queued):
        total += number
        assert each.result() == total


async def test_a_long_batch_does_not_hold_the_loop(valkey: EmbeddedServer) -> None:
    """No stretch of work above 50 ms, by CPU time: what else the machine does is no concern here."""
    async with Redis(valkey.host, valkey.port) as r:
        p = r.pipeline()
        for number in range(200_000):
            p.set(f"key:{number}", "x" * 100)
        longest, stop = 0.0, False

        async def watch() -> None:
            nonlocal longest
            while not stop:
                before = time.thread_time()
                await asyncio.sleep(0)
                longest = max(longest, time.thread_time() - before)

        watching = asyncio.create_task(watch())
        await p.execute()
        stop = True
        await watching
    assert longest < 0.05


async def test_large_values_in_a_batch(r: Redis) -> None:
    large = "x" * 3_000_000
    async with r.pipeline() as p:
        for number in range(5):
            p.set(f"k{number}", large)
        lengths = [p.strlen(f"k{number}") for number in range(5)]
        back = p.get("k3")
    assert [length.result() for length in lengths] == [3_000_000] * 5
    assert back.result() == large


async def test_cancelling_a_batch_keeps_step(r: Redis) -> None:
    await r.ping()
    for turns in range(12):
        p = r.pipeline()
        for number in range(3000):
            p.echo(str(number))
        running = asyncio.create_task(p.execute())
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert await r.echo("in step") == "in step"


async def test_no_server_and_a_closed_client() -> None:
    r = Redis("127.0.0.1", 1)
    p = r.pipeline()
    a, b = p.get("a"), p.incr("b")
    with pytest.raises(ConnectionFailed):
        await p.execute()
    errors = [a.exception(), b.exception()]
    assert errors[0] is not errors[1]
    for error, name in zip(errors, ("GET", "INCR"), strict=True):
        assert isinstance(error, ConnectionFailed)
        assert (error.command, error.outcome, error.address) == (name, "not_run", "127.0.0.1:1")
    await r.aclose()
    p.get("a")
    with pytest.raises(ClientClosed):
        await p.execute()


async def test_a_batch_of_errors_is_quick_to_tell(r: Redis) -> None:
    p = r.pipeline(raise_on_error=False)
    for _ in range(1000):
        p.raw("NO.SUCH", "canary")
    results = await p.execute()
    assert all(isinstance(error, ServerError) and "canary" not in str(error) for error in results)
    assert len({id(error) for error in results}) == 1000
    assert issubclass(ServerError, RedisError)
