"""Transactions against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from redpoll import (
    CommandStarted,
    DecodeFailed,
    Dedicated,
    ExecAborted,
    Queued,
    Redis,
    ServerError,
    Transaction,
    TransactionBroken,
    UsageError,
    WatchConflict,
    WrongType,
)
from redpoll.errors import Busy, NoPermission, OutOfMemory, ReadOnly
from redpoll.testing import EmbeddedServer


@pytest.fixture
async def r(server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis(server.host, server.port) as client:
        yield client


@pytest.fixture
def replica(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """A server that refuses writes, as its primary is elsewhere."""
    server.call("REPLICAOF", "127.0.0.1", "1")
    yield server
    server.call("REPLICAOF", "NO", "ONE")


async def test_results_are_those_of_awaited_calls(each_client: Redis[Any]) -> None:
    """In EXEC's array each element is read as its own command wants it: text, bytes, floats, maps, sets."""
    c = each_client
    await c.hset("h", {"f": "é"})
    await c.zadd("z", {"a": 1.5, "b": float("inf")})
    await c.sadd("s", "a", "b")
    await c.rpush("l", "a", "b")
    await c.xadd("x", {"f": "v"}, id="1-1")
    await c.set("k", "é")
    async with c.transaction() as tx:
        queued = [
            *(tx.get("k"), tx.get("none"), tx.dump("k"), tx.hgetall("h"), tx.smembers("s"), tx.zscore("z", "a")),
            *(tx.zrange("z", 0, -1, withscores=True), tx.lrange("l", 0, -1), tx.xrange("x"), tx.type("k")),
            *(tx.exists("k"), tx.mget("k", "none"), tx.ping(), tx.object_encoding("k"), tx.zmscore("z", ["b", "none"])),
            *(tx.xinfo_stream("x"), tx.config_get("maxmemory"), tx.command_info("get"), tx.echo("é")),
        ]
        counted = tx.incr("n")
    assert counted.result() == 1
    awaited = [
        *(await c.get("k"), await c.get("none"), await c.dump("k"), await c.hgetall("h"), await c.smembers("s")),
        *(await c.zscore("z", "a"), await c.zrange("z", 0, -1, withscores=True), await c.lrange("l", 0, -1)),
        *(await c.xrange("x"), await c.type("k"), await c.exists("k"), await c.mget("k", "none"), await c.ping()),
        *(await c.object_encoding("k"), await c.zmscore("z", ["b", "none"]), await c.xinfo_stream("x")),
        *(await c.config_get("maxmemory"), await c.command_info("get"), await c.echo("é")),
    ]
    for each, value in zip(queued, awaited, strict=True):
        assert each.result() == value, each
        assert type(each.result()) is type(value), each


async def test_an_error_is_its_own_commands_and_undoes_nothing(each_client: Redis[Any], decode_responses: bool) -> None:
    c = each_client
    await c.set("bytes", b"\xff")
    tx = c.transaction()
    a, b, d, e = tx.incr("n"), tx.lpush("n", "x"), tx.get("bytes"), tx.dump("bytes")
    script = tx.eval("return redis.error_reply('OOM made up')", 0)
    f = tx.incr("n")
    with pytest.raises(WrongType) as caught:
        await tx.execute()
    assert (a.result(), f.result()) == (1, 2)
    assert b.exception() is caught.value
    assert (caught.value.command, caught.value.outcome) == ("LPUSH", "not_run")
    assert isinstance(e.result(), bytes)
    assert isinstance(error := script.exception(), OutOfMemory)
    assert error.outcome == "unknown"
    if decode_responses:
        assert isinstance(error := d.exception(), DecodeFailed)
        assert (error.command, error.outcome) == ("GET", "ran")
    else:
        assert d.result() == b"\xff"
    assert await c.get("n") in ("2", b"2")


async def test_refused_while_it_is_queued(r: Redis) -> None:
    tx = r.transaction()
    a, b, c = tx.set("k", "v"), tx.raw("NO.SUCH", "canary"), tx.incr("n")
    with pytest.raises(ServerError, match="unknown command") as caught:
        await tx.execute()
    assert b.exception() is caught.value
    assert caught.value.outcome == "not_run"
    assert "canary" not in str(caught.value)
    for each, name in ((a, "SET"), (c, "INCR")):
        error = each.exception()
        assert isinstance(error, ExecAborted)
        assert (error.command, error.outcome) == (name, "not_run")
    assert await r.exists("k", "n") == 0
    tx.get("k")
    tx.raw("GET")
    assert [type(error) for error in await tx.execute(raise_on_error=False)] == [ExecAborted, ServerError]


