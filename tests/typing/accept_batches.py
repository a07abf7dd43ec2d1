"""Pipelines and batches: the same results as awaited, queued first."""

# A batch's own commands are not awaited; the project's option that finds a forgotten await does not know that.
# mypy: disable-error-code="unused-awaitable"

from __future__ import annotations

from typing import Any, assert_type

from redpoll import Client, Dedicated, Pipeline, Queued, Redis, Transaction
from redpoll.records.data import GeoResult
from redpoll.types import S


async def pipeline(r: Redis, b: Redis[bytes], flag: bool) -> None:
    async with r.pipeline() as p:
        assert_type(p, Pipeline[str])
        count = p.incr("n")
        value = p.get("k")
        assert_type(count, Queued[int])
        assert_type(value, Queued[str | None])
        assert_type(p.hset("k", {"f": 1}), Queued[int])
        assert_type(p.set("k", "v"), Queued[bool])
        assert_type(p.set("k", "v", get=True), Queued[str | None])
        assert_type(p.set("k", "v", get=flag), Queued[str | bool | None])
        assert_type(p.raw("PING"), Queued[Any])
    assert_type(count.result(), int)
    assert_type(value.result(), str | None)
    assert_type(await value, str | None)
    async with b.pipeline(raise_on_error=False) as q:
        assert_type(q.hgetall("k"), Queued[dict[bytes, bytes]])
        assert_type(await q.execute(), list[Any])


def queued(p: Pipeline[bytes], flag: bool, some: int | None) -> None:
    assert_type(p.lpop("k"), Queued[bytes | None])
    assert_type(p.lpop("k", 2), Queued[list[bytes] | None])
    assert_type(p.zrange("k", 0, -1, withscores=True), Queued[list[tuple[bytes, float]]])
    assert_type(p.zrange("k", 0, -1, withscores=flag), Queued[list[tuple[bytes, float]] | list[bytes]])
    assert_type(p.spop("k", 3), Queued[set[bytes]])
    assert_type(p.zadd("k", {"m": 1.0}, incr=True), Queued[float | None])
    assert_type(p.xadd("s", {"f": 1}, nomkstream=True), Queued[bytes | None])
    assert_type(p.xrange("s"), Queued[list[tuple[bytes, dict[bytes, bytes]]]])
    assert_type(p.geosearch("g", frommember="a", byradius=(1, "KM"), withdist=True), Queued[list[GeoResult[bytes]]])
    assert_type(p.mget(["a", "b"]), Queued[list[bytes | None]])
    assert_type(p.sort("k", store="to"), Queued[int])


def generic(p: Pipeline[S]) -> Queued[dict[S, S]]:
    assert_type(p.smembers("k"), Queued[set[S]])
    return p.hgetall("k")


async def tuples(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.batch(lambda p: (p.incr("n"),)), tuple[int])
    assert_type(await r.batch(lambda p: (p.incr("n"), p.get("k"))), tuple[int, str | None])
    assert_type(await b.batch(lambda p: (p.incr("n"), p.get("k"))), tuple[int, bytes | None])
    assert_type(
        await r.batch(lambda p: (p.hgetall("h"), p.scard("s"), p.zscore("z", "m"))),
        tuple[dict[str, str], int, float | None],
    )
    first, second = await r.batch(lambda p: (p.incr("n"), p.smembers("s")))
    assert_type(first, int)
    assert_type(second, set[str])


async def eight(r: Redis) -> None:
    assert_type(
        await r.batch(
            lambda p: (
                p.incr("a"),
                p.get("b"),
                p.set("c", "v"),
                p.hgetall("d"),
                p.lrange("e", 0, -1),
                p.smembers("f"),
                p.zrange("g", 0, -1, withscores=True),
                p.xlen("h"),
            )
        ),
        tuple[int, str | None, bool, dict[str, str], list[str], set[str], list[tuple[str, float]], int],
    )


async def lists(r: Redis, keys: list[str]) -> None:
    assert_type(await r.batch(lambda p: [p.hgetall(key) for key in keys]), list[dict[str, str]])
    assert_type(await r.batch(lambda p: [p.get(key) for key in keys]), list[str | None])


async def named_body(r: Redis, client: Client[S]) -> None:
    def body(p: Pipeline) -> tuple[Queued[int], Queued[bool]]:
        return p.incr("n"), p.expire("n", 60)

    assert_type(await r.batch(body), tuple[int, bool])
    assert_type(await client.batch(lambda p: (p.get("k"), p.incr("n"))), tuple[S | None, int])


async def transactions(r: Redis, b: Redis[bytes], client: Client[S], atomic: bool) -> None:
    async with r.transaction() as tx:
        assert_type(tx, Transaction[str])
        assert_type(tx.incr("n"), Queued[int])
        assert_type(tx.hgetall("k"), Queued[dict[str, str]])
        assert_type(tx.dump("k"), Queued[bytes | None])
    assert_type(await b.transaction(raise_on_error=False).execute(), list[Any])
    assert_type(client.transaction(), Transaction[S])
    assert_type(await r.batch(lambda p: (p.incr("n"), p.get("k")), atomic=True), tuple[int, str | None])
    assert_type(await b.batch(lambda p: [p.get("k")], atomic=atomic), list[bytes | None])
    async with r.dedicated() as c:
        assert_type(c.transaction(), Transaction[str])


async def watched(r: Redis, b: Redis[bytes]) -> None:
    async def body(c: Dedicated, tx: Transaction) -> Queued[str | None]:
        balance = int(await c.get("balance") or 0)
        return tx.set("balance", balance + 1, get=True)

    async def pair(c: Dedicated[bytes], tx: Transaction[bytes]) -> tuple[int, Queued[int]]:
        return await c.strlen("k"), tx.incr("n")

    assert_type(await r.watch_transaction(["balance"], body), Queued[str | None])
    assert_type((await r.watch_transaction("balance", body, attempts=3, backoff=0.1)).result(), str | None)
    length, count = await b.watch_transaction(["k", b"n"], pair)
    assert_type(length, int)
    assert_type(count.result(), int)
    async with b.dedicated() as c:
        assert_type(await c.watch_transaction("k", pair), tuple[int, Queued[int]])
