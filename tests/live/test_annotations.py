"""The checker of promises finds what it is for: values that do not fit their annotation."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from redpoll.commands import Commands
from redpoll.records.data import GeoResult, LcsMatch, LcsMatches
from redpoll.types import S
from tests.live.annotations import as_text, matches, misfit, shapes

FITS: list[tuple[Any, Any]] = [
    (True, bool),
    (1, int),
    (1.0, float),
    (None, S | None),
    (b"x", S),
    ("x", str),
    ([b"a", None], list[S | None]),
    ({b"a": 1.0}, dict[S, float]),
    ({b"a"}, set[S]),
    ((b"a", [(b"b", 1.0)]), tuple[S, list[tuple[S, float]]] | None),
    ("OK", Literal["OK", "NO"]),
    (GeoResult(b"a", 1.0, None, (1.0, 2.0)), GeoResult[S]),
    (LcsMatches(1, [LcsMatch((0, 1), (2, 3))], {"new": object()}), LcsMatches),
    (object(), Any),
]

LIES: list[tuple[Any, Any]] = [
    (1, bool),
    (True, int),
    (1, float),
    ("x", S),
    (b"x", str),
    (None, S),
    ([b"a"], tuple[S]),
    ((b"a",), list[S]),
    ([("a", 1.0)], list[tuple[S, float]]),
    ([(b"a", 1)], list[tuple[S, float]]),
    ((b"a",), tuple[S, S]),
    ({"a": b"b"}, dict[S, S]),
    ([b"a"], set[S]),
    ("ok", Literal["OK"]),
    (GeoResult("a"), GeoResult[S]),
    (GeoResult(b"a", 1), GeoResult[S]),
    (GeoResult(b"a", position=[1.0, 2.0]), GeoResult[S]),  # type: ignore[arg-type]  # that is the lie
    (LcsMatches(1, [((0, 1), (2, 3))]), LcsMatches),  # type: ignore[list-item]  # that is the lie
    ({}, GeoResult[S]),
]


@pytest.mark.parametrize(("value", "annotation"), FITS)
def test_fits(value: Any, annotation: Any) -> None:
    assert misfit(value, annotation, bytes) == ""


@pytest.mark.parametrize(("value", "annotation"), LIES)
def test_lies(value: Any, annotation: Any) -> None:
    assert not matches(value, annotation, bytes)


def test_only_what_s_stands_for_becomes_text() -> None:
    assert as_text((b"a", [(b"b", 1.0)]), tuple[S, list[tuple[S, float]]] | None) == ("a", [("b", 1.0)])
    assert as_text(b"a", bytes) == b"a"
    assert as_text(GeoResult(b"a", 1.0), GeoResult[S]) == GeoResult("a", 1.0)
    assert as_text([b"a", {b"b": b"c"}, 1], Any) == ["a", {"b": "c"}, 1]
    with pytest.raises(AssertionError):
        as_text(["a"], Any)


def test_the_right_overload() -> None:
    def chosen(name: str, *args: Any, **kwargs: Any) -> list[int]:
        return [shape.index for shape in shapes(getattr(Commands, name)) if shape.takes(args, kwargs)]

    assert chosen("zrange", "z", 0, -1, withscores=True) == [0, 2]
    assert chosen("zrange", "z", 0, -1) == [1, 2]
    assert chosen("lpop", "l", 2) == [0]
    assert chosen("lpop", "l") == chosen("lpop", "l", None) == [1]
    assert chosen("hset", "h", "f", 1) == [1]
    assert chosen("hset", "h", mapping={}) == [2]
    assert chosen("sort", "l", get=["#"]) == [1]
    assert chosen("get", "k") == [0]
    assert [shape.fallback for shape in shapes(Commands.zrange)] == [False, False, True]
    assert [shape.fallback for shape in shapes(Commands.lpop)] == [False, False]
