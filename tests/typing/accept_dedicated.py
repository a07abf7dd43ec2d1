"""Connections of one's own: never run, only type-checked."""

from __future__ import annotations

from typing import assert_type

from redpoll import Client, Dedicated, Redis
from redpoll.types import S


async def entered(r: Redis, b: Redis[bytes]) -> None:
    async with r.dedicated() as c:
        assert_type(c, Dedicated[str])
        assert_type(await c.get("k"), str | None)
        assert_type(await c.select(1), bool)
        assert_type(await c.watch("k", "l"), bool)
        assert_type(await c.wait(1, 100), int)
        assert_type(await c.waitaof(1, 0, 100), tuple[int, int])
        assert_type(c.binary, Dedicated[bytes])
        assert_type(await c.binary.get("k"), bytes | None)
        assert_type(c.using(timeout=1), Dedicated[str])
    async with b.dedicated() as d:
        assert_type(d, Dedicated[bytes])
        assert_type(await d.hgetall("k"), dict[bytes, bytes])
        assert_type(await d.text.hgetall("k"), dict[str, str])


async def batches(r: Redis) -> None:
    async with r.dedicated() as c, c.pipeline() as p:
        moved, found, synced = p.select(1), p.get("k"), p.wait(1, 100)
    assert_type(moved.result(), bool)
    assert_type(found.result(), str | None)
    assert_type(synced.result(), int)
    async with r.pipeline() as shared:
        count, both = shared.wait(1, 100), shared.waitaof(1, 1, 100)
    assert_type(count.result(), int)
    assert_type(both.result(), tuple[int, int])


async def any_client(client: Client[S]) -> S | None:
    return await client.using(timeout=1).get("k")


async def both_fit(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await any_client(r), str | None)
    async with b.dedicated() as c:
        assert_type(await any_client(c), bytes | None)
