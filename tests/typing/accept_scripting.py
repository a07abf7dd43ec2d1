"""Scripts, functions and locks: never run, only type-checked."""

# As in accept_batches.py: what a batch queues is not awaited.
# mypy: disable-error-code="unused-awaitable"

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_type

from redpoll import Client, Function, Library, Lock, Queued, Redis, Script
from redpoll.records.commands import FunctionLibrary


@dataclass
class Point:
    """What a reply may become."""

    reply: Any


def words(reply: list[str]) -> tuple[str, int]:
    return reply[0], len(reply)


async def scripts(r: Redis, b: Redis[bytes]) -> None:
    assert_type(r.script("return 1"), Script[Any])
    assert_type(r.script("return 1", returns=int), Script[int])
    assert_type(r.register_script(b"return 1", returns=str, readonly=True), Script[str])
    assert_type(await r.script("return 1", returns=bool)(["k"], [1, "a", b"b"]), bool)
    assert_type(await b.script("return 1", returns=bytes)(keys=["k"], args=[1.5]), bytes)
    assert_type(await r.script("return 1", returns=float)(client=b), float)
    assert_type(await r.script("return 1", returns=list)(), list[Any])
    assert_type(await r.script("return 1", returns=dict)(), dict[Any, Any])
    assert_type(await r.script("return 1", returns=set)(), set[Any])
    assert_type(await r.script("return 1", returns=words)(), tuple[str, int])
    assert_type(await r.script("return 1", returns=Point, retry=True)(), Point)
    assert_type(await r.script("return 1", returns=Decimal)(), Decimal)
    assert_type(await r.script("return 1").load(), str)
    assert_type(await r.evalsha_or_eval("return 1", ["k"], ["a"]), Any)


async def batches(r: Redis) -> None:
    add, name = r.script("return 1", returns=int), r.library("lib").function("name", returns=str)
    async with r.pipeline() as p:
        assert_type(add(["k"], client=p), Queued[int])
        assert_type(add(["k"], [1], p), Queued[int])
        assert_type(name(client=p), Queued[str])
    assert_type(await r.batch(lambda p: (add(["k"], [1], client=p), p.get("k"))), tuple[int, str | None])


async def functions(c: Client[bytes]) -> None:
    lib = c.library("lib", b"#!lua name=lib\n")
    assert_type(lib, Library)
    assert_type(lib.function("f"), Function[Any])
    assert_type(lib.function("f", returns=int, readonly=True), Function[int])
    assert_type(await lib.function("f", returns=list)(["k"]), list[Any])
    assert_type(await lib.load(replace=True), str)
    assert_type(await lib.list(withcode=True), FunctionLibrary | None)
    assert_type(await lib.delete(), bool)
    assert_type(await lib.restore(await lib.dump(), replace=True), bool)


async def locks(r: Redis) -> None:
    async with r.lock("l", ttl=30, auto_renew=True) as lock:
        assert_type(lock, Lock)
        assert_type(lock.remaining, float)
        await lock.extend(dt.timedelta(seconds=5))
    lock = r.lock(b"l", 10, 0.1, True, 5)
    assert_type(await lock.acquire(blocking=False), bool)
    assert_type([await lock.owned(), await lock.locked()], list[bool])
