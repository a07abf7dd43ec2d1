"""What a server runs, against real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import time
from typing import Any

import pytest

from redpoll import ConnectionLost, MonitorLine, Overloaded, Redis, monitoring
from redpoll.errors import NoPermission
from redpoll.testing import EmbeddedServer


async def begin(r: Redis[Any], lines: AsyncGenerator[MonitorLine[Any]]) -> MonitorLine[Any]:
    """Have the server monitored; return the first line."""
    first = asyncio.create_task(anext(lines))
    async with asyncio.timeout(10):
        while not first.done():
            await r.ping()
            await asyncio.sleep(0.01)
    return await first


async def connections(r: Redis[Any], count: int) -> None:
    """Wait until the server has so many connections."""
    async with asyncio.timeout(10):
        while len(await r.client_list()) != count:  # noqa: ASYNC110  # only the server knows
            await asyncio.sleep(0.01)


async def test_lines(each_client: Redis[Any], decode_responses: bool) -> None:
    r = each_client
    value = "é \n\r\t\\\"'" if decode_responses else b'\x00\xff \n\\"'
    async with aclosing(r.monitor()) as lines:
        found = [await begin(r, lines)]
        await r.set("k", value)
        await r.eval("return redis.call('GET', KEYS[1])", 1, "k")
        async with asyncio.timeout(10):
            while len(found) < 2 or found[-1].client != "lua":
                found.append(await anext(lines))
    await connections(r, 1)
    name, key = ("SET", "k") if decode_responses else (b"SET", b"k")
    line = next(line for line in found if line.words[0] == name)
    assert line == MonitorLine(line.time, 0, (await r.client_info()).addr, (name, key, value))
    assert abs(line.time - time()) < 60
    assert found[-1].words == (("GET", "k") if decode_responses else (b"GET", b"k"))


async def test_leaving_the_loop_ends_it(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r, asyncio.timeout(10):
        pinging = asyncio.create_task(_ping(r))
        async for line in r.monitor():
            assert line.words
            break
        pinging.cancel()
        await connections(r, 1)
        assert await r.ping()


async def _ping(r: Redis) -> None:
    while True:
        await asyncio.sleep(0.01)
        await r.ping()


async def test_it_ends_with_its_client_at_once(server: EmbeddedServer) -> None:
    r = Redis(server.host, server.port)
    watching = asyncio.create_task(_all(r))
    await connections(r, 2)
    started = asyncio.get_running_loop().time()
    await r.aclose()
    await watching
    assert asyncio.get_running_loop().time() - started < 0.9


async def _all(r: Redis) -> list[MonitorLine]:
    return [line async for line in r.monitor()]


async def test_a_lost_connection_is_told(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        watching = asyncio.create_task(_all(r))
        await connections(r, 2)
        me = await r.client_id()
        for each in await r.client_list():
            if each.id != me:
                await r.client_kill(id=each.id)
        with pytest.raises(ConnectionLost) as lost:
            await watching
        assert lost.value.command == "MONITOR"


async def test_a_silent_server_is_asked_whether_it_lives(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, health_check=0.5, read_timeout=1) as r, aclosing(r.monitor()) as lines:
        async with asyncio.timeout(10):
            for _ in range(4):
                assert (await anext(lines)).words == ("PING",)
        (leased,) = r._core.leasing.connections()  # type: ignore[attr-defined]
        assert len(leased.session.waiting) <= 2, "answered PINGs do not pile up"


async def test_lines_that_nobody_takes_have_a_limit(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "_MOST", 50)
    async with Redis(server.host, server.port) as r, aclosing(r.monitor()) as lines:
        await begin(r, lines)
        async with r.pipeline() as p:
            for number in range(200):
                p.set("k", number)
        await r.ping()
        with pytest.raises(Overloaded, match="50 lines"):
            _ = [line async for line in lines]


async def test_who_may_not(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        await r.acl_setuser("modest", "on", ">word", "~*", "+@all", "-monitor")
        async with Redis(server.host, server.port, username="modest", password="word") as limited:
            with pytest.raises(NoPermission):
                await anext(limited.monitor())
        await r.acl_deluser("modest")
