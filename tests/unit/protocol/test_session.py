from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hiredis import ReplyError
from hypothesis import given
from hypothesis import strategies as st

from redpoll.errors import DecodeFailed, ProtocolViolation, WrongType
from redpoll.protocol.calls import Call, Transaction, as_bytes, as_text
from redpoll.protocol.session import MAX_LINE, Session
from redpoll.spec import Spec
from tests.unit.conftest import Calls


@pytest.fixture
def pushes() -> list[list[Any]]:
    return []


@pytest.fixture
def session(pushes: list[list[Any]]) -> Session:
    return Session(pushes.append, address="host:1")


def give(session: Session, *calls: Call) -> None:
    session.waiting.extend(calls)


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(data), data)


def test_each_reply_to_its_call(session: Session, calls: Calls) -> None:
    a, b, c = calls.one(), calls.one(text=False), calls.one()
    give(session, a, b, c)
    session.feed(b"+A\r\n+B\r\n")
    assert (a.future.result(), b.future.result(), c.done()) == ("A", b"B", False)
    session.feed(b"#f\r\n")
    assert c.future.result() is False
    assert not session.waiting


def test_every_type(session: Session, calls: Calls) -> None:
    wire = {
        b":1\r\n": 1,
        b",1.5\r\n": 1.5,
        b"_\r\n": None,
        b"$-1\r\n": None,
        b"*-1\r\n": None,
        b"#t\r\n": True,
        b"%1\r\n+a\r\n:1\r\n": {"a": 1},
        b"~2\r\n:1\r\n:2\r\n": [1, 2],
        b"=6\r\ntxt:ab\r\n": "ab",
        b"(123456789012345678901234567890\r\n": "123456789012345678901234567890",
        b"*0\r\n": [],
        b"$0\r\n\r\n": "",
    }
    for data, value in wire.items():
        call = calls.one()
        give(session, call)
        for at in range(len(data)):
            assert not call.done()
            session.feed(data[at : at + 1])
        assert call.future.result() == value
        assert type(call.future.result()) is type(value)


def test_abandoned_calls_keep_their_place(session: Session, calls: Calls) -> None:
    a, b, c = calls.one(), calls.one(), calls.one()
    give(session, a, b, c)
    b.future.cancel()
    session.feed(b"+A\r\n+B\r\n+C\r\n")
    assert (a.future.result(), c.future.result()) == ("A", "C")
    assert b.future.cancelled()


def test_a_servers_error(session: Session, calls: Calls) -> None:
    a, b = calls.one("LPUSH"), calls.one()
    give(session, a, b)
    session.feed(b"-WRONGTYPE not a list\r\n+B\r\n")
    error = a.future.exception()
    assert isinstance(error, WrongType)
    assert (error.command, error.address, error.code) == ("LPUSH", "host:1", "WRONGTYPE")
    assert b.future.result() == "B"


def test_an_error_within_an_array_is_an_element(session: Session, calls: Calls) -> None:
    a = calls.one()
    give(session, a)
    session.feed(b"*2\r\n:1\r\n-ERR no\r\n")
    assert a.future.result()[0] == 1
    assert isinstance(a.future.result()[1], ReplyError)


def test_text_that_is_none(session: Session, calls: Calls) -> None:
    a, b, c = calls.one("GET"), calls.one(text=False), calls.one()
    give(session, a, b, c)
    session.feed(b"$1\r\n\xff\r\n$1\r\n\xff\r\n+C\r\n")
    assert isinstance(a.future.exception(), DecodeFailed)
    assert a.future.exception().command == "GET"  # type: ignore[union-attr]  # asserted above
    assert (b.future.result(), c.future.result()) == (b"\xff", "C")


def test_text_that_is_none_in_the_first_half_of_a_reply(session: Session, calls: Calls) -> None:
    a, b = calls.one(), calls.one()
    give(session, a, b)
    session.feed(b"*2\r\n+\xff\r\n")
    session.feed(b"+x\r\n")
    session.feed(b"+B\r\n")
    assert isinstance(a.future.exception(), DecodeFailed)
    assert b.future.result() == "B"


