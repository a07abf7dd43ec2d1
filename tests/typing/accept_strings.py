"""Strings: overloads on flags and counts, mappings, durations and moments."""

from __future__ import annotations

import datetime as dt
import enum
from collections import Counter, defaultdict
from typing import assert_type

from redpoll import Redis
from redpoll.records.data import LcsMatches


class Colour(enum.Enum):
    RED = "red"


async def set_(r: Redis, flag: bool) -> None:
    assert_type(await r.set("k", "v"), bool)
    assert_type(await r.set("k", "v", nx=True, ex=10), bool)
    assert_type(await r.set("k", "v", get=False), bool)
    assert_type(await r.set("k", "v", get=True), str | None)
    assert_type(await r.set("k", "v", xx=True, get=True, keepttl=True), str | None)
    assert_type(await r.set("k", "v", get=flag), str | bool | None)
    assert_type(await r.set("k", "v", ifeq="old"), bool)
    done = await r.set("k", "v")
    done = await r.set("k", "v", nx=True)
    assert_type(done, bool)


async def values(r: Redis) -> None:
    for key in ("k", b"k", bytearray(b"k"), memoryview(b"k")):
        await r.get(key)
    await r.set("k", b"v")
    await r.set("k", bytearray(b"v"))
    await r.set("k", memoryview(b"v"))
    await r.set("k", 1)
    await r.set("k", 1.5)
    await r.set("k", Colour.RED)


async def durations(r: Redis) -> None:
    moment = dt.datetime.now(dt.UTC)
    assert_type(await r.set("k", "v", ex=dt.timedelta(hours=1)), bool)
    assert_type(await r.set("k", "v", px=dt.timedelta(milliseconds=5)), bool)
    assert_type(await r.set("k", "v", exat=moment), bool)
    assert_type(await r.set("k", "v", pxat=1_900_000_000_000), bool)
    assert_type(await r.setex("k", dt.timedelta(minutes=1), "v"), bool)
    assert_type(await r.psetex("k", 1500, "v"), bool)
    assert_type(await r.getex("k", ex=10), str | None)
    assert_type(await r.getex("k", pxat=moment), str | None)
    assert_type(await r.getex("k", persist=True), str | None)


async def reads(r: Redis, keys: list[str], byte_keys: tuple[bytes, ...]) -> None:
    assert_type(await r.get("k"), str | None)
    assert_type(await r.getdel("k"), str | None)
    assert_type(await r.getrange("k", 0, -1), str)
    assert_type(await r.strlen("k"), int)
    assert_type(await r.mget("a", "b"), list[str | None])
    assert_type(await r.mget(["a", b"b"]), list[str | None])
    assert_type(await r.mget(keys), list[str | None])
    assert_type(await r.mget(set(keys)), list[str | None])
    assert_type(await r.mget(*keys), list[str | None])
    assert_type(await r.mget("a", byte_keys), list[str | None])
    assert_type(await r.mget({"a": 1}.keys()), list[str | None])


async def writes(r: Redis, ready: dict[str, int], raw: dict[bytes, bytes]) -> None:
    assert_type(await r.mset({"a": 1, "b": "x"}), bool)
    assert_type(await r.mset(ready), bool)
    assert_type(await r.mset(raw), bool)
    assert_type(await r.mset(Counter("abc")), bool)
    assert_type(await r.mset(defaultdict[str, float](float)), bool)
    assert_type(await r.mset(mapping={"a": 1.5}), bool)
    assert_type(await r.msetnx({"a": b"1"}), bool)
    assert_type(await r.msetex({"a": "1"}, nx=True, ex=dt.timedelta(days=1)), bool)
    assert_type(await r.setnx("k", "v"), bool)
    assert_type(await r.append("k", "v"), int)
    assert_type(await r.setrange("k", 2, "v"), int)


async def counters(r: Redis) -> None:
    assert_type(await r.incr("n"), int)
    assert_type(await r.incr("n", 5), int)
    assert_type(await r.incr("n", amount=5), int)
    assert_type(await r.decr("n", 2), int)
    assert_type(await r.incrby("n", 2), int)
    assert_type(await r.incrbyfloat("n", 0.5), float)
    assert_type(await r.increx("n"), tuple[int, int])
    assert_type(await r.increx("n", byint=2, ex=10), tuple[int, int])
    assert_type(await r.increx("n", byfloat=0.5), tuple[float, float])


async def lcs(r: Redis, b: Redis[bytes], flag: bool) -> None:
    assert_type(await r.lcs("a", "b"), str)
    assert_type(await b.lcs("a", "b"), bytes)
    assert_type(await r.lcs("a", "b", len=True), int)
    assert_type(await r.lcs("a", "b", idx=True), LcsMatches)
    assert_type(await r.lcs("a", "b", idx=True, minmatchlen=4, withmatchlen=True), LcsMatches)
    assert_type(await r.lcs("a", "b", len=flag), LcsMatches | int | str)


async def compare(r: Redis) -> None:
    assert_type(await r.digest("k"), str | None)
    assert_type(await r.delex("k", ifeq="v"), bool)
    assert_type(await r.delifeq("k", "v"), bool)
