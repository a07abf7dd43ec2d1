from __future__ import annotations

import enum
from typing import Any

import pytest

from redpoll.errors import UsageError
from redpoll.routing.raw import classify
from redpoll.spec import Block, Spec

TABLE: dict[str, Spec[Any]] = {
    "GET": Spec("GET", replay=True),
    "CLIENT": Spec("CLIENT"),
    "CLIENT LIST": Spec("CLIENT LIST", replay=True),
    "CLIENT REPLY": Spec("CLIENT REPLY", dedicated=True),
    "MULTI": Spec("MULTI", dedicated=True),
    "BLPOP": Spec("BLPOP", blocking=Block(-1, 1.0)),
}


class Word(enum.Enum):
    MULTI = "multi"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("GET", "k"), "GET"),
        (("get", "k"), "GET"),
        ((b"get", "k"), "GET"),
        ((bytearray(b"Get"), "k"), "GET"),
        ((memoryview(b"xgxextx")[1::2], "k"), "GET"),
        (("CLIENT", "LIST"), "CLIENT LIST"),
        (("client", b"reply", "off"), "CLIENT REPLY"),
        (("client reply", "off"), "CLIENT REPLY"),
        ((" client  reply ", "off"), "CLIENT REPLY"),
        ((b"client reply", "off"), "CLIENT REPLY"),
        (("CLIENT", "NEW"), "CLIENT"),
        (("CLIENT", 1), "CLIENT"),
        ((Word.MULTI,), "MULTI"),
        (("MY.COMMAND", "x"), "MY.COMMAND"),
    ],
)
def test_names(words: Any, name: str) -> None:
    spec, _ = classify(words, TABLE)
    assert spec.name == name


def test_two_words_in_one_are_sent_as_two() -> None:
    assert classify(("client list", "ID", 1), TABLE)[1] == ("CLIENT", "LIST", "ID", 1)


def test_of_an_unknown_command_nothing_is_taken_for_granted() -> None:
    spec, _ = classify(("my.command", "k"), TABLE)
    assert (spec.replay, spec.cacheable, spec.keys, spec.blocking) == (False, False, (), None)


@pytest.mark.parametrize("words", [(), ("",), (1, "x"), (None,), ("x" * 65,), (" ",)])
def test_no_name(words: Any) -> None:
    with pytest.raises(UsageError):
        classify(words, TABLE)


def test_what_needs_a_closer_look() -> None:
    assert [TABLE[name].special for name in ("GET", "CLIENT LIST", "MULTI", "BLPOP")] == [False, False, True, True]
    assert Spec("SCRIPT KILL").special


def test_block_times() -> None:
    at_end, token = Block(-1, 1.0), Block("BLOCK", 0.001)
    assert at_end.seconds(("BLPOP", "k", 2.5)) == 2.5
    assert at_end.seconds(("BLPOP", "k", b"0")) == 0.0
    assert at_end.seconds(("BLPOP", "k", "0x10")) == 0.0, "the server may read what Python does not"
    assert at_end.seconds(()) is None
    assert token.seconds(("XREAD", "block", 1500, "STREAMS", "s", "$")) == 1.5
    assert token.seconds(("XREAD", "STREAMS", "s", "$")) is None


@pytest.mark.parametrize(
    "words",
    [
        ("SET", "k", "v", "GET", "IFDEQ", "short"),
        (b"set", b"k", b"v", b"ifdeq", b"0123456789abcdef0", b"get"),
        ("Set", "k", "v", "EX", 10, "GET", bytearray(b"IfDnE"), memoryview(b"012345678")),
        ("SET", "k", "v", "GET", "IFDNE", 7),
        ("SET", "k", "v", "GET", "IFDNE", "\xe9" * 16),
        ("SET", "k", "v", "IFEQ", "IFDEQ", "IFDNE", "short"),
    ],
)
def test_a_digest_that_is_answered_twice(words: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError, match="16 hexadecimal digits"):
        classify(words, TABLE)


@pytest.mark.parametrize(
    "words",
    [
        ("SET", "k", "v"),
        ("SET", "IFDEQ", "IFDNE"),
        ("SET", "k", "v", "GET", "IFDEQ", "0123456789abcdef"),
        ("SET", "k", "v", "GET", b"ifdne", b"0123456789abcdef"),
        ("SET", "k", "v", "IFEQ", "IFDEQ", "GET"),
        ("SET", "k", "v", "GET", "IFDEQ", 1234567890123456),
        ("SET", "k", "v", "GET", "IFDEQ"),
        ("GETSET", "k", "v", "IFDEQ", "short"),
    ],
)
def test_other_words_of_set(words: tuple[Any, ...]) -> None:
    assert classify(words, TABLE)[1] == words
