"""Sorted sets: scores that come or do not, increments, counts."""

from __future__ import annotations

from collections import Counter
from typing import assert_type

from redpoll import Redis


async def zadd(r: Redis, flag: bool, whole: dict[str, int], raw: dict[bytes, float]) -> None:
    assert_type(await r.zadd("k", {"m": 1.0}), int)
    assert_type(await r.zadd("k", {"m": 1, "n": 2.5}), int)
    assert_type(await r.zadd("k", whole), int)
    assert_type(await r.zadd("k", raw), int)
    assert_type(await r.zadd("k", Counter("abc"), gt=True, ch=True), int)
    assert_type(await r.zadd("k", mapping={"m": 1.0}, nx=True), int)
    assert_type(await r.zadd("k", {"m": 1.0}, incr=False), int)
    assert_type(await r.zadd("k", {"m": 1.0}, incr=True), float | None)
    assert_type(await r.zadd("k", {"m": 1.0}, xx=True, incr=True), float | None)
    assert_type(await r.zadd("k", {"m": 1.0}, incr=flag), float | int | None)


async def zrange(r: Redis, b: Redis[bytes], flag: bool) -> None:
    assert_type(await r.zrange("k", 0, -1), list[str])
    assert_type(await r.zrange("k", 0, -1, desc=True), list[str])
    assert_type(await r.zrange("k", 0, -1, withscores=False), list[str])
    assert_type(await r.zrange("k", 0, -1, withscores=True), list[tuple[str, float]])
    assert_type(await b.zrange("k", 0, -1, desc=True, withscores=True), list[tuple[bytes, float]])
    assert_type(await r.zrange("k", 0, -1, withscores=flag), list[tuple[str, float]] | list[str])
    assert_type(await r.zrange("k", "(1", "+inf", byscore=True, offset=0, num=10), list[str])
    assert_type(await r.zrange("k", "[a", "(c", bylex=True), list[str])
    assert_type(await r.zrangestore("to", "from", 0, 9), int)


async def old_ranges(r: Redis, flag: bool) -> None:
    assert_type(await r.zrevrange("k", 0, -1), list[str])
    assert_type(await r.zrevrange("k", 0, -1, withscores=True), list[tuple[str, float]])
    assert_type(await r.zrangebyscore("k", 1, 2.5), list[str])
    assert_type(await r.zrangebyscore("k", "-inf", "(3", withscores=True), list[tuple[str, float]])
    assert_type(await r.zrevrangebyscore("k", "+inf", 0, withscores=flag), list[tuple[str, float]] | list[str])
    assert_type(await r.zrangebylex("k", "-", "+", offset=0, num=5), list[str])
    assert_type(await r.zcount("k", "(1", float("inf")), int)
    assert_type(await r.zremrangebyscore("k", 0, "(5"), int)


async def ranks(r: Redis, flag: bool) -> None:
    assert_type(await r.zrank("k", "m"), int | None)
    assert_type(await r.zrank("k", "m", withscore=True), tuple[int, float] | None)
    assert_type(await r.zrevrank("k", "m", withscore=True), tuple[int, float] | None)
    assert_type(await r.zrank("k", "m", withscore=flag), tuple[int, float] | int | None)
    assert_type(await r.zscore("k", "m"), float | None)
    assert_type(await r.zmscore("k", "m", "n"), list[float | None])
    assert_type(await r.zmscore("k", ["m", "n"]), list[float | None])
    assert_type(await r.zincrby("k", 1.5, "m"), float)


async def pops(r: Redis, some: int | None) -> None:
    assert_type(await r.zpopmin("k"), tuple[str, float] | None)
    assert_type(await r.zpopmin("k", 2), list[tuple[str, float]])
    assert_type(await r.zpopmax("k", some), list[tuple[str, float]] | tuple[str, float] | None)
    assert_type(await r.zmpop("k", "MIN", count=2), tuple[str, list[tuple[str, float]]] | None)
    assert_type(await r.bzpopmin("k", 1), tuple[str, str, float] | None)
    assert_type(await r.bzpopmax(["a", "b"]), tuple[str, str, float] | None)
    assert_type(await r.bzmpop(1, ["a", "b"], "MAX"), tuple[str, list[tuple[str, float]]] | None)


async def zrandmember(r: Redis, flag: bool, some: int | None) -> None:
    assert_type(await r.zrandmember("k"), str | None)
    assert_type(await r.zrandmember("k", 2), list[str])
    assert_type(await r.zrandmember("k", 2, withscores=True), list[tuple[str, float]])
    assert_type(await r.zrandmember("k", 2, withscores=flag), list[tuple[str, float]] | list[str])
    assert_type(await r.zrandmember("k", some), list[str] | str | None)


async def algebra(r: Redis, flag: bool) -> None:
    assert_type(await r.zdiff("a", "b"), list[str])
    assert_type(await r.zdiff(["a", "b"], withscores=True), list[tuple[str, float]])
    assert_type(await r.zinter("a", "b", weights=[1, 2.5], aggregate="MAX"), list[str])
    assert_type(await r.zunion("a", "b", withscores=True), list[tuple[str, float]])
    assert_type(await r.zunion("a", "b", withscores=flag), list[tuple[str, float]] | list[str])
    assert_type(await r.zunionstore("to", "a", "b", weights=(1, 2)), int)
    assert_type(await r.zintercard("a", "b", limit=5), int)


async def zscan(r: Redis, flag: bool) -> None:
    assert_type(await r.zscan("k"), tuple[int, list[tuple[str, float]]])
    assert_type(await r.zscan("k", noscores=True), tuple[int, list[str]])
    assert_type(await r.zscan("k", noscores=flag), tuple[int, list[str]] | tuple[int, list[tuple[str, float]]])
