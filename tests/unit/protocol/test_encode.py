from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redpoll.errors import UsageError
from redpoll.protocol.encode import encode


def reference(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    def __str__(self) -> str:
        return "not what it is"


class Count(int):
    def __str__(self) -> str:
        return "not what it is"


class Blob(bytes):
    pass


class Ratio(float):
    def __repr__(self) -> str:
        return "not what it is"


@pytest.mark.parametrize(
    ("word", "wire"),
    [
        ("é", b"\xc3\xa9"),
        (b"\x00\xff", b"\x00\xff"),
        (-7, b"-7"),
        (2**200, str(2**200).encode()),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcdef"), b"abcdef"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (memoryview(b"abcdef")[::-1], b"fedcba"),
        (1.5, b"1.5"),
        (0.1, b"0.1"),
        (3.0, b"3.0"),
        (1e300, b"1e+300"),
        (float("inf"), b"inf"),
        (float("-inf"), b"-inf"),
        (Color.RED, b"red"),
        (Level.HIGH, b"3"),
        (enum.Enum("Outer", {"X": Color.RED}).X, b"red"),  # type: ignore[attr-defined]  # made on the spot
        (Name("name"), b"name"),
        (Count(5), b"5"),
        (Blob(b"blob"), b"blob"),
        (Ratio(0.5), b"0.5"),
        ("", b""),
        ("a\r\n$3\r\nDEL\r\n", b"a\r\n$3\r\nDEL\r\n"),
    ],
)
def test_words(word: Any, wire: bytes) -> None:
    assert encode("SET", ("SET", "k", word)) == reference(b"SET", b"k", wire)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        (None, "NoneType"),
        (True, "bool"),
        (float("nan"), "NaN"),
        (Ratio("nan"), "NaN"),
        (decimal.Decimal("1.25"), "Decimal"),
        (uuid.UUID(int=7), "UUID"),
        (dt.datetime(2030, 1, 2), "datetime"),
        (dt.date(2030, 1, 2), "date"),
        (dt.timedelta(1), "timedelta"),
        ([1], "list"),
        (object(), "object"),
        ("secret\ud800", "surrogate"),
        pytest.param(1 << 20000, "bits", id="huge int"),
        (enum.Enum("No", {"X": None}).X, "NoneType"),  # type: ignore[attr-defined]  # made on the spot
    ],
)
def test_refused(word: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        encode("SET", ("SET", "k", word))
    error = caught.value
    assert error.command == "SET"
    assert error.outcome == "not_run"
    assert "argument 2" in str(error)
    assert "secret" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None, "the packer's own error holds the argument"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, Blob])
def test_large_words(kind: Any) -> None:
    large = bytes(range(256)) * 2000
    expected = reference(b"SETRANGE", "é".encode(), b"7", large, b"0.5")
    assert encode("SETRANGE", ("SETRANGE", "é", 7, kind(large), 0.5)) == expected


def test_a_large_word_beside_a_bad_one() -> None:
    bad: Any
    for bad in (None, "\ud800"):
        with pytest.raises(UsageError, match="argument 1"):
            encode("SET", ("SET", bad, b"x" * 1_000_000))


def test_no_words() -> None:
    with pytest.raises(UsageError):
        encode("", ())


words = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])), st.binary(), st.integers(), st.floats(allow_nan=False)
)


@given(st.lists(words, min_size=1, max_size=6), st.integers(0, 3))
def test_nothing_in_a_word_ends_it(given_words: list[Any], kind: int) -> None:
    wrapped = tuple(memoryview(word) if kind == 1 and isinstance(word, bytes) else word for word in given_words)
    reader = hiredis.Reader()
    reader.feed(encode("ECHO", wrapped))
    expected = [
        word if isinstance(word, bytes) else word.encode() if isinstance(word, str) else repr(word).encode()
        for word in given_words
    ]
    assert reader.gets() == expected
    assert not reader.has_data()
