"""Calls that both type checkers refuse: names and places of options, clients of the other kind, wrong use of results."""

from __future__ import annotations

from typing import assert_type

from redpoll import Client, Dedicated, Pipeline, Queued, Redis, Transaction
from redpoll.types import S


async def keywords(r: Redis) -> None:
    await r.set("k", "v", expire=10)  # type: ignore[call-overload]
    await r.set("k", "v", NX=True)  # type: ignore[call-overload]
    await r.get(key="k")  # type: ignore[call-arg]
    await r.expire("k", seconds=10, only_new=True)  # type: ignore[call-arg]
    await r.hgetall("k", "f")  # type: ignore[call-arg]
    await r.smembers()  # type: ignore[call-arg]
    await r.getset("k")  # type: ignore[call-arg]
    await r.zadd("k")  # type: ignore[call-overload]


async def positions(r: Redis) -> None:
    await r.set("k", "v", 10)  # type: ignore[call-overload]
    await r.expire("k", 10, True)  # type: ignore[call-arg]
    await r.zrange("k", 0, -1, True)  # type: ignore[call-overload]
    await r.zadd("k", {"m": 1.0}, True)  # type: ignore[call-overload]
    await r.scan(0, "user:*")  # type: ignore[call-arg]
    await r.xread({"s": "0"}, 10)  # type: ignore[call-arg]
    await r.getex("k", 10)  # type: ignore[call-arg]


async def flags(r: Redis, number: int) -> None:
    await r.set("k", "v", nx="yes")  # type: ignore[call-overload]
    await r.set("k", "v", get=None)  # type: ignore[call-overload]
    await r.zrange("k", 0, -1, withscores=number)  # type: ignore[call-overload]
    await r.hrandfield("k", withvalues="yes")  # type: ignore[call-overload]


async def unknown(r: Redis) -> None:
    await r.hgett("k", "f")  # type: ignore[attr-defined]
    await r.multi()  # type: ignore[attr-defined]
    await r.select(1)  # type: ignore[attr-defined]
    await r.subscribe_forever()  # type: ignore[attr-defined]
    await r.wait(1, 100)  # type: ignore[attr-defined]
    r.pipeline().select(1)  # type: ignore[attr-defined]


async def takes_text(r: Redis) -> None: ...


async def takes_bytes(r: Redis[bytes]) -> None: ...


async def clients(r: Redis, b: Redis[bytes], wide: Client[str | bytes]) -> None:
    await takes_text(b)  # type: ignore[arg-type]
    await takes_bytes(r)  # type: ignore[arg-type]
    await takes_bytes(Redis())  # type: ignore[arg-type]
    text: Redis = b  # type: ignore[assignment]
    text = Redis(decode_responses=False)  # type: ignore[assignment]
    text = Redis.from_url("redis://localhost", decode_responses=False)  # type: ignore[assignment]
    narrow: Client[str] = wide  # type: ignore[assignment]
    assert_type((text, narrow), tuple[Redis[str], Client[str]])


def constructors() -> None:
    Redis(hostname="localhost")  # type: ignore[call-overload]
    Redis("localhost", "6379")  # type: ignore[call-overload]
    Redis("localhost", 6379, 0)  # type: ignore[call-overload]
    Redis(protocol=4)  # type: ignore[call-overload]
    Redis(command_timeout="5")  # type: ignore[call-overload]
    Redis.from_url("redis://localhost", decode_response=False)  # type: ignore[call-overload]
    Redis.from_url(b"redis://localhost")  # type: ignore[call-overload]


