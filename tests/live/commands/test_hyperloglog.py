"""The HyperLogLog commands."""

from __future__ import annotations

import pytest

from tests.live.commands.cases import Case, Table, case

A = "PFADD a 1 2 3"

CASES: list[Case] = [
    case(lambda c: c.pfadd("a", 1, "x"), True),
    case(lambda c: c.pfadd("a", 1), False, A),
    case(lambda c: c.pfadd("new"), True),
    case(lambda c: c.pfcount("a"), 3, A),
    case(lambda c: c.pfcount("a", ["b"]), 4, A, "PFADD b 3 4"),
    case(lambda c: c.pfmerge("o", "a", "b"), True, A, "PFADD b 4", then={"PFCOUNT o": 4}),
    case(lambda c: c.pfmerge("o"), True, then={"EXISTS o": 1}),
    case(lambda c: c.pfdebug("ENCODING", "a"), "sparse", A),
    case(lambda c: c.pfdebug("GETREG", "a"), lambda v: len(v) == 16384 and sum(map(bool, v)) == 3, A),
]

SELF_TEST = [case(lambda c: c.pfselftest(), True)]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)


async def test_the_server_tests_itself(table: Table, subtests: pytest.Subtests) -> None:
    await table.run(SELF_TEST, subtests)
