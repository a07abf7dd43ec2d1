"""Pools, against real servers."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from redpoll import ClientClosed, CommandTimeout, ConnectionFailed, Dedicated, Pool, PoolTimeout, Redis, UsageError
from redpoll.testing import EmbeddedServer
from redpoll.transport.pool import SURE
from tests.fault.fake_server import FakeServer, Hang


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@pytest.fixture
async def r(server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis(server.host, server.port) as client:
        yield client


async def count(r: Redis) -> int:
    """How many connections the server has beside the one that asks."""
    return len(await r.client_list()) - 1


async def until(r: Redis, wanted: int) -> None:
    for _ in range(300):
        if await count(r) == wanted:
            return
        await asyncio.sleep(0.01)
    assert await count(r) == wanted


async def test_it_opens_the_least_and_lends_at_most(r: Redis, server: EmbeddedServer) -> None:
    async with Pool(server.host, server.port, min_size=2, max_size=3, wait_timeout=0.5) as pool:
        assert await count(r) == 2
        assert (pool.stats.size, pool.stats.idle, pool.stats.in_use, pool.stats.opened_total) == (2, 2, 0, 2)
        held = [await pool.acquire() for _ in range(3)]
        assert len({await c.client_id() for c in held}) == 3
        begin = time.monotonic()
        with pytest.raises(PoolTimeout, match=r"all 3 .*max_size") as late:
            await pool.acquire()
        assert 0.45 < time.monotonic() - begin < 2
        assert late.value.outcome == "not_run"
        assert (pool.stats.in_use, pool.stats.waiting, pool.stats.timeouts_total) == (3, 0, 1)
        for c in held:
            await pool.release(c)
        assert (pool.stats.size, pool.stats.idle, pool.stats.in_use, pool.stats.opened_total) == (3, 3, 0, 3)
    await until(r, 0)
    assert pool.stats.size == 0


async def test_a_connection_comes_back_as_it_was(r: Redis, server: EmbeddedServer) -> None:
    async with Pool(server.host, server.port, min_size=0, max_size=1) as pool:
        assert await count(r) == 0
        async with pool.connection() as c:
            first = await c.client_id()
            await c.select(1)
            await c.watch("k")
            await c.set("k", "one")
        async with pool.connection() as c:
            assert await c.client_id() == first
            assert await c.get("k") is None
            await c.client_setname("dirty")
        async with pool.connection() as c:
            assert await c.client_id() != first, "what cannot be undone closes it"
        assert (pool.stats.opened_total, pool.stats.closed_total) == (2, 1)


async def test_a_block_that_fails_gives_its_connection_back(server: EmbeddedServer) -> None:
    async with Pool(server.host, server.port, min_size=0, max_size=1, wait_timeout=1) as pool:
        with pytest.raises(RuntimeError):
            async with pool.connection():
                raise RuntimeError
        task = asyncio.create_task(_hold(pool))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with pool.connection() as c:
            assert await c.ping()
        assert (pool.stats.in_use, pool.stats.idle) == (0, 1)


async def _hold(pool: Pool) -> None:
    async with pool.connection() as c:
        await c.blpop("nothing", timeout=0)


async def test_a_second_release_only_warns(server: EmbeddedServer) -> None:
    async with Pool(server.host, server.port, max_size=2) as pool, Pool(server.host, server.port) as other:
        c = await pool.acquire()
        with pytest.raises(UsageError, match="this pool"):
            await other.release(c)
        await pool.release(c)
        assert c.returned
        with pytest.warns(RuntimeWarning, match="twice"):
            await pool.release(c)
        assert (pool.stats.in_use, pool.stats.idle) == (0, 2)
        with pytest.raises(ClientClosed, match="returned"):
            await c.ping()


async def test_those_who_wait_are_served_in_order(server: EmbeddedServer) -> None:
    served: list[int] = []

    async def worker(number: int, pool: Pool) -> None:
        async with pool.connection() as c:
            served.append(number)
            await c.ping()

    async with Pool(server.host, server.port, min_size=3, max_size=3) as pool:
        await asyncio.gather(*(worker(number, pool) for number in range(50)))
        assert served == list(range(50))
        assert pool.stats.opened_total <= 3


async def test_what_the_server_closes_is_replaced(r: Redis, server: EmbeddedServer) -> None:
    async with Pool(server.host, server.port, min_size=2, max_size=4) as pool:
        for line in await r.client_list():
            if line.id != await r.client_id():
                await r.client_kill(id=line.id)
        await until(r, 3)  # and the one that killed
        async with pool.connection() as c:
            assert await c.ping()
        assert (pool.stats.size, pool.stats.opened_total, pool.stats.closed_total) == (2, 4, 2)


async def test_idle_connections_that_the_server_gives_up_go_unnoticed(own_server: EmbeddedServer) -> None:
    async with (
        Redis(own_server.host, own_server.port, health_check=0.3) as r,
        Pool(own_server.host, own_server.port, min_size=0, max_size=2) as pool,
    ):
        async with pool.connection() as c:
            first = await c.client_id()
        await r.config_set({"timeout": 1})
        for _ in range(40):
            await asyncio.sleep(0.1)
            if pool.stats.idle == 0:
                break
        assert pool.stats.idle == 0, "the server closed it"
        async with pool.connection() as c:
            assert await c.client_id() != first


async def test_those_beyond_the_least_go_after_a_while(
    r: Redis, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redpoll.transport.pool._SOONEST", 0.05)
    async with Pool(server.host, server.port, min_size=1, max_size=3, max_idle=0.2) as pool:
        for c in [await pool.acquire() for _ in range(3)]:
            await pool.release(c)
        assert await count(r) == 3
        await until(r, 1)
        await asyncio.sleep(0.3)
        assert (await count(r), pool.stats.idle) == (1, 1)


async def test_it_outlives_a_restart(own_server: EmbeddedServer) -> None:
    async with Pool(own_server.host, own_server.port, min_size=1, max_size=2) as pool:
        async with pool.connection() as c:
            await c.set("k", "v")
        await asyncio.to_thread(own_server.restart)
        async with pool.connection() as c:
            assert await c.ping()


async def test_a_server_that_is_silent() -> None:
    with FakeServer(answers={"HELLO": [Hang()]}) as fake:
        pool = Pool(fake.host, fake.port, min_size=0, max_size=1, wait_timeout=0.1)
        with pytest.raises(CommandTimeout, match="no connection within"):
            await pool.acquire()
        dialing = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0.02)
        dialing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialing
        assert (pool.stats.in_use, pool.stats.size) == (0, 0)
        await pool.aclose()


async def test_idle_ones_on_a_server_that_is_silent_take_no_longer_than_the_wait(own_server: EmbeddedServer) -> None:
    """Each of them is asked whether it stands; all of that together is within the caller's time."""
    options: Any = {"min_size": 4, "max_size": 4, "wait_timeout": 0.3}
    async with Pool(own_server.host, own_server.port, **options) as pool:
        await asyncio.sleep(SURE + 0.1)
        own_server.pause()
        try:
            begin = time.monotonic()
            with pytest.raises(CommandTimeout, match=r"no connection within 0\.3 s"):
                await pool.acquire()
            assert time.monotonic() - begin < 0.9
        finally:
            own_server.resume()
        async with pool.connection() as c:
            assert await c.ping()


