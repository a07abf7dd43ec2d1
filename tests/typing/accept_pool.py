"""Pools: never run, only type-checked."""

from __future__ import annotations

from typing import assert_type

from redpoll import Dedicated, Pool, PoolStats


async def borrowed() -> None:
    async with Pool("localhost", min_size=1, max_size=5, max_idle=None, wait_timeout=1, db=2) as pool:
        assert_type(pool, Pool[str])
        assert_type(pool.stats, PoolStats)
        async with pool.connection() as c:
            assert_type(c, Dedicated[str])
            assert_type(await c.select(1), bool)
            assert_type(await c.get("k"), str | None)
        held = await pool.acquire()
        assert_type(held, Dedicated[str])
        await pool.release(held)


async def of_bytes() -> None:
    pool = Pool(decode_responses=False)
    assert_type(pool, Pool[bytes])
    async with pool.connection() as c:
        assert_type(await c.lrange("k", 0, -1), list[bytes])
    assert_type(Pool.from_url("redis://localhost"), Pool[str])
    assert_type(Pool.from_url("redis://localhost", decode_responses=False), Pool[bytes])
