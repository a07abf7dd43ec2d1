from __future__ import annotations

from typing import Any

import pytest
from hiredis import ReplyError

from redpoll import decoders as d
from redpoll.commands.hash import HEXISTS, HGETALL
from redpoll.commands.server import INFO
from redpoll.commands.sorted_set import ZRANGE_WITHSCORES
from redpoll.commands.stream import XRANGE
from redpoll.commands.string import SET
from redpoll.errors import DecodeFailed, ProtocolViolation, UsageError
from redpoll.shapes import decoded, promised, shape
from redpoll.spec import Spec


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (None, "None"),
        (1, "int"),
        (True, "bool"),
        ("secret", "str"),
        (b"secret", "bytes"),
        (1.5, "float"),
        ([], "list[]"),
        ([b"a", b"b", b"c"], "list[bytes \u00d7 3]"),
        (["a", 1, "b", None], "list[str \u00d7 2, int \u00d7 1, None \u00d7 1]"),
        ({"secret": 1, "other": 2}, "dict[int \u00d7 2]"),
        ([["a", "b"], ["c", "d"]], "list[list[str \u00d7 2] \u00d7 2]"),
        ([[[[["deep"]]]]], "list[list[list[list[…] \u00d7 1] \u00d7 1] \u00d7 1]"),
        ([ReplyError("ERR secret")], "list[error \u00d7 1]"),
        (["a"] * 5000, "list[str \u00d7 100, … of 5000]"),
        ([None, 1, "a", b"a", 1.5, True], "list[None \u00d7 1, int \u00d7 1, str \u00d7 1, bytes \u00d7 1, … of 6]"),
    ],
)
def test_shapes_tell_kinds_and_counts_only(reply: Any, said: str) -> None:
    assert shape(reply) == said


def test_the_promise_is_the_annotation_of_the_method() -> None:
    def own(reply: Any) -> list[int]:
        return [int(part) for part in reply]

    assert promised(HGETALL) == "dict[str | bytes, str | bytes]"
    assert promised(ZRANGE_WITHSCORES) == "list[tuple[str | bytes, float]]"
    assert promised(INFO) == "ServerInfo"
    assert promised(Spec("OWN", own)) == "list[int]"
    assert promised(Spec("OWN", float)) == "float"


@pytest.mark.parametrize(
    ("spec", "reply"),
    [
        (HGETALL, "ab"),
        (HGETALL, ["a", "b", "c"]),
        (HGETALL, 1),
        (HGETALL, None),
        (ZRANGE_WITHSCORES, "1234"),
        (ZRANGE_WITHSCORES, ["a", "secret"]),
        (ZRANGE_WITHSCORES, {"a": 1.0}),
        (INFO, ["a"]),
        (INFO, 1),
        (XRANGE, "1-0"),
        (XRANGE, [["1-0", "ab"]]),
        (XRANGE, [["1-0"]]),
        (HEXISTS, "secret"),
        (HEXISTS, 2),
        (SET, ["OK"]),
        (SET, 1),
        (Spec("KEYS", d.list_of(None)), "secret"),
        (Spec("KEYS", d.list_of(d.to_str)), "secret"),
        (Spec("SMEMBERS", d.set_of(None)), b"secret"),
        (Spec("SCAN", d.scan), "12"),
        (Spec("BLPOP", d.key_value), "ab"),
        (Spec("PAIRS", d.pairs_of(None, None)), "abcd"),
        (Spec("TUPLE", d.tuple_of(None, None)), "ab"),
        (Spec("TIME", d.tuple_of(d.to_int, d.to_int)), ["1", "secret"]),
    ],
)
def test_a_reply_of_another_shape(spec: Spec[Any], reply: Any) -> None:
    with pytest.raises(ProtocolViolation, match=r"expected .*, came ") as caught:
        decoded(spec, reply, "h:1")
    error = caught.value
    assert (error.outcome, error.command, error.address) == ("ran", spec.name, "h:1")
    assert shape(reply) in error.message
    assert "secret" not in str(error)
    assert (error.__cause__, error.__context__) == (None, None), "a decoder's own error quotes the reply"


def test_text_that_is_none() -> None:
    with pytest.raises(DecodeFailed, match="UTF-8") as caught:
        decoded(Spec("TYPE", d.to_str), b"\xff", "h:1")
    assert (caught.value.outcome, caught.value.__context__) == ("ran", None)


def test_errors_of_our_own_pass() -> None:
    def decode(_reply: Any) -> int:
        raise UsageError("own")

    with pytest.raises(UsageError, match="own"):
        decoded(Spec("OWN", decode), 1, "h:1")
