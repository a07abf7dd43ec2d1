"""The stream commands, those that do not block."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from redpoll.errors import BusyGroup
from redpoll.records.streams import (
    AutoClaim,
    AutoClaimIds,
    PendingEntry,
    PendingSummary,
    StreamConsumer,
    StreamGroup,
    StreamInfo,
    StreamState,
)
from tests.live.commands.cases import Case, Raises, Table, case

X = ("XADD x 1-1 f v", "XADD x 2-1 f v g w", "XADD x 3-1 f v")
GROUP = (*X, "XGROUP CREATE x gr 0")
PENDING = (*GROUP, "XREADGROUP GROUP gr c1 STREAMS x >")
HOLE = (*PENDING, "XDEL x 2-1")
E1, E2, E3 = ("1-1", {"f": "v"}), ("2-1", {"f": "v", "g": "w"}), ("3-1", {"f": "v"})
THREE = [E1, E2, E3]
LOW = dt.timedelta(0)


def full(state: StreamState[str]) -> bool:
    (group,) = state.groups
    (consumer,) = group.consumers
    now = time.time() * 1000
    return (
        (state.length, state.entries, state.last_generated_id, state.entries_added) == (3, THREE, "3-1", 3)
        and (group.name, group.pel_count, group.last_delivered_id, group.entries_read, group.lag)
        == ("gr", 3, "3-1", 3, 0)
        and [(i, who, n) for i, who, _, n in group.pending] == [(i, "c1", 1) for i in ("1-1", "2-1", "3-1")]
        and (consumer.name, consumer.pel_count, len(consumer.pending)) == ("c1", 3, 3)
        and consumer.active_time == consumer.pending[0][1]
        and abs(now - consumer.seen_time) < 60_000
    )


def told(info: StreamInfo[str]) -> bool:
    return (info.length, info.groups, info.last_generated_id, info.first_entry, info.last_entry) == (
        3,
        1,
        "3-1",
        E1,
        E3,
    ) and (info.max_deleted_entry_id, info.entries_added, info.recorded_first_entry_id) == ("0-0", 3, "1-1")


def is_now(id_: str) -> bool:
    milliseconds, _, sequence = id_.partition("-")
    return abs(int(milliseconds) - time.time() * 1000) < 60_000 and sequence == "0"


def pending(entries: list[PendingEntry[str]], *ids: str) -> bool:
    return [(p.id, p.consumer, p.deliveries) for p in entries] == [(i, "c1", 1) for i in ids] and all(
        0 <= p.idle < 10_000 for p in entries
    )


CASES: list[Case] = [
    case(lambda c: c.xack("x", "gr", "1-1", "9-9"), 1, *PENDING),
    case(lambda c: c.xackdel("x", "gr", "1-1", "9-9"), [1, -1], *PENDING, then={"XLEN x": 2}),
    case(lambda c: c.xackdel("x", "gr", "1-1", delref=True), [1], *PENDING),
    case(lambda c: c.xackdel("x", "gr", "1-1", acked=True), [1], *PENDING),
    case(lambda c: c.xadd("x", {"f": 1, b"g": "w"}), is_now, then={"XLEN x": 1}),
    case(lambda c: c.xadd("x", {"f": 1}, "5-1"), "5-1"),
    case(lambda c: c.xadd("x", {"f": 1}, id="5-*", nomkstream=False), "5-0"),
    case(lambda c: c.xadd("x", {"f": 1}, "5-1", nomkstream=True), None, then={"EXISTS x": 0}),
    case(lambda c: c.xadd("x", {"f": 1}, "5-1", nomkstream=True), "5-1", *X),
    case(lambda c: c.xadd("x", {"f": 1}, "5-1", maxlen=2, approximate=False), "5-1", *X, then={"XLEN x": 2}),
    case(lambda c: c.xadd("x", {"f": 1}, "5-1", maxlen=2, limit=10), "5-1", *X, then={"XLEN x": 4}),
    case(lambda c: c.xadd("x", {"f": 1}, "5-1", minid="3", approximate=False), "5-1", *X, then={"XLEN x": 2}),
    case(
        lambda c: c.xadd("x", {"f": 1}, "5-1", maxlen=1, approximate=False, delref=True),
        "5-1",
        *PENDING,
        then={"XPENDING x gr": [0, None, None, None]},
        only="redis8",
    ),
    case(lambda c: c.xautoclaim("x", "gr", "c2", 0, count=1), AutoClaim("2-1", [E1], []), *PENDING),
    case(lambda c: c.xautoclaim("x", "gr", "c2", LOW, "0", justid=False), AutoClaim("0-0", [E1, E3], ["2-1"]), *HOLE),
    case(lambda c: c.xautoclaim("x", "gr", "c2", 0, justid=True), AutoClaimIds("0-0", ["1-1", "3-1"], ["2-1"]), *HOLE),
    case(lambda c: c.xautoclaim("x", "gr", "c2", 99_999), AutoClaim("0-0", [], ["2-1"]), *HOLE),
    case(lambda c: c.xclaim("x", "gr", "c2", 0, "1-1", "2-1"), [E1], *HOLE),
    case(lambda c: c.xclaim("x", "gr", "c2", LOW, "1-1", justid=False, idle=5, retrycount=7), [E1], *HOLE),
    case(lambda c: c.xclaim("x", "gr", "c2", 0, "1-1", "3-1", justid=True), ["1-1", "3-1"], *HOLE),
    case(lambda c: c.xclaim("x", "gr", "c2", 0, "1-1", justid=True, time=dt.datetime.now(dt.UTC)), ["1-1"], *HOLE),
    case(lambda c: c.xclaim("x", "gr", "c2", 0, "1-1", force=True, lastid="2-1"), [E1], *GROUP),
    case(lambda c: c.xdel("x", "1-1", "9-9"), 1, *X),
    case(lambda c: c.xdelex("x", "1-1", "9-9"), [1, -1], *X),
    case(lambda c: c.xdelex("x", "1-1", keepref=True), [1], *PENDING, then={"XPENDING x gr - + 1 q": []}),
    case(lambda c: c.xdelex("x", "1-1", acked=True), [2], *PENDING),
    case(lambda c: c.xgroup_create("x", "g2", "0", entriesread=1), True, *X),
    case(lambda c: c.xgroup_create("x", "g2", mkstream=True), True, then={"XLEN x": 0}),
    case(lambda c: c.xgroup_create("x", "gr"), Raises("BUSYGROUP", BusyGroup), *GROUP),
    case(lambda c: c.xgroup_createconsumer("x", "gr", "c1"), True, *GROUP),
    case(lambda c: c.xgroup_createconsumer("x", "gr", "c1"), False, *PENDING),
    case(lambda c: c.xgroup_delconsumer("x", "gr", "c1"), 3, *PENDING),
    case(lambda c: c.xgroup_destroy("x", "gr"), True, *GROUP),
    case(lambda c: c.xgroup_destroy("x", "none"), False, *GROUP),
    case(lambda c: c.xgroup_help(), lambda v: v[0].startswith("XGROUP")),
    case(lambda c: c.xgroup_setid("x", "gr", "2-1", entriesread=2), True, *GROUP),
    case(
        lambda c: c.xinfo_consumers("x", "gr"),
        lambda v: v == [StreamConsumer("c9", 0, v[0].idle, None)] and 0 <= v[0].idle < 10_000,
        *GROUP,
        "XGROUP CREATECONSUMER x gr c9",
    ),
    case(
        lambda c: c.xinfo_consumers("x", "gr"),
        lambda v: (v[0].name, v[0].pending) == ("c1", 3) and 0 <= v[0].inactive < 10_000,
        *PENDING,
    ),
    case(lambda c: c.xinfo_groups("x"), [StreamGroup("gr", 0, 0, "0-0", None, 3)], *GROUP),
    case(lambda c: c.xinfo_groups("x"), [StreamGroup("gr", 1, 3, "3-1", 3, 0)], *PENDING),
    case(lambda c: c.xinfo_help(), lambda v: v[0].startswith("XINFO")),
    case(lambda c: c.xinfo_stream("x"), told, *GROUP),
    case(lambda c: c.xinfo_stream("x", full=False), lambda v: v.first_entry is None, "XGROUP CREATE x gr 0 MKSTREAM"),
    case(lambda c: c.xinfo_stream("x", full=True), full, *PENDING),
    case(lambda c: c.xinfo_stream("x", full=True, count=1), lambda v: len(v.entries) == 1, *PENDING),
    case(lambda c: c.xlen("x"), 3, *X),
    case(lambda c: c.xpending("x", "gr"), PendingSummary(3, "1-1", "3-1", {"c1": 3}), *PENDING),
    case(lambda c: c.xpending("x", "gr"), PendingSummary(0, None, None, {}), *GROUP),
    case(lambda c: c.xpending("x", "gr", start="-", end="+", count=2), lambda v: pending(v, "1-1", "2-1"), *PENDING),
    case(
        lambda c: c.xpending("x", "gr", start="2-1", end="+", count=9, consumer="c1", idle=0),
        lambda v: pending(v, "2-1", "3-1"),
        *PENDING,
    ),
    case(lambda c: c.xpending("x", "gr", count=9, consumer="c1"), lambda v: pending(v, "1-1", "2-1", "3-1"), *PENDING),
    case(lambda c: c.xpending("x", "gr", end="1-1", count=9, consumer="c2"), [], *PENDING),
    case(lambda c: c.xrange("x"), THREE, *X),
    case(lambda c: c.xrange("x", "(1-1", "+", count=1), [E2], *X),
    case(lambda c: c.xrange("none"), []),
    case(lambda c: c.xread({"x": "0", "none": 0}), {"x": THREE}, *X),
    case(lambda c: c.xread({"x": "1-1"}, count=1), {"x": [E2]}, *X),
    case(lambda c: c.xread({"none": 0}), {}),
    case(lambda c: c.xread({"x": "+"}), {"x": [E3]}, *X),
    case(lambda c: c.xreadgroup("gr", "c1", {"x": ">"}), {"x": THREE}, *GROUP),
    case(
        lambda c: c.xreadgroup("gr", "c1", {"x": ">"}, noack=True, count=2),
        {"x": [E1, E2]},
        *GROUP,
        then={"XPENDING x gr": [0, None, None, None]},
    ),
    case(lambda c: c.xreadgroup("gr", "c1", {"x": "0"}), {"x": [E1, ("2-1", None), E3]}, *HOLE),
    case(lambda c: c.xreadgroup("gr", "c1", {"x": ">"}), {}, *PENDING),
    case(lambda c: c.xrevrange("x"), THREE[::-1], *X),
    case(lambda c: c.xrevrange("x", "2-1", "-", count=1), [E2], *X),
    case(lambda c: c.xsetid("x", "9-1"), True, *X, then={"XADD x 9-* f v": "9-2"}),
    case(lambda c: c.xsetid("x", "9-1", entriesadded=7, maxdeletedid="4-1"), True, *X),
    case(lambda c: c.xtrim("x", 1, approximate=False), 2, *X),
    case(lambda c: c.xtrim("x", 1), 0, *X),
    case(lambda c: c.xtrim("x", minid="3-1", approximate=False), 2, *X),
    case(lambda c: c.xtrim("x", 0, limit=100), 3, *X),
    case(lambda c: c.xtrim("x", 1, False, acked=True), 0, *PENDING, only="redis8"),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
