"""The string commands."""

from __future__ import annotations

import datetime as dt

import pytest

from redpoll.records.data import LcsMatch, LcsMatches
from tests.live.commands.cases import Case, Table, case

FAR = 4_000_000_000
SOON = dt.datetime.fromtimestamp(FAR, dt.UTC)
COMMON = ("SET k1 ohmytext", "SET k2 mynewtext")


CASES: list[Case] = [
    case(lambda c: c.append("k", "b"), 2, "SET k a", then={"GET k": "ab"}),
    case(lambda c: c.decr("k"), 9, "SET k 10"),
    case(lambda c: c.decr("k", 4), 6, "SET k 10"),
    case(lambda c: c.decrby("k", 3), 7, "SET k 10"),
    case(lambda c: c.incr("k"), 1),
    case(lambda c: c.incr("k", 5), 15, "SET k 10"),
    case(lambda c: c.incrby("k", 3), 13, "SET k 10"),
    case(lambda c: c.incrbyfloat("k", 0.5), 10.5, "SET k 10"),
    case(lambda c: c.incrbyfloat("k"), 11.0, "SET k 10"),
    case(lambda c: c.delifeq("k", "v"), True, "SET k v"),
    case(lambda c: c.delifeq("k", "w"), False, "SET k v"),
    case(lambda c: c.delifeq("none", "w"), False),
    case(lambda c: c.get("k"), "v", "SET k v"),
    case(lambda c: c.get(b"none"), None),
    case(lambda c: c.getdel("k"), "v", "SET k v", then={"EXISTS k": 0}),
    case(lambda c: c.getdel("none"), None),
    case(lambda c: c.getex("k"), "v", "SET k v", then={"TTL k": -1}),
    case(lambda c: c.getex("none", ex=1), None),
    case(lambda c: c.getex("k", ex=100), "v", "SET k v", then={"TTL k": 100}),
    case(lambda c: c.getex("k", ex=dt.timedelta(hours=1)), "v", "SET k v", then={"TTL k": 3600}),
    case(lambda c: c.getex("k", px=100_000), "v", "SET k v", then={"TTL k": 100}),
    case(lambda c: c.getex("k", exat=SOON), "v", "SET k v", then={"EXPIRETIME k": FAR}),
    case(lambda c: c.getex("k", pxat=SOON), "v", "SET k v", then={"PEXPIRETIME k": FAR * 1000}),
    case(lambda c: c.getex("k", persist=True), "v", "SET k v EX 100", then={"TTL k": -1}),
    case(lambda c: c.getrange("k", 1, -1), "bc", "SET k abc"),
    case(lambda c: c.getrange("none", 0, -1), ""),
    case(lambda c: c.substr("k", 0, 1), "ab", "SET k abc"),
    case(lambda c: c.getset("k", "w"), "v", "SET k v", then={"GET k": "w"}),
    case(lambda c: c.getset("k", "w"), None),
    case(lambda c: c.lcs("k1", "k2"), "mytext", *COMMON),
    case(lambda c: c.lcs("k1", "k2", len=False, idx=False), "mytext", *COMMON),
    case(lambda c: c.lcs("k1", "k2", len=True), 6, *COMMON),
    case(
        lambda c: c.lcs("k1", "k2", idx=True),
        LcsMatches(6, [LcsMatch((4, 7), (5, 8)), LcsMatch((2, 3), (0, 1))]),
        *COMMON,
    ),
    case(
        lambda c: c.lcs("k1", "k2", idx=True, minmatchlen=3, withmatchlen=True),
        LcsMatches(6, [LcsMatch((4, 7), (5, 8))]),
        *COMMON,
    ),
    case(lambda c: c.mget("a", "b"), ["1", None], "SET a 1"),
    case(lambda c: c.mget(["a", "b"], "a"), ["1", None, "1"], "SET a 1"),
    case(lambda c: c.mset({"a": 1, b"b": "x"}), True, then={"MGET a b": ["1", "x"]}),
    case(lambda c: c.msetnx({"a": 1, "b": 2}), True, then={"MGET a b": ["1", "2"]}),
    case(lambda c: c.msetnx({"a": 1, "b": 2}), False, "SET b 9", then={"MGET a b": [None, "9"]}),
    case(lambda c: c.msetex({"a": 1, "b": 2}, ex=100), True, then={"TTL b": 100}),
    case(lambda c: c.msetex({"a": 1, "b": 2}, nx=True), False, "SET b 9"),
    case(lambda c: c.msetex({"a": 1}, xx=True, keepttl=True), True, "SET a 9 EX 100", then={"TTL a": 100}),
    case(lambda c: c.psetex("k", 100_000, "v"), True, then={"TTL k": 100}),
    case(lambda c: c.psetex("k", dt.timedelta(seconds=50), "v"), True, then={"TTL k": 50}),
    case(lambda c: c.setex("k", 100, "v"), True, then={"TTL k": 100}),
    case(lambda c: c.setnx("k", "v"), True, then={"GET k": "v"}),
    case(lambda c: c.setnx("k", "v"), False, "SET k w", then={"GET k": "w"}),
    case(lambda c: c.set("k", "v"), True, then={"GET k": "v"}),
    case(lambda c: c.set("k", 7, get=False), True, then={"GET k": "7"}),
    case(lambda c: c.set("k", 1.5), True, then={"GET k": "1.5"}),
    case(lambda c: c.set("k", memoryview(b"m")), True, then={"GET k": "m"}),
    case(lambda c: c.set("k", "v", nx=True), False, "SET k w"),
    case(lambda c: c.set("k", "v", xx=True), False),
    case(lambda c: c.set("k", "v", get=True), "w", "SET k w", then={"GET k": "v"}),
    case(lambda c: c.set("k", "v", get=True), None, then={"GET k": "v"}),
    case(lambda c: c.set("k", "v", nx=True, get=True), "w", "SET k w", then={"GET k": "w"}),
    case(lambda c: c.set("k", "v", ex=100), True, then={"TTL k": 100}),
    case(lambda c: c.set("k", "v", px=100_000), True, then={"TTL k": 100}),
    case(lambda c: c.set("k", "v", exat=FAR), True, then={"EXPIRETIME k": FAR}),
    case(lambda c: c.set("k", "v", pxat=FAR * 1000), True, then={"EXPIRETIME k": FAR}),
    case(lambda c: c.set("k", "v", keepttl=True), True, "SET k w EX 100", then={"TTL k": 100}),
    case(lambda c: c.set("k", "v", ifeq="w"), True, "SET k w", then={"GET k": "v"}, only="valkey"),
    case(lambda c: c.set("k", "v", ifeq="q"), False, "SET k w", then={"GET k": "w"}, only="valkey"),
    case(lambda c: c.set("k", "v", ifeq="q", get=True), "w", "SET k w", only="valkey"),
    case(lambda c: c.setrange("k", 2, "xy"), 4, "SET k abc", then={"GET k": "abxy"}),
    case(lambda c: c.strlen("k"), 3, "SET k abc"),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
