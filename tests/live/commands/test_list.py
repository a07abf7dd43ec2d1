"""The list commands, those that do not block."""

from __future__ import annotations

import pytest

from tests.live.commands.cases import Case, Table, case

L = "RPUSH l a b c"

CASES: list[Case] = [
    case(lambda c: c.lindex("l", -1), "c", L),
    case(lambda c: c.lindex("l", 9), None, L),
    case(lambda c: c.linsert("l", "BEFORE", "b", "x"), 4, L, then={"LRANGE l 0 -1": ["a", "x", "b", "c"]}),
    case(lambda c: c.linsert("l", "AFTER", "q", "x"), -1, L),
    case(lambda c: c.linsert("none", "AFTER", "q", "x"), 0),
    case(lambda c: c.llen("l"), 3, L),
    case(lambda c: c.lmove("l", "o", "LEFT", "RIGHT"), "a", L, then={"LRANGE o 0 -1": ["a"]}),
    case(lambda c: c.lmove("none", "o", "RIGHT", "LEFT"), None),
    case(lambda c: c.lmpop(["none", "l"], "LEFT", count=2), ("l", ["a", "b"]), L),
    case(lambda c: c.lmpop("l", "RIGHT"), ("l", ["c"]), L),
    case(lambda c: c.lmpop("none", "LEFT"), None),
    case(lambda c: c.lpop("l"), "a", L),
    case(lambda c: c.lpop("none"), None),
    case(lambda c: c.lpop("l", 2), ["a", "b"], L),
    case(lambda c: c.lpop("l", 0), [], L),
    case(lambda c: c.lpop("none", 2), None),
    case(lambda c: c.lpos("l", "b"), 1, L),
    case(lambda c: c.lpos("l", "q"), None, L),
    case(lambda c: c.lpos("l", "a", rank=-1, maxlen=10), 3, L, "RPUSH l a"),
    case(lambda c: c.lpos("l", "a", count=0), [0, 3], L, "RPUSH l a"),
    case(lambda c: c.lpos("l", "a", rank=2, count=1), [3], L, "RPUSH l a"),
    case(lambda c: c.lpos("none", "a", count=0), []),
    case(lambda c: c.lpush("l", 1, b"2", 3.5), 3, then={"LRANGE l 0 -1": ["3.5", "2", "1"]}),
    case(lambda c: c.lpushx("l", "x", "y"), 5, L),
    case(lambda c: c.lpushx("none", "x"), 0),
    case(lambda c: c.lrange("l", 0, -1), ["a", "b", "c"], L),
    case(lambda c: c.lrange("none", 0, -1), []),
    case(lambda c: c.lrem("l", 0, "a"), 2, L, "RPUSH l a", then={"LLEN l": 2}),
    case(lambda c: c.lset("l", 1, "x"), True, L, then={"LINDEX l 1": "x"}),
    case(lambda c: c.ltrim("l", 1, 1), True, L, then={"LRANGE l 0 -1": ["b"]}),
    case(lambda c: c.rpop("l"), "c", L),
    case(lambda c: c.rpop("none"), None),
    case(lambda c: c.rpop("l", 2), ["c", "b"], L),
    case(lambda c: c.rpop("none", 2), None),
    case(lambda c: c.rpoplpush("l", "o"), "c", L, then={"LRANGE o 0 -1": ["c"]}),
    case(lambda c: c.rpoplpush("none", "o"), None),
    case(lambda c: c.rpush("l", "x", "y"), 5, L),
    case(lambda c: c.rpushx("l", "x"), 4, L),
    case(lambda c: c.rpushx("none", "x"), 0),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
