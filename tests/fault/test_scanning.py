"""Scans whose connection is lost on the way, with the same server behind it or another one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from redpoll import Redis, ScanInterrupted
from redpoll.testing import EmbeddedServer
from tests.fault.proxy import FaultProxy

KEYS = 20_000


async def fill(host: str, port: int) -> None:
    async with Redis(host, port) as r:
        await r.eval(f"for n = 1, {KEYS} do redis.call('SET', 'k' .. n, n) end", 0)
        await r.eval(f"for n = 1, {KEYS} do redis.call('SADD', 's', n) end", 0)


async def promoted(replica: EmbeddedServer) -> None:
    """Have a server follow its primary until it has all, and then be a primary itself."""
    async with Redis(replica.host, replica.port) as r:
        async with asyncio.timeout(20):
            while await r.dbsize() <= KEYS or await r.scard("s") < KEYS:  # noqa: ASYNC110  # only the server knows
                await asyncio.sleep(0.01)
        await r.replicaof("NO", "ONE")


@pytest.mark.parametrize("kind", ["scan", "sscan"])
async def test_half_of_it_from_a_primary_and_the_rest_from_its_replica(
    pair: tuple[EmbeddedServer, EmbeddedServer], kind: str
) -> None:
    primary, replica = pair
    await fill(primary.host, primary.port)
    await promoted(replica)
    with FaultProxy(primary.host, primary.port) as proxy:
        async with Redis(proxy.host, proxy.port) as r:

            def scan(**options: Any) -> Any:
                return r.sscan_iter("s", count=100, **options) if kind == "sscan" else r.scan_iter("k*", 100, **options)

            seen = Counter[str]()
            both = False
            strict = scan(on_interrupt="raise")
            assert await anext(strict)
            async for each in scan():
                seen[each] += 1
                if not both and len(seen) == KEYS // 2:
                    both = True
                    proxy.target = replica.host, replica.port
                    proxy.cut()
            assert both
            assert len(seen) == KEYS, "none missed"
            assert max(seen.values()) == 2, "it began anew"
            with pytest.raises(ScanInterrupted):
                _ = [each async for each in strict]


@pytest.mark.parametrize("protocol", [2, 3])
async def test_the_same_server_behind_a_new_connection(
    proxy: FaultProxy, valkey: EmbeddedServer, protocol: Any
) -> None:
    await fill(valkey.host, valkey.port)
    async with Redis(proxy.host, proxy.port, protocol=protocol) as r:
        seen = Counter[str]()
        async for key in r.scan_iter("k*", 100, on_interrupt="raise"):
            seen[key] += 1
            if sum(seen.values()) % 4000 == 0:
                proxy.cut()
            elif sum(seen.values()) % 4000 == 2000:
                proxy.to_client.cut_after(100)  # within a reply
    assert len(seen) == KEYS
    assert seen.total() == KEYS, "it went on where it was"
    assert proxy.connections() > 5


async def test_a_server_that_was_started_again(valkey: EmbeddedServer) -> None:
    with EmbeddedServer(valkey.binary) as own:
        async with Redis(own.host, own.port) as r:
            await r.mset({f"k{n}": n for n in range(1000)})
            keys = r.scan_iter(count=10, on_interrupt="raise")
            assert await anext(keys)
            await asyncio.to_thread(own.restart)
            with pytest.raises(ScanInterrupted):
                _ = [key async for key in keys]
