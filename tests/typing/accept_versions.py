"""What a server's version has: never run, only type-checked."""

from __future__ import annotations

from typing import assert_type

from redpoll import Redis, supports


async def versions(r: Redis, b: Redis[bytes]) -> None:
    assert_type(supports("HGETEX", "8.0.0"), bool)
    assert_type(supports("HGETEX", (9, 0), server="valkey"), bool)
    assert_type(supports("SET", "8.4", argument="IFEQ"), bool)
    assert_type(supports("SET", await b.info(), argument="IFEQ"), bool)
    async with r.dedicated() as c:
        assert_type(supports("JSON.GET", await c.hello()), bool)