async def test_no_memory(server: EmbeddedServer, r: Redis) -> None:
    server.call("CONFIG", "SET", "maxmemory", "1")
    tx = r.transaction()
    a, b = tx.delete("k"), tx.set("k", "v")
    with pytest.raises(OutOfMemory) as caught:
        await tx.execute()
    assert (caught.value.command, caught.value.outcome) == ("SET", "not_run")
    assert b.exception() is caught.value
    assert isinstance(a.exception(), ExecAborted)
    assert await r.transaction().execute() == []
    assert await r.batch(lambda p: [p.get("k")], atomic=True) == [None]


async def test_a_replica(replica: EmbeddedServer) -> None:
    async with Redis(replica.host, replica.port) as r:
        tx = r.transaction()
        a, b = tx.get("k"), tx.set("k", "v")
        begin = time.monotonic()
        with pytest.raises(ReadOnly) as caught:
            await tx.execute()
        assert time.monotonic() - begin < 2
        assert caught.value.outcome == "not_run"
        assert b.exception() is caught.value
        assert isinstance(a.exception(), ExecAborted)
        assert await r.batch(lambda p: (p.get("k"),), atomic=True) == (None,)


async def until_refused(r: Redis) -> None:
    while True:
        await r.batch(lambda p: (p.ping(), p.incr("n")), atomic=True)


@pytest.mark.parametrize("proved", [False, True])
async def test_while_a_script_runs(server: EmbeddedServer, r: Redis, proved: bool) -> None:
    server.call("CONFIG", "SET", "busy-reply-threshold", "10")
    if proved:
        assert await r.batch(lambda p: (p.incr("n"),), atomic=True) == (1,)
    async with Redis(server.host, server.port) as other:
        running = asyncio.create_task(other.eval("while true do end", 0))
        try:
            with pytest.raises(Busy) as caught:
                await until_refused(r)
            assert caught.value.outcome == "not_run"
        finally:
            await other.script_kill()
        with pytest.raises(ServerError):
            await running
    await r.batch(lambda p: (p.incr("n"),), atomic=True)


async def test_a_user_who_may_not(server: EmbeddedServer) -> None:
    """Without the probe the server would refuse MULTI and run the commands bare."""
    server.call("ACL", "SETUSER", "few", "on", ">pw", "~*", "+@all", "-multi")
    async with Redis(server.host, server.port, username="few", password="pw") as r:
        tx = r.transaction()
        queued = [tx.incr("n"), tx.incr("n")]
        with pytest.raises(TransactionBroken, match="MULTI does not work here: NOPERM") as caught:
            await tx.execute()
        assert caught.value.outcome == "not_run"
        assert [type(each.exception()) for each in queued] == [TransactionBroken] * 2
        assert await r.get("n") is None
        for without in ("+multi -exec", "+multi +exec -discard"):
            server.call("ACL", "SETUSER", "few", *without.split())
            with pytest.raises(TransactionBroken, match="NOPERM"):
                await r.batch(lambda p: (p.incr("n"),), atomic=True)
            assert await r.get("n") is None
        server.call("ACL", "SETUSER", "few", "+discard")
        assert await r.batch(lambda p: (p.incr("n"),), atomic=True) == (1,)
        server.call("ACL", "SETUSER", "few", "-multi")
        tx = r.transaction()
        counted, none = tx.incr("n"), tx.raw("NO.SUCH")
        with pytest.raises(TransactionBroken, match="MULTI was refused, so the command ran by itself") as caught:
            await tx.execute()
        assert caught.value.outcome == "ran", "his right was taken behind the probe"
        assert isinstance(error := none.exception(), TransactionBroken)
        assert (error.outcome, counted.exception()) == ("not_run", caught.value)
        with pytest.raises(TransactionBroken, match="MULTI does not work here") as caught:
            await r.batch(lambda p: (p.incr("n"),), atomic=True)
        assert caught.value.outcome == "not_run"
        assert await r.get("n") == "2"


