"""What docstrings say of parameters: each phrase is used, and few parameters have none."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from codegen import docs, phrases, verify
from codegen.fields import SpecError
from codegen.ir import Check, Method, Param, When, Words
from codegen.phrases import Place
from codegen.refusals import refusals
from redpoll.commands import Commands

STOPGAPS = 0
"""How many parameters' lines say no more than their type; it must not grow."""


def told() -> list[tuple[Method, Param, Place | None]]:
    known = phrases.load()
    return [
        (method, param, known.place(method.command, method.module, param.name, general=param.type not in docs.TELLING))
        for method in verify.lowered()[1]
        for param in method.params
    ]


def test_how_many_parameters_say_no_more_than_their_type() -> None:
    known = phrases.load().told
    every = told()
    found = [
        f"{method.command} {param.name}"
        for method, param, place in every
        if docs.stopgap(param, place and known[place])
    ]
    print(f"{len(every)} parameters, {len(found)} stopgaps: {found[:20]}")
    assert len(found) == STOPGAPS


def test_every_phrase_is_used() -> None:
    assert set(phrases.load().told) - {place for _, _, place in told()} == set()


def test_phrases_have_no_full_stop_and_stay_short() -> None:
    wrong = {place: text for place, text in phrases.load().told.items() if text.endswith(".") or len(text) > 140}
    assert not wrong


def test_the_docstrings_of_all_parameters_are_in_the_methods() -> None:
    known = phrases.load().told
    for method, param, place in told():
        if place is not None:
            for part in known[place].split("; ", 1):  # the type's form may stand between
                assert part in method.doc, (method.command, param.name)


@pytest.mark.parametrize(
    ("method", "lines"),
    [
        (Commands.blpop, ["timeout: seconds to wait, fractions too; 0 for ever"]),
        (
            Commands.zadd,
            ["nx: only add new members", "UsageError: ", "at most one of nx, xx;", "nx excludes gt and lt"],
        ),
        (
            Commands.set,
            ["ex: the time to live, in whole seconds or as a timedelta.", "at most one of ex, px, exat, pxat"],
        ),
        (
            Commands.xread,
            ["block: how long to wait for entries, in whole milliseconds or as a timedelta; 0 for ever"],
        ),
        (Commands.zrange, ["desc: ``REV``, from the highest", "offset and num need byscore or bylex"]),
        (Commands.geosearch, ["any needs count", "exactly one of byradius, bybox, bypolygon"]),
        (Commands.hset, ["field: a field, or a mapping", "UsageError: ", "a mapping, or one field and its value"]),
        (
            Commands.xadd,
            [
                "limit needs maxlen or minid",
                "at most one of maxlen, minid",
                "``'*'`` by default",
                "at most one of idmpauto, idmp",
            ],
        ),
    ],
)
def test_what_help_shows(method: object, lines: list[str]) -> None:
    doc = inspect.getdoc(method)
    assert doc is not None
    assert [line for line in lines if line not in doc] == []


def test_the_nearest_phrase_counts() -> None:
    places: list[Place] = [("command", "LPOP", "count"), ("module", "list", "count"), ("in_all", "", "count")]
    for index, place in enumerate(places):
        known = phrases.Phrases(dict.fromkeys(places[index:], "text"))
        assert known.place("LPOP", "list", "count") == place
    assert known.place("LPOP", "list", "count", general=False) is None
    assert known.place("LPOP", "list", "other") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [("[other]\nx = 'y'", "other"), ("[in_all]\nx = ''", "empty"), ("[module.list]\nx = 1", "a string is needed")],
)
def test_a_wrong_file_of_phrases(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "phrases.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        phrases.load(path)


def test_rules_are_read_off_checks_and_handwritten_lines() -> None:
    steps = (
        Check("a", "_a.at_most_one('C', ('x', 'y'))"),
        When("b", (Words(("b",)), Check("c", "_a.empty('C', 'keys')"))),
        Check("d", "_a.empty('C', 'keys')"),
        Check("e", "_a.not_one_of('C', 'mode', ('A', 'B'))"),
    )
    body = (
        "if f:",
        '    raise _a.requires("C", "x", "y")',
        "raise _a.not_a_tuple(",
        '    "C", "z", 2)',
        "raise _a.empty(n, n)",
    )
    assert refusals(steps, body) == [
        "at most one of x, y",
        "keys needs at least one element",
        "mode must be one of A, B",
        "x needs y",
        "z must be a tuple of 2",
    ]
    assert refusals((), ("raise (",)) == []