def test_two_sessions_do_not_mix_up_their_text(calls: Calls) -> None:
    one, two = Session(lambda push: None), Session(lambda push: None)
    a, b = calls.one(), calls.one()
    give(one, a)
    give(two, b)
    one.feed(b"*2\r\n+\xff\r\n")
    two.feed(b"+fine\r\n")
    one.feed(b"+x\r\n")
    assert b.future.result() == "fine"
    assert isinstance(a.future.exception(), DecodeFailed)


def test_pushes_are_no_replies(session: Session, calls: Calls, pushes: list[list[Any]]) -> None:
    a = calls.one()
    give(session, a)
    session.feed(b">2\r\n+invalidate\r\n*1\r\n$1\r\n\xfe\r\n+A\r\n>0\r\n")
    assert a.future.result() == "A", "a push with bytes that are not UTF-8 touches no call"
    assert as_bytes(pushes[0][1][0]) == b"\xfe"
    assert as_text(b"\xfe") == pushes[0][1][0]
    assert len(pushes) == 2


def test_a_push_while_nothing_is_in_flight(session: Session, pushes: list[list[Any]], calls: Calls) -> None:
    session.feed(b">1\r\n$5\r\nhel")
    late = calls.one(text=False)
    give(session, late)
    session.feed(b"lo\r\n+B\r\n")
    assert as_bytes(pushes[0][0]) == b"hello"
    assert late.future.result() == b"B"


def test_attributes_are_no_replies(session: Session, calls: Calls) -> None:
    a, b, c = calls.one(), calls.one(), calls.one()
    give(session, a, b, c)
    session.feed(b"|1\r\n+ttl\r\n:3\r\n+A\r\n|1\r\n+k\r\n$2\r\n\n|\r\n$4\r\n\r\n|1\r\n+C\r\n")
    assert [call.future.result() for call in (a, b, c)] == ["A", "\r\n|1", "C"]


def test_an_attribute_that_is_no_text(session: Session, calls: Calls) -> None:
    a = calls.one()
    give(session, a)
    session.feed(b"|1\r\n+k\r\n+\xff\r\n+A\r\n")
    assert a.future.result() == "A"


def test_a_group(session: Session, calls: Calls, pushes: list[list[Any]]) -> None:
    group, after = calls.group(True, False, True, True), calls.one()
    give(session, group, after)
    session.feed(b"+A\r\n+B\r\n>1\r\n+x\r\n-ERR no\r\n")
    assert not group.done()
    session.feed(b"$1\r\n\xff\r\n+after\r\n")
    a, b, c, d = group.future.result()
    assert (a, b) == ("A", b"B")
    assert isinstance(c, ReplyError)
    assert isinstance(d, DecodeFailed)
    assert after.future.result() == "after"
    assert len(pushes) == 1


