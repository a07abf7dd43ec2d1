"""Arguments that both type checkers refuse. Each line needs its comment: an error that goes missing fails the test."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Generator
from typing import Literal, TypedDict

from redpoll import Redis
from redpoll.values import BitIncrBy, BitSet, GrepExact


class Fields(TypedDict):
    name: str


def generator() -> Generator[str, None, None]:
    yield "k"


async def values(r: Redis, maybe: str | None) -> None:
    await r.set("k", None)  # type: ignore[call-overload]
    await r.set("k", maybe)  # type: ignore[arg-type]
    await r.set("k", [1, 2])  # type: ignore[call-overload]
    await r.set("k", {"a": 1})  # type: ignore[call-overload]
    await r.set("k", decimal.Decimal("1"))  # type: ignore[call-overload]
    await r.set("k", uuid.uuid4())  # type: ignore[call-overload]
    await r.set("k", dt.datetime.now(dt.UTC))  # type: ignore[call-overload]
    await r.setnx("k", None)  # type: ignore[arg-type]
    await r.lpush("k", "a", None)  # type: ignore[arg-type]
    await r.sadd("k", ["a", "b"])  # type: ignore[arg-type]
    await r.publish("channel", object())  # type: ignore[arg-type]


async def keys(r: Redis) -> None:
    await r.get(1)  # type: ignore[arg-type]
    await r.get(None)  # type: ignore[arg-type]
    await r.delete(1, 2)  # type: ignore[arg-type]
    await r.delete([1, 2])  # type: ignore[list-item]
    await r.mget(generator())  # type: ignore[arg-type]
    await r.mget(key for key in ("a", "b"))  # type: ignore[arg-type]
    await r.blpop(generator(), 1)  # type: ignore[arg-type]
    await r.exists({"a": 1}.values())  # type: ignore[arg-type]


async def one_for_many(r: Redis) -> None:
    # A text is not a collection of one-letter texts.
    await r.sort("k", get=["v:*", None])  # type: ignore[list-item]
    await r.zunion("a", weights="12")  # type: ignore[call-overload]
    await r.eval("return 1", "k")  # type: ignore[call-overload]
    await r.eval("return 1", ["k"], "a")  # type: ignore[call-overload]
    await r.eval("return 1", ["k"], b"a")  # type: ignore[call-overload]
    await r.eval("return 1", ["k"], ["a"], "b")  # type: ignore[call-overload]
    await r.eval("return 1", 1, ["k"])  # type: ignore[call-overload]
    await r.vadd("v", "12", "e")  # type: ignore[arg-type]


async def small_languages(r: Redis) -> None:
    await r.bitfield("k", ("GET", "u8", 0))  # type: ignore[arg-type]
    await r.bitfield("k", BitSet("u8", 0))  # type: ignore[call-arg]
    await r.bitfield("k", BitSet("u8", 0, "1"))  # type: ignore[arg-type]
    await r.bitfield("k", BitIncrBy("u8", 0, 1, overflow="CLAMP"))  # type: ignore[arg-type]
    await r.bitfield_ro("k", BitSet("u8", 0, 1))  # type: ignore[arg-type]
    await r.argrep("a", 0, 9, "x")  # type: ignore[call-overload]
    await r.argrep("a", 0, 9, GrepExact(None))  # type: ignore[arg-type]
    await r.arop("a", 0, 9, "AVG")  # type: ignore[call-overload]
    await r.cluster_slot_stats(orderby="SIZE")  # type: ignore[arg-type]
    await r.client_kill(id=7, skipme="YES")  # type: ignore[arg-type]
    await r.config_set("timeout")  # type: ignore[call-overload]


async def pairs(r: Redis, typed: Fields, rows: list[tuple[str, str]]) -> None:
    await r.mset(typed)  # type: ignore[arg-type]
    await r.mset(rows)  # type: ignore[arg-type]
    await r.mset([("a", 1)])  # type: ignore[arg-type]
    await r.mset({"a": None})  # type: ignore[dict-item]
    await r.mset({1: "a"})  # type: ignore[dict-item]
    await r.mset("a")  # type: ignore[arg-type]
    await r.mset(a=1)  # type: ignore[call-arg]
    await r.zadd("k", {"m": "1.0"})  # type: ignore[dict-item]
    await r.zadd("k", {1.0: None})  # type: ignore[dict-item]
    await r.zadd("k", [("m", 1.0)])  # type: ignore[call-overload]
    await r.zadd("k", "m", 1.0)  # type: ignore[call-overload]
    await r.xadd("s", [("f", "v")])  # type: ignore[call-overload]
    await r.xadd("s", {"f": None})  # type: ignore[dict-item]
    await r.xread("s")  # type: ignore[arg-type]
    await r.xread(["s"])  # type: ignore[arg-type]


async def hset(r: Redis, typed: Fields, rows: list[tuple[str, str]]) -> None:
    await r.hset("k")  # type: ignore[call-overload]
    await r.hset("k", "f")  # type: ignore[call-overload]
    await r.hset("k", "f", None)  # type: ignore[call-overload]
    await r.hset("k", value="v")  # type: ignore[call-overload]
    await r.hset("k", {"f": None})  # type: ignore[dict-item]
    await r.hset("k", {"f": ["v"]})  # type: ignore[dict-item]
    await r.hset("k", {"f": "v"}, "v")  # type: ignore[call-overload]
    await r.hset("k", {"f": "v"}, mapping={"g": "w"})  # type: ignore[call-overload]
    await r.hset("k", "f", "v", mapping={"g": "w"})  # type: ignore[call-overload]
    await r.hset("k", typed)  # type: ignore[arg-type]
    await r.hset("k", mapping=typed)  # type: ignore[arg-type]
    await r.hset("k", rows)  # type: ignore[call-overload]
    await r.hset("k", mapping=rows)  # type: ignore[call-overload]
    await r.hset("k", ["f", "v"])  # type: ignore[call-overload]


async def words(r: Redis, where: str, side: Literal["LEFT", "MIDDLE"]) -> None:
    await r.lmove("a", "b", "LEFT", "UP")  # type: ignore[arg-type]
    await r.lmove("a", "b", where, "LEFT")  # type: ignore[arg-type]
    await r.lmpop("k", side)  # type: ignore[arg-type]
    await r.linsert("k", "BESIDE", "pivot", "v")  # type: ignore[arg-type]
    await r.bitop("NAND", "to", "a")  # type: ignore[arg-type]
    await r.zunion("a", "b", aggregate="AVG")  # type: ignore[call-overload]
    await r.geosearch("g", frommember="a", byradius=(1, "PARSEC"))  # type: ignore[arg-type]
    await r.bitcount("k", 0, -1, unit="NIBBLE")  # type: ignore[arg-type]


async def numbers(r: Redis) -> None:
    await r.incr("n", "1")  # type: ignore[arg-type]
    await r.incr("n", 1.5)  # type: ignore[arg-type]
    await r.lrange("k", "0", -1)  # type: ignore[arg-type]
    await r.lpop("k", "2")  # type: ignore[call-overload]
    await r.lpop("k", 1.5)  # type: ignore[call-overload]
    await r.zincrby("k", "m", 1.5)  # type: ignore[arg-type]
    await r.expire("k", 1.5)  # type: ignore[arg-type]
    await r.expire("k", "10")  # type: ignore[arg-type]
    await r.expire("k", dt.datetime.now(dt.UTC))  # type: ignore[arg-type]
    await r.expireat("k", dt.timedelta(hours=1))  # type: ignore[arg-type]
    await r.set("k", "v", ex=1.5)  # type: ignore[call-overload]
    await r.set("k", "v", exat=dt.timedelta(hours=1))  # type: ignore[call-overload]
    await r.geoadd("g", ("Palermo", 13.36, 38.11))  # type: ignore[arg-type]
    await r.geoadd("g", 13.36, 38.11, "Palermo")  # type: ignore[arg-type]
