"""Lists and sets: counts that decide the reply, keys as one or many."""

from __future__ import annotations

from collections import deque
from typing import assert_type

from redpoll import Redis


async def pops(r: Redis, some: int | None) -> None:
    assert_type(await r.lpop("k"), str | None)
    assert_type(await r.lpop("k", None), str | None)
    assert_type(await r.lpop("k", 2), list[str] | None)
    assert_type(await r.lpop("k", count=2), list[str] | None)
    assert_type(await r.lpop("k", some), list[str] | str | None)
    assert_type(await r.rpop("k", 2), list[str] | None)


async def lpos(r: Redis, some: int | None) -> None:
    assert_type(await r.lpos("k", "v"), int | None)
    assert_type(await r.lpos("k", "v", rank=-1), int | None)
    assert_type(await r.lpos("k", "v", count=0), list[int])
    assert_type(await r.lpos("k", "v", count=some), list[int] | int | None)


async def lists(r: Redis) -> None:
    assert_type(await r.lpush("k", "a", b"b", 3), int)
    assert_type(await r.rpush("k", *["a", "b"]), int)
    assert_type(await r.lrange("k", 0, -1), list[str])
    assert_type(await r.lindex("k", 0), str | None)
    assert_type(await r.linsert("k", "BEFORE", "pivot", "v"), int)
    assert_type(await r.lset("k", 0, "v"), bool)
    assert_type(await r.ltrim("k", 0, 9), bool)
    assert_type(await r.lmove("a", "b", "LEFT", "RIGHT"), str | None)
    assert_type(await r.lmpop("k", "LEFT"), tuple[str, list[str]] | None)
    assert_type(await r.lmpop(["a", "b"], "RIGHT", count=3), tuple[str, list[str]] | None)


async def blocking(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.blpop("k"), tuple[str, str] | None)
    assert_type(await r.blpop("k", 1.5), tuple[str, str] | None)
    assert_type(await r.blpop(["a", "b"], timeout=1), tuple[str, str] | None)
    assert_type(await b.brpop(deque(["a"]), 1), tuple[bytes, bytes] | None)
    assert_type(await r.blmove("a", "b", "LEFT", "LEFT", 0.1), str | None)
    assert_type(await r.blmpop(1, "k", "LEFT", count=2), tuple[str, list[str]] | None)


async def sets(r: Redis) -> None:
    assert_type(await r.sadd("k", "a", "b"), int)
    assert_type(await r.srem("k", "a"), int)
    assert_type(await r.smembers("k"), set[str])
    assert_type(await r.sismember("k", "a"), bool)
    assert_type(await r.smismember("k", "a", "b"), list[bool])
    assert_type(await r.smismember("k", ["a", "b"]), list[bool])
    assert_type(await r.sinter("a", "b"), set[str])
    assert_type(await r.sunion(["a", "b"]), set[str])
    assert_type(await r.sdiffstore("to", "a", ["b", "c"]), int)
    assert_type(await r.sintercard("a", "b", limit=10), int)
    assert_type(await r.smove("a", "b", "m"), bool)


async def random_members(r: Redis, some: int | None) -> None:
    assert_type(await r.spop("k"), str | None)
    assert_type(await r.spop("k", 2), set[str])
    assert_type(await r.spop("k", some), set[str] | str | None)
    assert_type(await r.srandmember("k"), str | None)
    assert_type(await r.srandmember("k", -2), list[str])
    assert_type(await r.srandmember("k", some), list[str] | str | None)


async def sscan(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.sscan("k"), tuple[int, list[str]])
    assert_type(await b.sscan("k", 3, match=b"a*", count=10), tuple[int, list[bytes]])
