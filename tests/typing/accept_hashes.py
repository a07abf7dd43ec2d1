"""Hashes: HSET's three forms with all kinds of mapping, field lists, scans."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter, OrderedDict
from types import MappingProxyType
from typing import assert_type

from redpoll import Redis


async def hset_mappings(
    r: Redis,
    texts: dict[str, str],
    floats: dict[str, float],
    raw: dict[bytes, int],
    mixed: dict[str | bytes, str | int],
    proxy: MappingProxyType[str, str],
) -> None:
    assert_type(await r.hset("k", {"f": "v"}), int)
    assert_type(await r.hset("k", texts), int)
    assert_type(await r.hset("k", floats), int)
    assert_type(await r.hset("k", raw), int)
    assert_type(await r.hset("k", mixed), int)
    assert_type(await r.hset("k", proxy), int)
    assert_type(await r.hset("k", Counter(["a", "b"])), int)
    assert_type(await r.hset("k", OrderedDict(a=1)), int)
    assert_type(await r.hset("k", os.environ), int)
    assert_type(await r.hset("k", mapping=texts), int)
    assert_type(await r.hset("k", mapping=Counter("ab")), int)
    assert_type(await r.hset("k", mapping={"f": 1, "g": b"2"}), int)


async def hset_pair(r: Redis) -> None:
    assert_type(await r.hset("k", "f", "v"), int)
    assert_type(await r.hset(b"k", b"f", 1.5), int)
    assert_type(await r.hset("k", field="f", value="v"), int)
    assert_type(await r.hset("k", 1, 2), int)


async def reads(r: Redis, fields: list[str]) -> None:
    assert_type(await r.hget("k", "f"), str | None)
    assert_type(await r.hgetall("k"), dict[str, str])
    assert_type(await r.hkeys("k"), list[str])
    assert_type(await r.hvals("k"), list[str])
    assert_type(await r.hmget("k", "f", "g"), list[str | None])
    assert_type(await r.hmget("k", fields), list[str | None])
    assert_type(await r.hmget("k", ["f", b"g", 3]), list[str | None])
    assert_type(await r.hexists("k", "f"), bool)
    assert_type(await r.hlen("k"), int)
    assert_type(await r.hstrlen("k", "f"), int)


async def writes(r: Redis) -> None:
    assert_type(await r.hdel("k", "f", "g"), int)
    assert_type(await r.hsetnx("k", "f", "v"), bool)
    assert_type(await r.hincrby("k", "f"), int)
    assert_type(await r.hincrby("k", "f", 5), int)
    assert_type(await r.hincrbyfloat("k", "f", 0.5), float)


async def hrandfield(r: Redis, flag: bool, some: int | None) -> None:
    assert_type(await r.hrandfield("k"), str | None)
    assert_type(await r.hrandfield("k", None), str | None)
    assert_type(await r.hrandfield("k", 2), list[str])
    assert_type(await r.hrandfield("k", 2, withvalues=False), list[str])
    assert_type(await r.hrandfield("k", 2, withvalues=True), list[tuple[str, str]])
    assert_type(await r.hrandfield("k", count=-5, withvalues=True), list[tuple[str, str]])
    assert_type(await r.hrandfield("k", 2, withvalues=flag), list[tuple[str, str]] | list[str])
    assert_type(await r.hrandfield("k", some), list[str] | str | None)


async def hscan(r: Redis, b: Redis[bytes], flag: bool) -> None:
    assert_type(await r.hscan("k"), tuple[int, dict[str, str]])
    assert_type(await r.hscan("k", 7, match="a*", count=100), tuple[int, dict[str, str]])
    assert_type(await r.hscan("k", novalues=True), tuple[int, list[str]])
    assert_type(await b.hscan("k", novalues=True), tuple[int, list[bytes]])
    assert_type(await r.hscan("k", novalues=flag), tuple[int, list[str]] | tuple[int, dict[str, str]])
    cursor, found = await r.hscan("k")
    assert_type(cursor, int)
    assert_type(found, dict[str, str])


async def field_expiry(r: Redis) -> None:
    assert_type(await r.hexpire("k", 10, "f", "g"), list[int])
    assert_type(await r.hexpire("k", dt.timedelta(hours=1), "f", nx=True), list[int])
    assert_type(await r.hpexpireat("k", dt.datetime(2030, 1, 1, tzinfo=dt.UTC), "f"), list[int])
    assert_type(await r.httl("k", "f"), list[int])
    assert_type(await r.hpersist("k", "f"), list[int])
    assert_type(await r.hgetex("k", "f", "g", ex=10), list[str | None])
    assert_type(await r.hgetdel("k", "f"), list[str | None])
    assert_type(await r.hsetex("k", {"f": 1}, fnx=True, px=dt.timedelta(seconds=1)), bool)
