"""The set commands."""

from __future__ import annotations

import pytest

from tests.live.commands.cases import Case, Table, case

A = "SADD a 1 2 3"
B = "SADD b 2 3 4"

CASES: list[Case] = [
    case(lambda c: c.sadd("s", "x", 1, b"y"), 3, then={"SCARD s": 3}),
    case(lambda c: c.sadd("a", 1, 9), 1, A),
    case(lambda c: c.scard("a"), 3, A),
    case(lambda c: c.sdiff("a", "b"), {"1"}, A, B),
    case(lambda c: c.sdiff("none"), set()),
    case(lambda c: c.sdiffstore("o", "a", "b"), 1, A, B, then={"SISMEMBER o 1": 1}),
    case(lambda c: c.sinter(["a", "b"]), {"2", "3"}, A, B),
    case(lambda c: c.sintercard("a", "b"), 2, A, B),
    case(lambda c: c.sintercard("a", "b", limit=1), 1, A, B),
    case(lambda c: c.sinterstore("o", ["a"], "b"), 2, A, B, then={"SCARD o": 2}),
    case(lambda c: c.sismember("a", 1), True, A),
    case(lambda c: c.sismember("a", 9), False, A),
    case(lambda c: c.smembers("a"), {"1", "2", "3"}, A),
    case(lambda c: c.smembers("none"), set()),
    case(lambda c: c.smismember("a", 1, 9), [True, False], A),
    case(lambda c: c.smismember("a", [9, 1]), [False, True], A),
    case(lambda c: c.smove("a", "b", 1), True, A, B, then={"SCARD b": 4}),
    case(lambda c: c.smove("a", "b", 9), False, A, B),
    case(lambda c: c.spop("s"), "x", "SADD s x"),
    case(lambda c: c.spop("none"), None),
    case(lambda c: c.spop("a", 9), {"1", "2", "3"}, A),
    case(lambda c: c.spop("none", 9), set()),
    case(lambda c: c.srandmember("s"), "x", "SADD s x"),
    case(lambda c: c.srandmember("none"), None),
    case(lambda c: c.srandmember("s", -2), ["x", "x"], "SADD s x"),
    case(lambda c: c.srandmember("none", 2), []),
    case(lambda c: c.srem("a", 1, 9), 1, A),
    case(lambda c: c.sscan("s"), (0, ["x"]), "SADD s x"),
    case(lambda c: c.sscan("s", 0, match="y*", count=10), (0, ["y"]), "SADD s x y"),
    case(lambda c: c.sunion("a", "b"), {"1", "2", "3", "4"}, A, B),
    case(lambda c: c.sunionstore("o", "a", "b"), 4, A, B, then={"SCARD o": 4}),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
