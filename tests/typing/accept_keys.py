"""Keys of any type: expiry, scans, SORT, and copies as bytes."""

from __future__ import annotations

import datetime as dt
from typing import assert_type

from redpoll import Redis


async def existence(r: Redis, keys: list[str]) -> None:
    assert_type(await r.delete("a", "b"), int)
    assert_type(await r.delete(keys), int)
    assert_type(await r.delete(*keys), int)
    assert_type(await r.exists("a"), int)
    assert_type(await r.unlink(("a", b"b")), int)
    assert_type(await r.touch(frozenset(keys)), int)
    assert_type(await r.type("a"), str)
    assert_type(await r.rename("a", "b"), bool)
    assert_type(await r.renamenx("a", "b"), bool)
    assert_type(await r.copy("a", "b", db=1, replace=True), bool)
    assert_type(await r.randomkey(), str | None)


async def expiry(r: Redis) -> None:
    moment = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    assert_type(await r.expire("k", 10), bool)
    assert_type(await r.expire("k", dt.timedelta(days=1), nx=True), bool)
    assert_type(await r.pexpire("k", dt.timedelta(milliseconds=20), gt=True), bool)
    assert_type(await r.expireat("k", moment), bool)
    assert_type(await r.pexpireat("k", 1_900_000_000_000, lt=True), bool)
    assert_type(await r.ttl("k"), int)
    assert_type(await r.pttl("k"), int)
    assert_type(await r.expiretime("k"), int)
    assert_type(await r.persist("k"), bool)


async def scan(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.scan(), tuple[int, list[str]])
    assert_type(await r.scan(7, match="user:*", count=500, type="hash"), tuple[int, list[str]])
    assert_type(await b.scan(), tuple[int, list[bytes]])
    assert_type(await r.keys(), list[str])
    assert_type(await b.keys("a*"), list[bytes])


async def sort(r: Redis, b: Redis[bytes], store: str | None) -> None:
    assert_type(await r.sort("k"), list[str])
    assert_type(await r.sort("k", desc=True, alpha=True, offset=0, num=10), list[str])
    assert_type(await r.sort("k", by="w:*", get=["#", "v:*"]), list[str | None])
    assert_type(await b.sort("k", get=[b"v:*"]), list[bytes | None])
    assert_type(await r.sort("k", get="v:*"), list[str | None])
    assert_type(await r.sort("k", store="to"), int)
    assert_type(await r.sort("k", get=["#"], store="to"), int)
    assert_type(await r.sort("k", store=store), int | list[str])
    assert_type(await r.sort_ro("k"), list[str])
    assert_type(await r.sort_ro("k", get=("#",)), list[str | None])


async def copies(r: Redis, dumped: bytes) -> None:
    assert_type(await r.dump("k"), bytes | None)
    assert_type(await r.restore("k", 0, dumped), bool)
    assert_type(await r.restore("k", dt.timedelta(hours=1), dumped, replace=True), bool)
    assert_type(await r.migrate("host", 6379, "k", 0, 1000), bool)
    assert_type(await r.migrate("host", 6379, ["a", "b"], 0, dt.timedelta(seconds=5), copy=True), bool)


async def objects(r: Redis) -> None:
    assert_type(await r.object_encoding("k"), str | None)
    assert_type(await r.object_freq("k"), int | None)
    assert_type(await r.object_refcount("k"), int | None)
    assert_type(await r.memory_usage("k", samples=5), int | None)