async def test_no_server() -> None:
    pool = Pool("127.0.0.1", 1, reconnect=False)
    with pytest.raises(ConnectionFailed):
        await pool.__aenter__()
    with pytest.raises(ClientClosed):
        await pool.acquire()


async def test_closing(r: Redis, server: EmbeddedServer) -> None:
    pool = Pool(server.host, server.port, max_size=1, min_size=1)
    held = await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    await pool.aclose()
    await pool.aclose()
    with pytest.raises(Exception, match="closed"):
        await waiting
    with pytest.raises(ClientClosed):
        await held.ping()
    with pytest.raises(ClientClosed):
        await pool.acquire()
    await pool.release(held)
    await until(r, 0)
    assert "closed" in repr(pool)


async def test_it_warns_when_forgotten(server: EmbeddedServer) -> None:
    pool = Pool(server.host, server.port, min_size=1)
    async with pool.connection() as c:
        await c.ping()
    core = pool._core
    del c
    gc.collect()
    with pytest.warns(ResourceWarning, match="unclosed"):
        del pool
    await core.aclose()


async def test_it_cannot_be_pickled(server: EmbeddedServer) -> None:
    with pytest.raises(TypeError, match="connections"):
        pickle.dumps(Pool(server.host, server.port))


def test_another_loop_and_another_life(server: EmbeddedServer) -> None:
    pool = Pool(server.host, server.port, min_size=0)

    async def use() -> int:
        async with pool.connection() as c:
            return await c.client_id()

    first = asyncio.run(use())
    second = asyncio.run(_and_close(pool, use))
    assert first != second


async def _and_close(pool: Pool, use: Any) -> int:
    try:
        return int(await use())
    finally:
        await pool.aclose()


async def test_bytes_and_urls(server: EmbeddedServer) -> None:
    url = f"redis://{server.host}:{server.port}/2"
    async with Pool.from_url(url, decode_responses=False, max_size=2) as pool, pool.connection() as c:
        await c.set("k", "v")
        assert await c.get("k") == b"v"
        assert (await c.client_info()).db == 2
        assert isinstance(c, Dedicated)


async def test_files_stay_the_same(server: EmbeddedServer) -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = opened()
    async with Pool(server.host, server.port, max_size=5) as pool:
        tasks = [asyncio.create_task(_hold(pool)) for _ in range(20)]
        for number, task in enumerate(tasks):
            for _ in range(number % 7):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert pool.stats.in_use == 0
    assert opened() == before


@pytest.mark.parametrize(
    "options",
    [
        {"min_size": 3, "max_size": 2},
        {"min_size": -1},
        {"max_size": 0},
        {"max_size": True},
        {"max_size": 2.0},
        {"max_idle": 0},
        {"max_idle": float("nan")},
        {"wait_timeout": -1},
        {"wait_timeout": "1"},
        {"max_leased": 5},
        {"decode_responses": "yes"},
        {"nonsense": 1},
    ],
)
def test_impossible_options(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(reversed(options)).replace("max_leased", "max_size")) as error:
        Pool(**options)
    assert error.value.outcome == "not_run"
