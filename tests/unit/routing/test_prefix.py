from __future__ import annotations

import enum
from typing import Any

import pytest

from redpoll.commands.table import FACTS
from redpoll.errors import UsageError
from redpoll.routing.prefix import Prefix
from redpoll.spec import Spec

PREFIX = Prefix("p:")


class Name(enum.Enum):
    KEY = "k"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("GET", "k"), ("GET", "p:k")),
        (("GET", ""), ("GET", "p:")),
        (("GET", b"k"), ("GET", b"p:k")),
        (("GET", bytearray(b"k")), ("GET", b"p:k")),
        (("GET", memoryview(b"k")), ("GET", b"p:k")),
        (("GET", Name.KEY), ("GET", b"p:k")),
        (("GET", "ü"), ("GET", "p:ü".encode())),
        (("GET", 7), ("GET", b"p:7")),
        (("MSET", "a", "a", "b", "b"), ("MSET", "p:a", "a", "p:b", "b")),
        (("PING", "k"), ("PING", "k")),
        (("PUBLISH", "c", "k"), ("PUBLISH", "c", "k")),
        (("SPUBLISH", "c", "k"), ("SPUBLISH", "c", "k")),
        (("EVAL", "return 1", 1, "k", "k"), ("EVAL", "return 1", 1, "p:k", "k")),
        (("XREAD", "STREAMS", "a", "b", 0, 0), ("XREAD", "STREAMS", "p:a", "p:b", 0, 0)),
        (("KEYS", "h?llo"), ("KEYS", b"p:h?llo")),
        (("SCAN", 0), ("SCAN", 0, "MATCH", b"p:*")),
        (("SCAN", 0, "COUNT", 5, b"match", "a*"), ("SCAN", 0, "COUNT", 5, b"match", b"p:a*")),
        (("SCAN", 0, "TYPE", "MATCH"), ("SCAN", 0, "TYPE", "MATCH", "MATCH", b"p:*")),
        (("SORT", "k", "BY", "w_*", "LIMIT", 0, "BY", "GET", "#", "GET", "o_*->f", "ALPHA", "STORE", "d"),
         ("SORT", "p:k", "BY", "p:w_*", "LIMIT", 0, "BY", "GET", "#", "GET", "p:o_*->f", "ALPHA", "STORE", "p:d")),
        (("SORT", "k", "BY", "nosort", "GET", "o"), ("SORT", "p:k", "BY", "nosort", "GET", "p:o")),
        (("SORT", "BY", "BY", "w_*"), ("SORT", "p:BY", "BY", "p:w_*")),
        (("SORT", "k", "GET"), ("SORT", "p:k", "GET")),
    ],
)  # fmt: skip
def test_what_is_sent(words: tuple[Any, ...], wanted: tuple[Any, ...]) -> None:
    assert PREFIX.put_on(FACTS[words[0]], words) == wanted


def test_a_prefix_is_no_pattern() -> None:
    prefix = Prefix(r"a*b?[c]\^-")
    assert prefix.put_on(FACTS["KEYS"], ("KEYS", "*")) == ("KEYS", rb"a\*b\?\[c\]\\\^\-*")
    with pytest.raises(UsageError, match="BY and GET"):
        prefix.put_on(FACTS["SORT"], ("SORT", "k", "BY", "w_*"))
    assert prefix.put_on(FACTS["SORT"], ("SORT", "k")) == ("SORT", r"a*b?[c]\^-k")


def test_bytes_that_are_no_text() -> None:
    assert Prefix(b"\xff").put_on(FACTS["GET"], ("GET", "k")) == ("GET", b"\xffk")


@pytest.mark.parametrize(
    "words", [("MIGRATE", "h", 1, "k", 0, 1), ("RANDOMKEY",), ("CLUSTER KEYSLOT",), ("FT.SEARCH", "i", "*")]
)
def test_what_is_refused(words: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError, match="prefix") as error:
        PREFIX.put_on(FACTS[words[0]], words)
    assert (error.value.command, error.value.outcome) == (words[0], "not_run")


@pytest.mark.parametrize("key", [None, True, object(), "\ud800"])
def test_what_is_no_key(key: Any) -> None:
    with pytest.raises(UsageError, match="key is") as error:
        PREFIX.put_on(FACTS["GET"], ("GET", key))
    assert error.value.command == "GET"


@pytest.mark.parametrize(
    ("command", "reply", "wanted"),
    [
        ("GET", "p:v", "p:v"),
        ("KEYS", ["p:a", b"p:b", "q"], ["a", b"b", "q"]),
        ("KEYS", [], []),
        ("SCAN", ["0", ["p:a"]], ["0", ["a"]]),
        ("BLPOP", ["p:k", "p:v"], ["k", "p:v"]),
        ("BLPOP", None, None),
        ("LMPOP", [b"p:k", ["p:v"]], [b"k", ["p:v"]]),
        ("XREAD", {"p:s": [["1-0", ["f", "v"]]]}, {"s": [["1-0", ["f", "v"]]]}),
        ("XREAD", [["p:s", []]], [["s", []]]),
        (
            "TS.MRANGE",
            {"a=b": [{"a": "b"}, {"reducers": ["max"]}, {"sources": ["p:s", b"p:t"]}, [[1, 2.0]]]},
            {"a=b": [{"a": "b"}, {"reducers": ["max"]}, {"sources": ["s", b"t"]}, [[1, 2.0]]]},
        ),
        ("XREAD", None, None),
        (
            "TS.INFO",
            [b"sourceKey", b"p:s", b"rules", [[b"p:d", 10, b"AVG", 0]]],
            [b"sourceKey", b"s", b"rules", [[b"d", 10, b"AVG", 0]]],
        ),
        (
            "TS.INFO",
            {"sourceKey": None, "rules": {"p:d": [10, "AVG", 0]}, "labels": {"p:l": "p:v"}},
            {"sourceKey": None, "rules": {"d": [10, "AVG", 0]}, "labels": {"p:l": "p:v"}},
        ),
        ("TS.INFO", ["rules"], ["rules"]),
        ("KEYS", 7, 7),
        ("SCAN", ["0"], ["0"]),
    ],
)
def test_what_comes_back(command: str, reply: Any, wanted: Any) -> None:
    assert PREFIX.take_off(FACTS[command], reply) == wanted


def test_a_command_without_keys_is_left_as_it_is() -> None:
    words = ("ECHO", "k")
    assert PREFIX.put_on(Spec("ECHO"), words) is words
