"""The hash commands."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.live.commands.cases import Case, Table, case, left

FAR = 4_000_000_000
SOON = dt.datetime.fromtimestamp(FAR, dt.UTC)
H = "HSET h f 1 g 2"
TIMED = (H, "HEXPIRE h 100 FIELDS 1 f")

CASES: list[Case] = [
    case(lambda c: c.hdel("h", "f", "q"), 1, H, then={"HKEYS h": ["g"]}),
    case(lambda c: c.hexists("h", "f"), True, H),
    case(lambda c: c.hexists("h", "q"), False, H),
    case(lambda c: c.hexpire("h", 100, "f", "q"), [1, -2], H, then={"HTTL h FIELDS 2 f g": [100, -1]}),
    case(lambda c: c.hexpire("h", dt.timedelta(minutes=5), "f"), [1], H, then={"HTTL h FIELDS 1 f": [300]}),
    case(lambda c: c.hexpire("h", 300, "f", "g", nx=True), [0, 1], *TIMED),
    case(lambda c: c.hexpire("h", 300, "f", "g", xx=True), [1, 0], *TIMED),
    case(lambda c: c.hexpire("h", 300, "f", gt=True), [1], *TIMED),
    case(lambda c: c.hexpire("h", 300, "f", lt=True), [0], *TIMED),
    case(lambda c: c.hexpireat("h", SOON, "f"), [1], H, then={"HEXPIRETIME h FIELDS 1 f": [FAR]}),
    case(lambda c: c.hexpireat("h", FAR, "f", nx=True), [0], *TIMED),
    case(lambda c: c.hexpireat("h", 1, "f"), [2], H, then={"HLEN h": 1}),
    case(lambda c: c.hexpiretime("h", "f", "g", "q"), [FAR, -1, -2], H, f"HEXPIREAT h {FAR} FIELDS 1 f"),
    case(lambda c: c.hpexpire("h", 100_000, "f"), [1], H, then={"HTTL h FIELDS 1 f": [100]}),
    case(lambda c: c.hpexpire("h", dt.timedelta(seconds=9), "f", xx=True), [0], H),
    case(lambda c: c.hpexpireat("h", SOON, "f"), [1], H, then={"HPEXPIRETIME h FIELDS 1 f": [FAR * 1000]}),
    case(lambda c: c.hpexpireat("h", FAR * 1000, "f", gt=True), [1], *TIMED),
    case(lambda c: c.hpexpiretime("h", "f", "g"), [FAR * 1000, -1], H, f"HEXPIREAT h {FAR} FIELDS 1 f"),
    case(lambda c: c.hpersist("h", "f", "g", "q"), [1, -1, -2], *TIMED),
    case(lambda c: c.httl("h", "f", "g", "q"), left([100, -1, -2]), *TIMED),
    case(lambda c: c.httl("none", "f"), [-2]),
    case(lambda c: c.hpttl("h", "f", "g"), lambda v: 95_000 < v[0] <= 100_000 and v[1] == -1, *TIMED),
    case(lambda c: c.hget("h", "f"), "1", H),
    case(lambda c: c.hget("h", "q"), None, H),
    case(lambda c: c.hgetall("h"), {"f": "1", "g": "2"}, H),
    case(lambda c: c.hgetall("none"), {}),
    case(lambda c: c.hgetdel("h", "f", "q"), ["1", None], H, then={"HKEYS h": ["g"]}),
    case(lambda c: c.hgetex("h", "f", "q"), ["1", None], *TIMED, then={"HTTL h FIELDS 1 f": [100]}),
    case(lambda c: c.hgetex("h", "f", ex=300), ["1"], H, then={"HTTL h FIELDS 1 f": [300]}),
    case(lambda c: c.hgetex("h", "f", px=300_000), ["1"], H, then={"HTTL h FIELDS 1 f": [300]}),
    case(lambda c: c.hgetex("h", "f", exat=FAR), ["1"], H, then={"HEXPIRETIME h FIELDS 1 f": [FAR]}),
    case(lambda c: c.hgetex("h", "f", pxat=SOON), ["1"], H, then={"HEXPIRETIME h FIELDS 1 f": [FAR]}),
    case(lambda c: c.hgetex("h", "f", persist=True), ["1"], *TIMED, then={"HTTL h FIELDS 1 f": [-1]}),
    case(lambda c: c.hincrby("h", "f", 4), 5, H),
    case(lambda c: c.hincrby("h", "q"), 1, H),
    case(lambda c: c.hincrbyfloat("h", "f", 0.5), 1.5, H),
    case(lambda c: c.hincrbyfloat("h", "f"), 2.0, H),
    case(lambda c: c.hkeys("h"), ["f", "g"], H),
    case(lambda c: c.hkeys("none"), []),
    case(lambda c: c.hlen("h"), 2, H),
    case(lambda c: c.hmget("h", "f", "q"), ["1", None], H),
    case(lambda c: c.hmget("h", ["g", "f"], "g"), ["2", "1", "2"], H),
    case(lambda c: c.hmset("h", {"f": 1}), True, then={"HGET h f": "1"}),
    case(lambda c: c.hrandfield("h"), "f", "HSET h f 1"),
    case(lambda c: c.hrandfield("none"), None),
    case(lambda c: c.hrandfield("h", withvalues=False), "f", "HSET h f 1"),
    case(lambda c: c.hrandfield("h", -2), ["f", "f"], "HSET h f 1"),
    case(lambda c: c.hrandfield("h", 5, withvalues=False), lambda v: sorted(v) == ["f", "g"], H),
    case(lambda c: c.hrandfield("h", 5, withvalues=True), lambda v: sorted(v) == [("f", "1"), ("g", "2")], H),
    case(lambda c: c.hrandfield("h", -2, withvalues=True), [("f", "1"), ("f", "1")], "HSET h f 1"),
    case(lambda c: c.hrandfield("none", 2, withvalues=True), []),
    case(lambda c: c.hscan("h"), (0, {"f": "1", "g": "2"}), H),
    case(lambda c: c.hscan("h", 0, match="g*", count=10, novalues=False), (0, {"g": "2"}), H),
    case(lambda c: c.hscan("h", novalues=True), (0, ["f", "g"]), H),
    case(lambda c: c.hscan("none"), (0, {})),
    case(lambda c: c.hset("h", {"f": 1, b"g": "x"}), 2, then={"HMGET h f g": ["1", "x"]}),
    case(lambda c: c.hset("h", "f", 1.5), 1, then={"HGET h f": "1.5"}),
    case(lambda c: c.hset("h", mapping={"f": 3}), 0, H, then={"HGET h f": "3"}),
    case(lambda c: c.hsetex("h", {"f": 1, "g": 2}, ex=100), True, then={"HTTL h FIELDS 2 f g": [100, 100]}),
    case(lambda c: c.hsetex("h", {"f": 1}, px=dt.timedelta(seconds=7)), True, then={"HTTL h FIELDS 1 f": [7]}),
    case(lambda c: c.hsetex("h", {"f": 1}, exat=SOON, fnx=True), False, H, then={"HGET h f": "1"}),
    case(lambda c: c.hsetex("h", {"f": 9}, pxat=FAR * 1000, fxx=True), True, H, then={"HGET h f": "9"}),
    case(lambda c: c.hsetex("h", {"f": 9}, keepttl=True), True, *TIMED, then={"HTTL h FIELDS 1 f": [100]}),
    case(lambda c: c.hsetex("h", {"f": 9}, nx=True), False, H, only="valkey"),
    case(lambda c: c.hsetex("h", {"f": 9}, xx=True), False, only="valkey"),
    case(lambda c: c.hsetnx("h", "f", 9), False, H),
    case(lambda c: c.hsetnx("h", "q", 9), True, H, then={"HGET h q": "9"}),
    case(lambda c: c.hstrlen("h", "f"), 3, "HSET h f abc"),
    case(lambda c: c.hvals("h"), ["1", "2"], H),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