async def test_a_user_who_may_not_any_more(server: EmbeddedServer, r: Redis) -> None:
    server.call("ACL", "SETUSER", "few", "on", ">pw", "~*", "+@all", "-multi")
    async with r.dedicated() as c:
        assert await c.batch(lambda p: (p.incr("n"),), atomic=True) == (1,)
        await c.execute("AUTH", "few", "pw")
        with pytest.raises(TransactionBroken):
            await c.batch(lambda p: (p.incr("n"),), atomic=True)
    assert await r.get("n") == "1"


async def test_nothing_of_others_stands_between(r: Redis) -> None:
    """Many at once on one connection, among plain commands: each sees both counters alike."""

    async def both() -> None:
        for _ in range(20):
            a, b, c = await r.batch(lambda p: (p.incr("a"), p.incr("b"), p.get("a")), atomic=True)
            assert a == b == int(c or 0)

    async def alone() -> None:
        for _ in range(50):
            await r.incr("c")

    await asyncio.gather(*(both() for _ in range(20)), *(alone() for _ in range(20)))
    assert await r.mget("a", "b", "c") == ["400", "400", "1000"]


async def test_a_block_that_raises_sends_nothing(r: Redis) -> None:
    async def body() -> None:
        async with r.transaction() as tx:
            tx.set("k", "v")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await body()
    bad: Any = None
    tx = r.transaction()
    tx.set("k", "v")
    tx.set("l", bad)
    with pytest.raises(UsageError):
        await tx.execute()
    assert await r.exists("k", "l") == 0


@pytest.mark.parametrize("kind", ["pipeline", "transaction"])
async def test_used_in_the_wrong_order(r: Redis, kind: str) -> None:
    batch = r.pipeline() if kind == "pipeline" else r.transaction()
    assert await batch.execute() == []
    async with batch as p:
        queued = p.incr("n")
        with pytest.raises(UsageError, match="has not run"):
            queued.result()
        with pytest.raises(UsageError, match="open already"):
            async with batch:
                pass
        assert not queued.done(), "the block goes on"
    assert queued.result() == await queued == 1
    with pytest.raises(UsageError, match="has ended"):
        batch.incr("n")
    async with batch:
        again = batch.incr("n")
    assert again.result() == 2
    async with batch:
        pass
    assert await r.get("n") == "2"


async def test_what_does_not_belong_in_a_transaction(r: Redis) -> None:
    for link in (r, r.dedicated()):
        tx = link.transaction()
        for words in (
            ("MULTI",),
            ("WATCH", "k"),
            ("select", 1),
            ("AUTH", "pw"),
            (b"client", "reply", "off"),
            ("RESET",),
        ):
            with pytest.raises(UsageError):
                tx.raw(*words)
        with pytest.raises(UsageError, match="may block"):
            tx.blpop("k", timeout=1)
        with pytest.raises(UsageError, match="between MULTI and EXEC"):
            tx.wait(1, 10)
        assert len(tx) == 0


async def test_a_watched_key(r: Redis) -> None:
    async with r.dedicated() as c:
        for changes in (False, True):
            await c.set("k", "1")
            await c.watch("k")
            if changes:
                await r.set("k", "2")
            tx = c.transaction()
            a, b = tx.incr("k"), tx.incr("n")
            if changes:
                with pytest.raises(WatchConflict) as caught:
                    await tx.execute()
                assert (a.exception(), caught.value.outcome) == (caught.value, "not_run")
                assert isinstance(b.exception(), WatchConflict)
                assert b.exception() is not a.exception()
            else:
                assert await tx.execute() == [2, 1]
        assert await c.get("k") == "2"


async def add(c: Dedicated[str], tx: Transaction[str]) -> Queued[str | bool | None]:
    before = int(await c.get("n") or 0)
    return tx.set("n", before + 1, get=True)


