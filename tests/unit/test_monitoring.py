"""Lines of MONITOR, and the replies that do not end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redpoll.errors import NoPermission, ProtocolViolation
from redpoll.monitoring import MonitorLine, line_of
from redpoll.protocol.calls import Feed
from redpoll.protocol.session import Session
from redpoll.spec import Spec

NAMED = {b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t", b"\a": b"\\a", b"\b": b"\\b", b'"': b'\\"', b"\\": b"\\\\"}


def quoted(word: bytes) -> bytes:
    """Return a word as servers write it."""
    each = [NAMED.get(bytes([c]), bytes([c]) if 32 <= c < 127 else b"\\x%02x" % c) for c in word]
    return b'"' + b"".join(each) + b'"'


@pytest.mark.parametrize("client", ["127.0.0.1:40123", "[::1]:40123", "lua", "unix:/tmp/a ] b.sock"])
def test_a_line(client: str) -> None:
    line = line_of(f'1795468183.477790 [3 {client}] "SET" "a" ""'.encode(), True)
    assert line == MonitorLine(1795468183.47779, 3, client, ("SET", "a", ""))


@given(st.lists(st.binary(), min_size=1))
def test_words_come_as_they_were(words: list[bytes]) -> None:
    reply = b"1.5 [0 lua] " + b" ".join(map(quoted, words))
    assert line_of(reply, False).words == tuple(words)
    assert [word.encode("utf-8", "surrogateescape") for word in line_of(reply, True).words] == words


@pytest.mark.parametrize("reply", [b"", b"PONG", b"1.5", b'1.5 "PING"', b"1.5 [0 lua]"])
def test_what_is_no_line(reply: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        line_of(reply, True)


def feed(loop: asyncio.AbstractEventLoop, found: list[Any]) -> tuple[Feed, Session]:
    made, session = Feed(), Session(print)
    made.fill(loop, Spec("MONITOR"), b"", text=False)
    made.fill_feed(found.append)
    session.give(made)
    return made, session


def test_replies_without_end() -> None:
    loop = asyncio.new_event_loop()
    found: list[Any] = []
    made, session = feed(loop, found)
    session.feed(b"+OK\r\n+1 first\r\n+2 sec")
    session.feed(b"ond\r\n-ERR late\r\n+3 \xff\r\n")
    assert [found[0], found[1], str(found[2]), found[3]] == [b"1 first", b"2 second", "ERR late", b"3 \xff"]
    assert not made.done()
    assert session.lost() == [made]
    loop.close()


def test_a_refusal_ends_it() -> None:
    loop = asyncio.new_event_loop()
    found: list[Any] = []
    made, session = feed(loop, found)
    session.feed(b"-NOPERM you may not\r\n")
    assert isinstance(made.future.exception(), NoPermission)
    assert not found
    assert not session.waiting
    loop.close()
