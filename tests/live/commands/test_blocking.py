"""Commands that may block: with data ready, until their time is up, and beside others on the same client."""

from __future__ import annotations

import asyncio
import datetime as dt
import time

import pytest

from tests.live.commands.cases import Case, Table, case

L = "RPUSH l a b c"
Z = "ZADD z 1 a 2 b +inf c"
X = ("XADD x 1-1 f v", "XGROUP CREATE x gr 0")
E1 = ("1-1", {"f": "v"})
MOMENT = 0.05

CASES: list[Case] = [
    case(lambda c: c.blmove("l", "o", "LEFT", "RIGHT", 5), "a", L, then={"LLEN o": 1}),
    case(lambda c: c.blmove("none", "o", "LEFT", "RIGHT", MOMENT), None),
    case(lambda c: c.blmpop(5, ["none", "l"], "LEFT", count=2), ("l", ["a", "b"]), L),
    case(lambda c: c.blmpop(5, "l", "RIGHT"), ("l", ["c"]), L),
    case(lambda c: c.blmpop(MOMENT, "none", "LEFT"), None),
    case(lambda c: c.blpop("l"), ("l", "a"), L),
    case(lambda c: c.blpop(["none", "l"], 5), ("l", "a"), L),
    case(lambda c: c.blpop("none", MOMENT), None),
    case(lambda c: c.brpop(["l"], 5), ("l", "c"), L),
    case(lambda c: c.brpop("none", timeout=MOMENT), None),
    case(lambda c: c.brpoplpush("l", "o", 5), "c", L, then={"LLEN o": 1}),
    case(lambda c: c.brpoplpush("none", "o", MOMENT), None),
    case(lambda c: c.bzmpop(5, "z", "MIN", count=2), ("z", [("a", 1.0), ("b", 2.0)]), Z),
    case(lambda c: c.bzmpop(MOMENT, ["none"], "MAX"), None),
    case(lambda c: c.bzpopmax("z", 5), ("z", "c", float("inf")), Z),
    case(lambda c: c.bzpopmax("none", MOMENT), None),
    case(lambda c: c.bzpopmin(["none", "z"], 5), ("z", "a", 1.0), Z),
    case(lambda c: c.bzpopmin("none", MOMENT), None),
    case(lambda c: c.xread({"x": "0"}, block=5000, count=1), {"x": [E1]}, *X),
    case(lambda c: c.xread({"x": "$"}, block=50), {}, *X),
    case(lambda c: c.xread({"x": "$"}, block=dt.timedelta(milliseconds=50)), {}, *X),
    case(lambda c: c.xreadgroup("gr", "c1", {"x": ">"}, block=5000), {"x": [E1]}, *X),
    case(lambda c: c.xreadgroup("gr", "c1", {"x": ">"}, block=50), {}, *X, "XREADGROUP GROUP gr c1 STREAMS x >"),
]


async def test_values(table: Table, subtests: pytest.Subtests) -> None:
    await table.run(CASES, subtests)


async def test_others_are_answered_meanwhile(table: Table) -> None:
    client = table.client
    waiting = [asyncio.ensure_future(table.checked.blpop(f"q{number}", 30)) for number in range(3)]
    reading = asyncio.ensure_future(table.checked.xread({"s": "$"}, block=30_000))
    begin = time.monotonic()
    while (await client.info("clients"))["blocked_clients"] != 4:  # noqa: ASYNC110 - only the server knows
        await asyncio.sleep(0)
    for number in range(20):
        assert await client.incr("n") == number + 1
    assert not any(each.done() for each in (*waiting, reading))
    for number in range(3):
        await client.rpush(f"q{number}", number)
    await client.xadd("s", {"f": "v"}, "1-1")
    assert await asyncio.gather(*waiting) == [("q0", "0"), ("q1", "1"), ("q2", "2")]
    assert await reading == {"s": [E1]}
    assert time.monotonic() - begin < 10