async def test_watch_transaction_runs_anew_until_nothing_has_changed(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, max_leased=8) as r:
        runs = 0

        async def body(c: Dedicated[str], tx: Transaction[str]) -> Any:
            nonlocal runs
            runs += 1
            return await add(c, tx)

        results = await asyncio.gather(*(r.watch_transaction(["n"], body, attempts=1000) for _ in range(40)))
        assert sorted(int(each.result() or 0) for each in results) == [*range(40)], "each its own"
        assert runs > 40
        assert await r.get("n") == "40"


async def test_watch_transaction_gives_up(r: Redis) -> None:
    async def body(c: Dedicated[str], tx: Transaction[str]) -> None:
        await r.incr("n")
        tx.incr("done")

    with pytest.raises(WatchConflict, match="3 attempts") as caught:
        await r.watch_transaction("n", body, attempts=3, backoff=0.001)
    assert (caught.value.attempt, caught.value.outcome) == (3, "not_run")
    assert await r.mget("n", "done") == ["3", None]
    for wrong in (0, True, 1.5):
        bad: Any = wrong
        with pytest.raises(UsageError, match="attempts"):
            await r.watch_transaction("n", body, attempts=bad)


async def test_watch_transaction_without_a_transaction(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, max_leased=1) as r:

        async def reads(c: Dedicated[str], tx: Transaction[str]) -> str | None:
            await r.set("n", "changed")
            return await c.get("n")

        async def raises(c: Dedicated[str], tx: Transaction[str]) -> None:
            tx.set("n", "never")
            raise ZeroDivisionError

        async def conflicts(c: Dedicated[str], tx: Transaction[str]) -> None:
            raise WatchConflict("of its own")

        async def hangs(c: Dedicated[str], tx: Transaction[str]) -> None:
            tx.set("n", "never")
            await asyncio.sleep(60)

        assert await r.watch_transaction("n", reads) == "changed"
        with pytest.raises(ZeroDivisionError):
            await r.watch_transaction("n", raises)
        with pytest.raises(WatchConflict, match="of its own"):
            await r.watch_transaction("n", conflicts)
        hanging = asyncio.create_task(r.watch_transaction("n", hangs))
        await asyncio.sleep(0.05)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert await r.get("n") == "changed"
        async with r.dedicated() as c:  # the only one has come back, and watches nothing
            await r.set("n", "1")
            assert await c.batch(lambda p: (p.incr("n"),), atomic=True) == (2,)


async def test_cancelling_keeps_step(r: Redis) -> None:
    await r.ping()
    for turns in range(12):
        tx = r.transaction()
        for number in range(3000):
            tx.echo(str(number))
        running = asyncio.create_task(tx.execute())
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert await r.echo("in step") == "in step"


async def test_a_long_transaction(r: Redis) -> None:
    async with r.transaction() as tx:
        queued = [tx.incrby("n", 1) for _ in range(20_000)]
        large = tx.set("large", "x" * 3_000_000, get=True)
        back = tx.get("large")
    assert [each.result() for each in queued] == [*range(1, 20_001)]
    assert large.result() is None
    assert back.result() == "x" * 3_000_000


async def test_with_a_prefix_and_an_observer(server: EmbeddedServer) -> None:
    events: list[CommandStarted] = []

    class Observer:
        def started(self, event: CommandStarted) -> None:
            events.append(event)

        def finished(self, event: object) -> None:
            pass

    async with Redis(server.host, server.port, key_prefix="app:", observer=Observer()) as r:
        a, keys = await r.batch(lambda p: (p.set("k", "v"), p.keys("*")), atomic=True)
        assert (a, keys) == (True, ["k"])
        assert server.call("GET", "app:k") == "v"
        assert [(event.name, event.batch) for event in events] == [("MULTI", 2)]
        assert (await r.watch_transaction("n", add)).result() is None
        with pytest.raises(UsageError, match="prefix"):
            r.transaction().raw("NO.SUCH")


async def test_permissions_of_one_command(server: EmbeddedServer) -> None:
    server.call("ACL", "SETUSER", "few", "on", ">pw", "~*", "+@all", "-incr")
    async with Redis(server.host, server.port, username="few", password="pw") as r:
        tx = r.transaction()
        a, b = tx.set("k", "v"), tx.incr("n")
        with pytest.raises(NoPermission) as caught:
            await tx.execute()
        assert b.exception() is caught.value
        assert isinstance(a.exception(), ExecAborted)
        assert await r.exists("k") == 0
