"""Commands given as words."""

from __future__ import annotations

import enum
from typing import Any

import pytest

from redpoll import Redis
from redpoll.errors import ServerError, UsageError, WrongType
from redpoll.testing import EmbeddedServer


class Color(enum.Enum):
    RED = "red"


WORDS: list[tuple[tuple[Any, ...], Any]] = [
    (("SET", "k", "v"), "OK"),
    (("get", "k"), "v"),
    ((b"GET", b"k"), "v"),
    ((bytearray(b"get"), memoryview(b"k")), "v"),
    (("Set", "n", 1), "OK"),
    (("INCRBY", "n", 41), 42),
    (("STRLEN", "k"), 1),
    (("EXISTS", "none"), 0),
    (("GET", "none"), None),
    (("RPUSH", "l", "a", b"b", 3, 1.5, Color.RED), 5),
    (("lrange", "l", 0, -1), ["a", "b", "3", "1.5", "red"]),
    (("OBJECT ENCODING", "n"), "int"),
    ((b"object", b"encoding", "n"), "int"),
    (("config set", "timeout", 0), "OK"),
    (("EVAL", "return {KEYS[1], 2}", 1, "k"), ["k", 2]),
    (("ECHO", ""), ""),
    (("BLPOP", "l", 1), ["l", "a"]),
    (("blpop", "none", 0.01), None),
    (("xread", "block", "10", "streams", "x", "$"), None),
]


def as_bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [as_bytes(part) for part in value]
    return value.encode() if isinstance(value, str) else value


async def test_the_reply_is_not_converted(each_client: Redis[Any], decode_responses: bool) -> None:
    for words, expected in WORDS:
        reply = await each_client.execute(*words)
        assert reply == (expected if decode_responses else as_bytes(expected)), words
    async with each_client.pipeline() as pipeline:
        queued = [pipeline.raw("get", "k"), pipeline.raw(b"incr", "n")]
    assert [each.result() for each in queued] == [("v" if decode_responses else b"v"), 43]


async def test_maps_are_as_the_protocol_has_them(each_client: Redis[Any], protocol: int) -> None:
    await each_client.hset("h", {"f": "1"})
    text: Any = each_client.text
    assert await text.execute("hgetall", "h") == ({"f": "1"} if protocol == 3 else ["f", "1"])
    binary: Any = each_client.binary
    assert await binary.execute("hgetall", "h") == ({b"f": b"1"} if protocol == 3 else [b"f", b"1"])


async def test_errors(each_client: Redis[Any]) -> None:
    await each_client.rpush("l", 1)
    with pytest.raises(WrongType) as wrong:
        await each_client.execute("get", "l")
    assert (wrong.value.command, wrong.value.outcome) == ("GET", "not_run")
    with pytest.raises(ServerError, match="unknown command") as unknown:
        await each_client.execute("NOSUCH", "secret")
    assert "secret" not in str(unknown.value)
    for words in ((), ("",), (None,), (7,)):
        with pytest.raises(UsageError):
            await each_client.execute(*words)
    with pytest.raises(UsageError, match="argument 2 is NoneType"):
        await each_client.execute("set", "k", None)
    for words in (("BLPOP", "q", 0), ("xread", "BLOCK", 0, "STREAMS", "s", "$")):
        with pytest.raises(UsageError, match="may block"):
            each_client.pipeline().raw(*words)


async def test_any_word_of_bytes_comes_back(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, decode_responses=False) as client:
        odd = bytes(range(256))
        assert await client.execute(b"set", odd, odd) == b"OK"
        assert await client.execute("GET", odd) == odd
