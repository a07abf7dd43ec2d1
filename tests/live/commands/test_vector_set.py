"""The vector set commands, on the server that has them."""

from __future__ import annotations

import struct
from array import array
from typing import Any

import pytest

from redpoll.records.vectors import RawVector, VectorSetInfo
from tests.live.commands.cases import Case, Table, case

V = ("VADD v VALUES 2 1 0 e1 NOQUANT SETATTR {}", "VADD v VALUES 2 0 1 e2 NOQUANT")
EAST = struct.pack("<2f", 3.0, 4.0)


def described(info: VectorSetInfo) -> bool:
    return (info.quantization, info.dimensions, info.size, info.attributes_count) == ("f32", 2, 2, 1)


def raw(quantization: str, size: int) -> Any:
    def right(vector: RawVector) -> bool:
        shape = (vector.quantization, len(vector.data), vector.norm, vector.range is not None)
        return shape == (quantization, size, 5.0, quantization == "int8")

    return right


CASES: list[Case] = [
    case(lambda c: c.vadd("v", [1, 0.5], "e"), True, then={"VCARD v": 1, "VDIM v": 2}),
    case(lambda c: c.vadd("v", EAST, b"e", noquant=True, ef=10, m=8, setattr='{"a": 1}', cas=True), True),
    case(lambda c: c.vadd("v", [1, 1], "e1", noquant=True), False, *V),
    case(lambda c: c.vadd("v", [1, 2, 3, 4], "e", reduce=2), True, then={"VDIM v": 2}),
    case(lambda c: c.vcard("v"), 2, *V),
    case(lambda c: c.vcard("none"), 0),
    case(lambda c: c.vdim("v"), 2, *V),
    case(lambda c: c.vemb("v", "e1"), [1.0, 0.0], *V),
    case(lambda c: c.vemb("v", "q", raw=False), None, *V),
    case(lambda c: c.vemb("v", "e", raw=True), raw("f32", 8), "VADD v VALUES 2 3 4 e NOQUANT"),
    case(lambda c: c.vemb("v", "e", raw=True), raw("int8", 2), "VADD v VALUES 2 3 4 e Q8"),
    case(lambda c: c.vemb("v", "e", raw=True), raw("bin", 8), "VADD v VALUES 2 3 4 e BIN"),
    case(lambda c: c.vgetattr("v", "e1"), "{}", *V),
    case(lambda c: c.vgetattr("v", "e2"), None, *V),
    case(lambda c: c.vinfo("v"), described, *V),
    case(lambda c: c.vinfo("none"), None),
    case(lambda c: c.vismember("v", "e1"), True, *V),
    case(lambda c: c.vismember("v", "q"), False, *V),
    case(lambda c: c.vlinks("v", "e1"), lambda v: v[-1] == ["e2"], *V),
    case(lambda c: c.vlinks("v", "e1", withscores=False), lambda v: v[-1] == ["e2"], *V),
    case(lambda c: c.vlinks("v", "e1", withscores=True), lambda v: v[-1] == {"e2": 0.5}, *V),
    case(lambda c: c.vlinks("v", "q", withscores=True), None, *V),
    case(lambda c: c.vrandmember("v"), "e", "VADD v VALUES 1 1 e"),
    case(lambda c: c.vrandmember("none"), None),
    case(lambda c: c.vrandmember("v", -2), ["e", "e"], "VADD v VALUES 1 1 e"),
    case(lambda c: c.vrandmember("none", 2), []),
    case(lambda c: c.vrem("v", "e1"), True, *V),
    case(lambda c: c.vrem("v", "q"), False, *V),
    case(lambda c: c.vsetattr("v", "e2", "{}"), True, *V, then={"VGETATTR v e2": "{}"}),
    case(lambda c: c.vsetattr("v", "q", "{}"), False, *V),
    case(lambda c: c.vsim("v", element="e1"), ["e1", "e2"], *V),
    case(lambda c: c.vsim("v", "e1"), ["e1", "e2"], *V),
    case(lambda c: c.vsim("v", bytearray(EAST), count=1), ["e2"], *V),
    case(lambda c: c.vsim("v", array("f", [0, 1]), count=1), ["e2"], *V),
    case(lambda c: c.vsim("v", memoryview(array("f", [0, 1])), count=1, filter=".a > 1", filter_ef=5), [], *V),
    case(lambda c: c.vsim("v", [0, 1], count=1, withscores=False), ["e2"], *V),
    case(lambda c: c.vsim("v", element="e1", withscores=True), {"e1": 1.0, "e2": 0.5}, *V),
    case(lambda c: c.vsim("v", EAST, withattribs=True, truth=True), lambda v: v == {"e1": "{}", "e2": None}, *V),
    case(
        lambda c: c.vsim("v", element="e1", withscores=True, withattribs=True),
        {"e1": (1.0, "{}"), "e2": (0.5, None)},
        *V,
    ),
    case(lambda c: c.vsim("none", element="e1"), []),
    case(lambda c: c.vsim("none", element="e1", withscores=True, withattribs=True), {}),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
