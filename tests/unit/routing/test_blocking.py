from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest

from redpoll.commands.table import FACTS
from redpoll.errors import ProtocolViolation, Unblocked
from redpoll.routing import blocking
from redpoll.routing.blocking import SLICE
from redpoll.shapes import decoded


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (("BLPOP", "q", 2), 2),
        (("BLPOP", "q", b"0.5"), 0.5),
        (("BLPOP", "q", 0), math.inf),
        (("BLPOP", "q", "0.0"), math.inf),
        (("BLPOP", "q", "soon"), None),
        (("BLPOP", "q", -1), None),
        (("BLPOP", "q", "nan"), None),
        (("BLPOP", "q", "inf"), None),
        (("BLPOP", "q", "1e300"), None),
        (("XREAD", "BLOCK", 1500, "STREAMS", "s", "$"), 1.5),
        (("XREAD", "BLOCK", 0, "STREAMS", "s", "$"), math.inf),
        (("XREAD", "STREAMS", "s", "$"), None),
        (("XREAD", "STREAMS", "BLOCK", "0"), None),
    ],
)
def test_how_long_a_call_blocks(words: tuple[Any, ...], seconds: float | None) -> None:
    assert blocking.block_seconds(FACTS[str(words[0])], words) == seconds


@pytest.mark.parametrize(
    ("words", "seconds", "changed"),
    [
        (("BLPOP", "q", "r", 0), 10.0, ("BLPOP", "q", "r", 10)),
        (("BLPOP", "q", 3), 1.2345, ("BLPOP", "q", 1.234)),
        (("BLMPOP", 0, 1, "q", "LEFT"), 10.0, ("BLMPOP", 10, 1, "q", "LEFT")),
        (("XREAD", "BLOCK", 0, "STREAMS", "s", "1-0"), 10.0, ("XREAD", "BLOCK", 10000, "STREAMS", "s", "1-0")),
        (("XREAD", "BLOCK", 90, "STREAMS", "s", "1-0"), 0.0123, ("XREAD", "BLOCK", 12, "STREAMS", "s", "1-0")),
        (("BLPOP", "q", 3), 0.0, ("BLPOP", "q", 0.001)),  # 0 would be for ever
    ],
)
def test_another_block_time(words: tuple[Any, ...], seconds: float, changed: tuple[Any, ...]) -> None:
    block = FACTS[str(words[0])].blocking
    assert block is not None
    assert block.with_seconds(words, seconds) == changed
    assert not isinstance(block.with_seconds(words, 10.0)[-1], float)


def test_what_goes_in_slices() -> None:
    sliced = {name for name, spec in FACTS.items() if spec.blocking is not None and blocking.in_slices(spec)}
    others = {name for name, spec in FACTS.items() if spec.blocking is not None} - sliced
    assert others == {"TS.READ", "WAIT", "WAITAOF"}
    assert {"BLPOP", "BZMPOP", "XREAD", "XREADGROUP"} <= sliced


def test_the_end_of_a_slice() -> None:
    assert blocking.slice_passed(None, SLICE)
    assert not blocking.slice_passed(None, SLICE / 2), "CLIENT UNBLOCK … TIMEOUT"
    assert not blocking.slice_passed(["q", "v"], SLICE)


def test_from_now_on_becomes_an_id() -> None:
    spec = FACTS["XREAD"]
    words: tuple[Any, ...] = ("XREAD", "BLOCK", 0, "STREAMS", "a", "$", b"c", "$", "1-0", b"$")
    places = blocking.from_now_on(spec, words)
    assert [blocking.key_of(spec, words, at) for at in places] == ["a", b"c"]
    last = partial(decoded, blocking.LAST, address="h:1")
    assert last([]) == last(None) == b"0-0"
    assert last([[b"5-1", [b"f", b"v"]]]) == b"5-1"
    for wrong in (5, b"5-1", [b"5-1"], [[5, []]]):
        with pytest.raises(ProtocolViolation, match="unexpected shape"):
            last(wrong)
    assert blocking.replaced(words, places[0], b"5-1")[-3:] == (b"5-1", "1-0", b"$")
    assert blocking.from_now_on(FACTS["XREADGROUP"], ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")) == []
    assert blocking.from_now_on(FACTS["BLPOP"], ("BLPOP", "$", 0)) == []


def test_the_last_entry_had_none() -> None:
    words: tuple[Any, ...] = ("XREAD", "BLOCK", 10, "STREAMS", "a", "b", "+", "1-0")
    assert blocking.after_a_slice(FACTS["XREAD"], words)[-2:] == ("0-0", "1-0")
    assert blocking.after_a_slice(FACTS["BLPOP"], ("BLPOP", "+", 0)) == ("BLPOP", "+", 0)


def test_who_unblocked() -> None:
    for word in ("master", "primary"):
        message = f"UNBLOCKED force unblock from blocking operation, instance state changed ({word} -> replica?)"
        assert blocking.by_role_change(Unblocked(message))
    assert not blocking.by_role_change(Unblocked("UNBLOCKED client unblocked via CLIENT UNBLOCK"))