def test_a_long_group_wherever_its_bytes_are_cut(calls: Calls) -> None:
    wire = b"+A\r\n+B\r\n>1\r\n+x\r\n|1\r\n+a\r\n+b\r\n+C\r\n$1\r\n\xff\r\n-ERR no\r\n*1\r\n$1\r\n|\r\n+F\r\n+after\r\n"
    for size in range(1, len(wire) + 1):
        pushes: list[list[Any]] = []
        session = Session(pushes.append)
        group, after = calls.group(True, False, True, True, True, False, True), calls.one()
        give(session, group, after)
        for at in range(0, len(wire), size):
            session.feed(wire[at : at + size])
        a, b, c, d, e, f, g = group.future.result()
        assert (a, b, c, f, g) == ("A", b"B", "C", [b"|"], "F")
        assert isinstance(d, DecodeFailed)
        assert isinstance(e, ReplyError)
        assert after.future.result() == "after"
        assert len(pushes) == 1


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_transaction(session: Session, calls: Calls, cancelled: bool) -> None:
    """EXEC's reply is read as bytes, and the judge is asked though nobody waits any more."""
    made = Transaction()
    made.fill(calls.loop, Spec("MULTI"), b"")
    made.fill_group([True, True, True, False])
    judged: list[list[Any]] = []
    made.judge = lambda group: judged.append(group.replies) or False
    give(session, made)
    if cancelled:
        made.future.cancel()
    session.feed(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\n\xff\r\n")
    assert not judged
    assert not made.applied()
    session.feed(b"-WRONGTYPE no\r\n")
    replies = judged[0]
    assert replies[:3] == ["OK", "QUEUED", "QUEUED"]
    assert replies[3][0] == b"\xff"
    assert isinstance(replies[3][1], ReplyError)
    assert made.applied()
    assert cancelled or made.future.result() is replies
    assert not session.waiting


def test_a_transaction_that_was_aborted_applied_nothing(session: Session, calls: Calls) -> None:
    for executed in (b"-EXECABORT no\r\n", b"*-1\r\n", b"_\r\n"):
        made = Transaction()
        made.fill(calls.loop, Spec("MULTI"), b"")
        made.fill_group([True, True, False])
        give(session, made)
        session.feed(b"+OK\r\n+QUEUED\r\n" + executed)
        assert made.done()
        assert not made.applied()


def test_a_group_sent_anew(calls: Calls) -> None:
    group = calls.group(True, False)
    one, two = Session(lambda push: None), Session(lambda push: None)
    give(one, group)
    one.feed(b"+A\r\n")
    assert one.lost() == [group]
    group.again()
    give(two, group)
    two.feed(b"+A\r\n+B\r\n")
    assert group.future.result() == ["A", b"B"]


def test_what_was_answered_of_a_group_is_not_sent_anew(calls: Calls) -> None:
    group = calls.group(True, False, True, True)
    group.payload, group.sizes = b"1224444", [1, 2, 3, 1]
    one, two, three = (Session(lambda push: None) for _ in range(3))
    give(one, group)
    one.feed(b"-ERR no\r\n+B\r\n-LOADING wait\r\n")
    assert len(group.replies) == 3
    one.lost()
    group.again()
    assert (group.payload, group.weight) == (b"4444", 2), "without those that were answered, but for a last refusal"
    give(two, group)
    assert two.lost() == [group]
    group.again()
    assert (group.payload, group.weight) == (b"4444", 2)
    give(three, group)
    three.feed(b"+C\r\n$1\r\nD\r\n")
    first, *others = group.future.result()
    assert isinstance(first, ReplyError)
    assert others == [b"B", "C", "D"]


def test_subscribing(session: Session, calls: Calls, pushes: list[list[Any]]) -> None:
    change, after = calls.change(), calls.one()
    give(session, change, after)
    session.feed(b">3\r\n+subscribe\r\n$1\r\na\r\n:1\r\n>3\r\n+message\r\n$1\r\na\r\n$1\r\nm\r\n")
    session.feed(b">3\r\n+subscribe\r\n$1\r\n\xff\r\n:2\r\n")
    assert not change.done()
    session.feed(b"+PONG\r\n+after\r\n")
    assert change.future.result() == [(b"a", 1), (b"\xff", 2)]
    assert after.future.result() == "after"
    assert [as_bytes(word) for word in pushes[0]] == [b"message", b"a", b"m"]


@pytest.mark.parametrize("pong", [b"+PONG\r\n", b"-NOPERM no PING for you\r\n"])
def test_subscribing_is_refused(session: Session, calls: Calls, pong: bytes) -> None:
    change, after = calls.change(), calls.one()
    give(session, change, after)
    session.feed(b"-NOPERM no channel for you\r\n")
    assert not change.done()
    session.feed(pong + b"+after\r\n")
    assert "no channel" in str(change.future.result())
    assert after.future.result() == "after"


def test_subscribed_but_ping_is_refused(session: Session, calls: Calls) -> None:
    change = calls.change()
    give(session, change)
    session.feed(b">3\r\n+subscribe\r\n$1\r\na\r\n:1\r\n-NOPERM no PING for you\r\n")
    assert change.future.result() == [(b"a", 1)]


def test_unsubscribing_from_nothing(session: Session, calls: Calls) -> None:
    change = calls.change(b"unsubscribe")
    give(session, change)
    session.feed(b">3\r\n+unsubscribe\r\n_\r\n:0\r\n+PONG\r\n")
    assert change.future.result() == [(None, 0)]


def test_subscriptions_on_resp2(calls: Calls, pushes: list[list[Any]]) -> None:
    session = Session(pushes.append, pushes_as_arrays=True)
    change = calls.change()
    give(session, change)
    session.feed(b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n\xff\r\n")
    session.feed(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")
    assert change.future.result() == [(b"a", 1)]
    assert [as_bytes(word) for word in pushes[0]] == [b"message", b"a", b"\xff"]


MESSAGE = b"3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n\xff\r\n"


@pytest.mark.parametrize(("resp2", "mark"), [(True, b"*"), (False, b">")])
def test_messages_are_bytes_where_no_call_waits(calls: Calls, resp2: bool, mark: bytes) -> None:
    before: list[list[Any]] = []
    pushes: list[list[Any]] = []
    session = Session(before.append)
    session.subscribe(pushes.append, as_arrays=resp2)
    data = mark + MESSAGE
    session.feed(data * 2 + data[:10])
    session.feed(data[10:])
    ping = calls.one("PING")
    give(session, ping)
    session.feed(data + b"+PONG\r\n" + data)
    assert ping.future.result() == "PONG"
    assert not before
    assert len(pushes) == 5
    assert all([as_bytes(word) for word in push] == [b"message", b"a", b"\xff"] for push in pushes)
    assert [type(push[2]) for push in pushes] == [bytes, bytes, bytes, str, bytes]
    with pytest.raises(ProtocolViolation, match="no command waits"):
        session.feed(b"+PONG\r\n")


def test_attributes_of_messages_are_dropped(pushes: list[list[Any]]) -> None:
    session = Session(pushes.append)
    session.subscribe(pushes.append, as_arrays=False)
    session.feed(b"|1\r\n+ttl\r\n:1\r\n>" + MESSAGE + b"|1\r\n+ttl\r\n:1\r\n>" + MESSAGE)
    assert len(pushes) == 2


def test_a_push_of_an_absurd_size() -> None:
    for data in (b">999999999\r\n", b">" + MESSAGE + b">999999999\r\n"):
        other = Session(lambda push: None)
        other.subscribe(lambda push: None, as_arrays=False)
        with pytest.raises(ProtocolViolation, match="max_reply_bytes"):
            other.feed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"?\r\n",
        b"$-7\r\n",
        b"*1\r\n" * 100_000,
        b":" + b"1" * 5000 + b"\r\n",
        b"%1\r\n*1\r\n:1\r\n:1\r\n+A\r\n",
        b"%1\r\n*1\r\n:1\r\n:1\r\n",
        b"$?\r\n;2\r\nab\r\n;0\r\n",
        b"!3\r\nERR\r\n",
        b"+" + b"x" * (MAX_LINE + 1),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_not_resp(session: Session, calls: Calls, data: bytes) -> None:
    a, b = calls.one(), calls.one()
    give(session, a, b)
    with pytest.raises(ProtocolViolation):
        session.feed(data)
    assert session.lost() == [a, b]
    session.feed(b"+late\r\n")
    assert not a.done()


def test_a_reply_that_nothing_waits_for(session: Session, calls: Calls) -> None:
    a = calls.one()
    give(session, a)
    with pytest.raises(ProtocolViolation, match="no command waits"):
        session.feed(b"+A\r\n+B\r\n")
    assert a.future.result() == "A"


def test_a_line_that_does_not_end(session: Session, calls: Calls) -> None:
    give(session, calls.one())
    session.feed(b"+")
    for _ in range(MAX_LINE - 1):
        session.feed(b"x")
    with pytest.raises(ProtocolViolation, match="line"):
        session.feed(b"x")


def test_long_text_is_no_long_line(session: Session, calls: Calls) -> None:
    a = calls.one()
    give(session, a)
    session.feed(b"$%d\r\n" % (4 * MAX_LINE))
    for _ in range(4):
        session.feed(b"x" * MAX_LINE)
    session.feed(b"\r\n")
    assert len(a.future.result()) == 4 * MAX_LINE


def test_a_reply_that_is_too_long(calls: Calls) -> None:
    session = Session(lambda push: None, max_reply_bytes=1000)
    a, b = calls.one(), calls.one()
    give(session, a, b)
    session.feed(bulk(b"x" * 900) + b"$2000\r\n")
    assert a.done()
    session.feed(b"x" * 900)
    with pytest.raises(ProtocolViolation, match="max_reply_bytes"):
        session.feed(b"x" * 101)
    assert session.lost() == [b]


def test_what_is_announced_is_no_reply_yet(calls: Calls) -> None:
    session = Session(lambda push: None, max_reply_bytes=1000)
    give(session, calls.one())
    session.feed(b"*100000\r\n")
    for _ in range(240):
        session.feed(b":1\r\n")
    with pytest.raises(ProtocolViolation, match="max_reply_bytes"):
        session.feed(b":1\r\n" * 10)


ABSURD = [b"*2147483647\r\n", b"%1073741824\r\n", b"~2147483647\r\n", b">2147483647\r\n", b"|2147483647\r\n"]
INNER = [b"*2\r\n:1\r\n" + header for header in ABSURD[:3]] + [b":1\r\n" + header for header in ABSURD]


@pytest.mark.parametrize("announced", [*ABSURD, *INNER, b"$4611686018427387904\r\n", b"$1099511627776\r\n"])
@pytest.mark.parametrize("cut", range(0, 24, 3))
def test_an_absurd_size_is_refused_where_it_is_announced(calls: Calls, announced: bytes, cut: int) -> None:
    session = Session(lambda push: None)
    give(session, calls.one(), calls.one())
    if announced.startswith(b"$") and cut:
        return  # only where it comes in one piece; it reserves nothing
    session.feed(announced[: min(cut, len(announced) - 1)])
    with pytest.raises(ProtocolViolation, match="max_reply_bytes"):
        session.feed(announced[min(cut, len(announced) - 1) :])


@given(st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_text_that_looks_like_an_absurd_size_is_text(one: int, two: int, nested: bool) -> None:
    loop = asyncio.new_event_loop()
    try:
        value = b"a\n*2147483647\r\n%999999999\r\n~99999999999\n|1\r"
        wire = bulk(value) if not nested else b"*2\r\n" + bulk(b"x") + bulk(value)
        session, call = Session(lambda push: None), Calls(loop).one(text=False)
        give(session, call)
        one, two = sorted((one, two))
        for piece in (wire[:one], wire[one:two], wire[two:]):
            session.feed(piece)
        assert call.future.result() == (value if not nested else [b"x", value])
    finally:
        loop.close()


# Whatever is interleaved and wherever it is cut, every reply reaches its own call.

nasty = st.lists(
    st.sampled_from(
        [b"\r\n", b"|", b"\n|", b"|1\r\n", b"\xff", b"\xed\xa0\x80", "é".encode(), b"a", b">", b"+", b"$1"]
    ),
    max_size=5,
).map(b"".join)


@dataclass
class Item:
    kind: str
    payload: bytes
    text: bool
    cancelled: bool
    group: int


items = st.lists(
    st.builds(
        Item,
        kind=st.sampled_from(["bulk", "array", "map", "error", "null", "push", "attribute", "group"]),
        payload=nasty,
        text=st.booleans(),
        cancelled=st.booleans(),
        group=st.integers(1, 3),
    ),
    max_size=12,
)


def decoded(data: bytes, text: bool) -> Any:
    """What a reader makes of it; DecodeFailed where it cannot."""
    if not text:
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return DecodeFailed


def wire_of(item: Item, nonce: bytes) -> bytes:
    tagged = bulk(nonce) + bulk(item.payload)
    return {
        "bulk": bulk(nonce + item.payload),
        "array": b"*3\r\n" + tagged + b"*1\r\n" + bulk(item.payload),
        "map": b"%1\r\n" + tagged,
        "error": b"-ERR " + nonce + b"\r\n",
        "null": b"_\r\n",
        "push": b">2\r\n" + tagged,
        "attribute": b"|1\r\n" + tagged,
        "group": bulk(nonce + item.payload) * item.group,
    }[item.kind]


def expected_of(item: Item, nonce: bytes) -> Any:
    name, payload = decoded(nonce, item.text), decoded(item.payload, item.text)
    whole = decoded(nonce + item.payload, item.text)
    if item.kind in ("array", "map") and payload is DecodeFailed:
        return DecodeFailed
    return {
        "bulk": whole,
        "array": [name, payload, [payload]],
        "map": {name: payload} if payload is not DecodeFailed else None,
        "error": "ERR " + nonce.decode(),
        "null": None,
        "group": [whole] * item.group,
    }[item.kind]


def seen_in(call: Call) -> Any:
    error = call.future.exception()
    if isinstance(error, DecodeFailed):
        return DecodeFailed
    if error is not None:
        return str(getattr(error, "message", error))
    result = call.future.result()
    if isinstance(result, list):
        return [DecodeFailed if isinstance(each, DecodeFailed) else each for each in result]
    return result


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    edges = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    for start, end in itertools.pairwise(edges):
        yield data[start:end]


@given(items, st.lists(st.integers(0, 10_000), max_size=12), st.booleans())
def test_every_reply_in_step(sequence: list[Item], places: list[int], bytewise: bool) -> None:
    loop = asyncio.new_event_loop()
    try:
        make = Calls(loop)
        pushes: list[list[Any]] = []
        session = Session(pushes.append)
        wire, waiting, pushed = b"", [], []
        for number, item in enumerate(sequence):
            nonce = b"%d:" % number
            wire += wire_of(item, nonce)
            if item.kind == "push":
                pushed.append([nonce, item.payload])
            elif item.kind != "attribute":
                call = make.group(*[item.text] * item.group) if item.kind == "group" else make.one(text=item.text)
                give(session, call)
                waiting.append((item, nonce, call))
                if item.cancelled:
                    call.future.cancel()
        pieces = [wire[at : at + 1] for at in range(len(wire))] if bytewise else cut(wire, places)
        for piece in pieces:
            session.feed(piece)
        for item, nonce, call in waiting:
            assert call.done()
            if not item.cancelled:
                assert seen_in(call) == expected_of(item, nonce), item
        assert [[as_bytes(word) for word in push] for push in pushes] == pushed
        assert not session.waiting
    finally:
        loop.close()


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_any_bytes_are_replies_or_a_violation(chunks: list[bytes]) -> None:
    loop = asyncio.new_event_loop()
    try:
        make = Calls(loop)
        session = Session(lambda push: None)
        waiting = [make.one() for _ in range(200)]
        give(session, *waiting)
        for chunk in chunks:
            try:
                session.feed(chunk)
            except ProtocolViolation:
                break
        states = [call.done() for call in waiting]
        assert states == sorted(states, reverse=True), "replies come in order"
        for call in waiting:
            if call.done():
                call.future.exception()
    finally:
        loop.close()
