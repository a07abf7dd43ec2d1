"""Iterators over keys, fields and members, against real servers."""

from __future__ import annotations

import gc
import re
from contextlib import aclosing
from typing import Any

import pytest

from redpoll import ClientClosed, Redis, UsageError, WrongType
from redpoll.errors import ServerError
from redpoll.testing import EmbeddedServer


async def test_they_find_everything(each_client: Redis[Any], decode_responses: bool) -> None:
    r = each_client

    def t(text: str) -> str | bytes:
        return text if decode_responses else text.encode()

    numbers = range(1000)
    await r.mset({f"user:{n}": n for n in numbers})
    await r.hset("h", {f"f{n}": n for n in numbers})
    await r.sadd("s", *(f"m{n}" for n in numbers))
    await r.zadd("z", {f"m{n}": n / 2 for n in numbers})
    assert {key async for key in r.scan_iter()} == {t(f"user:{n}") for n in numbers} | {t("h"), t("s"), t("z")}
    assert {key async for key in r.scan_iter("user:1?", 500)} == {t(f"user:1{n}") for n in range(10)}
    assert [key async for key in r.scan_iter(match=b"*", type="hash")] == [t("h")]
    assert {pair async for pair in r.hscan_iter("h")} == {(t(f"f{n}"), t(str(n))) for n in numbers}
    assert {field async for field in r.hscan_iter("h", novalues=True)} == {t(f"f{n}") for n in numbers}
    assert {field async for field, _ in r.hscan_iter("h", "f99*", count=7)} == {
        t(f"f{n}") for n in (99, *range(990, 1000))
    }
    assert {member async for member in r.sscan_iter("s", count=100)} == {t(f"m{n}") for n in numbers}
    assert {pair async for pair in r.zscan_iter("z")} == {(t(f"m{n}"), n / 2) for n in numbers}
    assert [pair async for pair in r.sscan_iter("none")] == []


async def test_members_without_scores(valkey: EmbeddedServer, redis8: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port) as r:
        await r.zadd("z", {"a": 1, "b": 2})
        assert sorted([member async for member in r.zscan_iter("z", noscores=True)]) == ["a", "b"]
    async with Redis(redis8.host, redis8.port) as r:
        await r.zadd("z", {"a": 1, "b": 2})
        with pytest.raises(ServerError):
            _ = [member async for member in r.zscan_iter("z", noscores=True)]


async def test_with_a_prefix_and_on_a_connection_of_ones_own(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, key_prefix="p:") as r:
        await r.using(prefix=None).set("other", 1)
        await r.mset({f"k{n}": n for n in range(100)})
        expected = {f"k{n}" for n in range(100)}
        assert {key async for key in r.scan_iter()} == expected
        async with r.dedicated() as c:
            assert {key async for key in c.scan_iter("k*")} == expected
            await c.select(1)
            await c.set("elsewhere", 1)
            assert [key async for key in c.scan_iter()] == ["elsewhere"]
        with pytest.raises(ClientClosed):
            await anext(c.scan_iter())
        with pytest.raises(UsageError, match="async with"):
            await anext(r.dedicated().scan_iter())


async def test_keys_may_be_deleted_and_added_on_the_way(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        await r.mset({f"k{n}": n for n in range(2000)})
        seen: set[str] = set()
        async for key in r.scan_iter("k*", 50):
            seen.add(key)
            await r.delete(key, f"k{(int(key[1:]) * 7) % 1000}")  # of those below 1000 others go as well
            await r.set(f"new:{key}", 1)
        assert seen >= {f"k{n}" for n in range(1000, 2000)}
        assert await r.keys("k*") == []


async def test_it_may_be_left_at_any_time(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        await r.mset({f"k{n}": n for n in range(100)})
        async for _ in r.scan_iter():
            break
        async with aclosing(r.scan_iter()) as keys:
            assert await anext(keys)
        assert [key async for key in keys] == []
        never = r.scan_iter()
        del never
        gc.collect()
        await r.set("h", "text")
        with pytest.raises(WrongType):
            await anext(r.hscan_iter("h"))
        assert await r.ping()


async def test_the_server_is_asked_who_it_is_once(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        await r.mset({f"k{n}": n for n in range(100)})
        await r.config_resetstat()
        for _ in range(3):
            _ = [key async for key in r.scan_iter()]
        stats = str(await r.execute("INFO", "commandstats"))
        found = re.search(r"cmdstat_info:calls=(\d+)", stats)
        assert found is not None
        assert int(found[1]) == 1


async def test_a_user_who_may_not_ask_scans_too(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        await r.acl_setuser("scanner", "on", ">word", "~*", "+scan")
        await r.mset({f"k{n}": n for n in range(100)})
        async with Redis(server.host, server.port, username="scanner", password="word") as limited:
            assert {key async for key in limited.scan_iter()} == {f"k{n}" for n in range(100)}
        await r.acl_deluser("scanner")


async def test_a_closed_client_does_not_end_it_quietly(server: EmbeddedServer) -> None:
    r = Redis(server.host, server.port)
    await r.mset({f"k{n}": n for n in range(100)})
    keys = r.scan_iter(count=1)
    assert await anext(keys)
    await r.aclose()
    with pytest.raises(ClientClosed):
        _ = [key async for key in keys]
