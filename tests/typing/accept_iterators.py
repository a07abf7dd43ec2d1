"""Iterators over keys, entries of streams, and what a server runs: never run, only type-checked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import assert_type

from redpoll import Client, Consumer, MonitorLine, Redis, StreamEntry
from redpoll.types import S


async def scans(r: Redis, b: Redis[bytes], flag: bool) -> None:
    async for key in r.scan_iter("user:*", 100, type="hash", on_interrupt="raise"):
        assert_type(key, str)
    assert_type([key async for key in b.scan_iter(match=b"x*", count=5)], list[bytes])
    async for field, value in r.hscan_iter("h", match="f*"):
        assert_type(field, str)
        assert_type(value, str)
    assert_type([field async for field in b.hscan_iter("h", novalues=True)], list[bytes])
    async for either in r.hscan_iter("h", novalues=flag):
        assert_type(either, str | tuple[str, str])
    assert_type([member async for member in r.sscan_iter("s", "a*", 10)], list[str])
    assert_type([pair async for pair in b.zscan_iter("z")], list[tuple[bytes, float]])
    assert_type([member async for member in r.zscan_iter("z", noscores=True)], list[str])
    async with aclosing(r.scan_iter()) as keys:
        assert_type(await anext(keys), str)
    iterator: AsyncIterator[str] = r.scan_iter()
    del iterator


async def anywhere(client: Client[S]) -> list[S]:
    return [key async for key in client.scan_iter()]


async def on_connections(r: Redis, b: Redis[bytes]) -> None:
    async with r.dedicated() as c:
        assert_type(await anywhere(c), list[str])
    assert_type(await anywhere(b), list[bytes])


async def handle(entry: StreamEntry) -> None:
    assert_type(entry, StreamEntry[str])
    assert_type(entry.fields, dict[str, str])
    assert_type(entry.deliveries, int)


async def streams(r: Redis, b: Redis[bytes]) -> None:
    consumer = r.consumer("orders", group="g", name="c1")
    assert_type(consumer, Consumer[str])
    async for entry in consumer:
        assert_type(entry, StreamEntry[str])
        assert_type(entry.id, str)
        assert_type(await entry.ack(), bool)
    await consumer.run(handle, concurrency=5)
    consumer.stop()
    many = b.consumer(
        ["a", "b"], "g", "c", start="$", count=5, block=1, min_idle=2.5, max_deliveries=3, dead_letter=b"d"
    )
    async for raw in many:
        assert_type(raw.fields, dict[bytes, bytes])
        assert_type(raw.stream, bytes)


async def monitors(r: Redis, b: Redis[bytes]) -> None:
    async for line in r.monitor():
        assert_type(line, MonitorLine[str])
        assert_type(line.words, tuple[str, ...])
    assert_type(await anext(b.monitor()), MonitorLine[bytes])