async def results(r: Redis, b: Redis[bytes]) -> None:
    text: str = await r.get("k")  # type: ignore[assignment]
    data: bytes = await r.dump("k")  # type: ignore[assignment]
    pair: tuple[str, str] = await r.blpop("k")  # type: ignore[assignment]
    raw: dict[str, str] = await b.hgetall("k")  # type: ignore[assignment]
    members: list[str] = await r.smembers("k")  # type: ignore[assignment]
    rank: int = await r.zrank("k", "m", withscore=True)  # type: ignore[assignment]
    (await r.get("k")).upper()  # type: ignore[union-attr]
    (await r.lpop("k", 2))[0]  # type: ignore[index]
    (await r.incr("n")).upper()  # type: ignore[attr-defined]
    assert_type(
        (text, data, pair, raw, members, rank), tuple[str, bytes, tuple[str, str], dict[str, str], list[str], int]
    )


async def awaiting(r: Redis) -> None:
    await (await r.incr("n"))  # type: ignore[misc]
    number: int = r.incr("n")  # type: ignore[assignment]
    r.get("k").upper()  # type: ignore[attr-defined]
    async with r.pipeline() as p:
        value = p.get("k")
        count = p.incr("n")
    value.upper()  # type: ignore[attr-defined]
    text: str = value.result()  # type: ignore[assignment]
    late: str = await count  # type: ignore[assignment]
    wrong: Queued[bytes | None] = value  # type: ignore[assignment]
    await count.result()  # type: ignore[misc]
    with r.pipeline():  # type: ignore[attr-defined]
        pass
    assert_type((number, text, late, wrong), tuple[int, str, str, Queued[bytes | None]])


def one(p: Pipeline) -> Queued[int]:
    return p.incr("n")


def plain(p: Pipeline) -> tuple[int, Queued[int]]:
    return 1, p.incr("n")


def none() -> tuple[Queued[int]]:
    raise NotImplementedError


def of_bytes(p: Pipeline[bytes]) -> tuple[Queued[bytes | None]]:
    return (p.get("k"),)


async def batches(r: Redis) -> None:
    await r.batch(one)  # type: ignore[arg-type]
    await r.batch(plain)  # type: ignore[arg-type]
    await r.batch(none)  # type: ignore[arg-type]
    await r.batch(of_bytes)  # type: ignore[arg-type]
    await r.batch(lambda p: p.incr("n"))  # type: ignore[arg-type, return-value]
    await r.batch(lambda p: {p.incr("n")})  # type: ignore[arg-type, return-value]
    count, value = await r.batch(lambda p: (p.incr("n"), p.get("k")))
    count.upper()  # type: ignore[attr-defined]
    value.upper()  # type: ignore[union-attr]
    _a, _b, _c = await r.batch(lambda p: (p.incr("n"), p.get("k")))  # type: ignore[misc]


async def generic(client: Client[S], p: Pipeline[bytes]) -> None:
    # What one client's strings are is not known here.
    text: str = await client.getrange("k", 0, -1)  # type: ignore[assignment]
    queued: Queued[str | None] = p.get("k")  # type: ignore[assignment]
    assert_type((text, queued), tuple[str, Queued[str | None]])


async def transactions(r: Redis) -> Queued[str]:
    async def body(c: Dedicated, tx: Transaction) -> Queued[int]:
        return tx.incr("n")

    async def of_bytes(c: Dedicated[bytes], tx: Transaction[bytes]) -> None: ...

    def at_once(c: Dedicated, tx: Transaction) -> None: ...

    r.transaction().watch("k")  # type: ignore[attr-defined]
    r.transaction().select(1)  # type: ignore[attr-defined]
    await r.watch_transaction(body)  # type: ignore[call-arg, arg-type]
    await r.watch_transaction("n", of_bytes)  # type: ignore[arg-type]
    await r.watch_transaction("n", at_once)  # type: ignore[arg-type]
    assert_type((await r.watch_transaction("n", body)).result(), str)  # type: ignore[assert-type]
    await r.batch(lambda p: (p.incr("n"),), atomic="yes")  # type: ignore[call-overload]
    assert_type(await r.batch(lambda p: (p.incr("n"),), atomic=True), tuple[str])  # type: ignore[assert-type]
    return r.transaction().incr("n")  # type: ignore[return-value]
