"""The bitmap commands."""

from __future__ import annotations

import pytest

from redpoll.values import BitGet, BitIncrBy, BitSet
from tests.live.commands.cases import Case, Table, case

K = "SET k foobar"

CASES: list[Case] = [
    case(lambda c: c.bitcount("k"), 26, K),
    case(lambda c: c.bitcount("k", 1, 1), 6, K),
    case(lambda c: c.bitcount("k", 5, 30, unit="BIT"), 17, K),
    case(lambda c: c.bitcount("none"), 0),
    case(
        lambda c: c.bitfield("b", BitSet("u8", 0, 200), BitGet("u8", 0), BitIncrBy("i5", 100, 1)),
        [0, 200, 1],
        then={"BITFIELD_RO b GET u8 0 GET i5 100": [200, 1]},
    ),
    case(lambda c: c.bitfield("b", BitIncrBy("u2", 0, 4, overflow="FAIL"), BitGet("u8", "#0")), [None, 0]),
    # An overflow is of its own operation: the server would keep it for those that follow.
    case(lambda c: c.bitfield("b", BitIncrBy("u2", 0, 5, "SAT"), BitIncrBy("u2", 2, 5)), [3, 1]),
    case(lambda c: c.bitfield("b", BitSet("i8", "#1", 300, "SAT"), BitGet("i8", 8)), [0, 127]),
    case(lambda c: c.bitfield("b"), []),
    case(lambda c: c.bitfield("b", BitGet("u8", 0), BitGet("i64", "#1")), [97, 0], "SET b a"),
    case(lambda c: c.bitfield_ro("b", BitGet("u8", 0), BitGet("i4", "#1")), [97, 1], "SET b a"),
    case(lambda c: c.bitfield_ro("b"), [], "SET b a"),
    case(lambda c: c.bitop("AND", "o", "k", "q"), 6, K, then={"GET o": "\0" * 6}),
    case(lambda c: c.bitop("NOT", "o", "k"), 1, "SETBIT k 0 1", then={"GETBIT o 1": 1}),
    case(lambda c: c.bitop("OR", "o", ["k", "q"]), 6, K, then={"GET o": "foobar"}),
    case(lambda c: c.bitop("DIFF", "o", "k", "q"), 6, K, then={"GET o": "foobar"}, only="redis8"),
    case(lambda c: c.bitpos("k", 0), 0, K),
    case(lambda c: c.bitpos("k", 1, 2, -1, unit="BYTE"), 17, K),
    case(lambda c: c.bitpos("k", 1, 3, unit=None), 25, K),
    case(lambda c: c.bitpos("none", 1), -1),
    case(lambda c: c.getbit("k", 1), 1, K),
    case(lambda c: c.setbit("k", 1, 0), 1, K, then={"GETBIT k 1": 0}),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
