"""Streams: ids, entries, pending ones, claims and reports."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import assert_type

from redpoll import Redis
from redpoll.records.streams import (
    AutoClaim,
    AutoClaimIds,
    DeliveredEntry,
    PendingEntry,
    PendingSummary,
    StreamConsumer,
    StreamGroup,
    StreamInfo,
    StreamState,
)


async def xadd(r: Redis, b: Redis[bytes], flag: bool, fields: dict[str, float]) -> None:
    assert_type(await r.xadd("s", {"f": "v"}), str)
    assert_type(await b.xadd("s", {"f": "v"}), bytes)
    assert_type(await r.xadd("s", fields, "1-1"), str)
    assert_type(await r.xadd("s", Counter("ab"), id="*", maxlen=1000), str)
    assert_type(await r.xadd("s", {"f": 1}, nomkstream=False), str)
    assert_type(await r.xadd("s", {"f": 1}, nomkstream=True), str | None)
    assert_type(await r.xadd("s", {"f": 1}, nomkstream=flag), str | None)
    assert_type(await r.xadd("s", {"f": 1}, minid="5-0", approximate=False), str)


async def ranges(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.xrange("s"), list[tuple[str, dict[str, str]]])
    assert_type(await b.xrange("s", "-", "+", count=10), list[tuple[bytes, dict[bytes, bytes]]])
    assert_type(await r.xrevrange("s", "+", "5-0"), list[tuple[str, dict[str, str]]])
    for entry_id, fields in await r.xrange("s"):
        assert_type(entry_id, str)
        assert_type(fields, dict[str, str])


async def reads(r: Redis, streams: dict[str, str], raw: dict[bytes, int]) -> None:
    assert_type(await r.xread({"s": "0"}), dict[str, list[tuple[str, dict[str, str]]]])
    assert_type(await r.xread(streams, count=10, block=1000), dict[str, list[tuple[str, dict[str, str]]]])
    assert_type(await r.xread(raw, block=dt.timedelta(seconds=1)), dict[str, list[tuple[str, dict[str, str]]]])
    assert_type(await r.xreadgroup("g", "c", {"s": ">"}, count=1), dict[str, list[tuple[str, dict[str, str] | None]]])
    assert_type(await r.xreadgroup("g", "c", {"s": ">"}, claim=60_000), dict[str, list[DeliveredEntry[str]]])


async def groups(r: Redis) -> None:
    assert_type(await r.xgroup_create("s", "g", "$", mkstream=True), bool)
    assert_type(await r.xgroup_destroy("s", "g"), bool)
    assert_type(await r.xgroup_delconsumer("s", "g", "c"), int)
    assert_type(await r.xack("s", "g", "1-1", "1-2"), int)
    assert_type(await r.xdel("s", "1-1"), int)
    assert_type(await r.xlen("s"), int)
    assert_type(await r.xtrim("s", 1000), int)
    assert_type(await r.xtrim("s", minid="5-0", approximate=False), int)
    assert_type(await r.xdelex("s", "1-1", acked=True), list[int])


async def claims(r: Redis, flag: bool) -> None:
    idle = dt.timedelta(minutes=1)
    assert_type(await r.xclaim("s", "g", "c", 1000, "1-1"), list[tuple[str, dict[str, str]]])
    assert_type(await r.xclaim("s", "g", "c", idle, "1-1", "1-2", justid=True), list[str])
    assert_type(await r.xclaim("s", "g", "c", idle, "1-1", justid=flag), list[str] | list[tuple[str, dict[str, str]]])
    assert_type(await r.xautoclaim("s", "g", "c", idle), AutoClaim[str])
    assert_type(await r.xautoclaim("s", "g", "c", 1000, "0-0", justid=True), AutoClaimIds[str])
    assert_type(await r.xautoclaim("s", "g", "c", 1000, justid=flag), AutoClaimIds[str] | AutoClaim[str])
    claim = await r.xautoclaim("s", "g", "c", 1000)
    assert_type(claim.entries, list[tuple[str, dict[str, str]]])


async def reports(r: Redis, b: Redis[bytes], flag: bool) -> None:
    assert_type(await r.xpending("s", "g"), PendingSummary[str])
    assert_type(await r.xpending("s", "g", start="-", end="+", count=10), list[PendingEntry[str]])
    assert_type(await b.xpending("s", "g", start="-", end="+", count=10), list[PendingEntry[bytes]])
    assert_type(await r.xinfo_stream("s"), StreamInfo[str])
    assert_type(await r.xinfo_stream("s", full=True, count=5), StreamState[str])
    assert_type(await r.xinfo_stream("s", full=flag), StreamState[str] | StreamInfo[str])
    assert_type(await r.xinfo_groups("s"), list[StreamGroup[str]])
    assert_type(await r.xinfo_consumers("s", "g"), list[StreamConsumer[str]])
