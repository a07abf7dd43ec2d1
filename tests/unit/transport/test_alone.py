from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from redpoll.errors import ConnectionFailed, ServerError
from redpoll.options import Settings
from redpoll.protocol.calls import Call
from redpoll.spec import Spec
from redpoll.transport.connection import Connection
from tests.unit.transport.fake import FakeTransport

GET: Final[Spec[Any]] = Spec("GET")


class Line:
    """A connection over a fake transport, and how often it said that it may be written to again."""

    def __init__(self) -> None:
        self.connection = Connection(Settings())
        self.transport = FakeTransport(self.connection)
        self.connection.connection_made(self.transport)
        self.resumed = 0
        self.connection.on_resume = self._count

    def _count(self) -> None:
        self.resumed += 1

    def call(self, payload: bytes) -> Call:
        call = Call()
        call.fill(asyncio.get_running_loop(), GET, payload)
        return call

    def answer(self, data: bytes) -> None:
        self.connection.data_received(data)


@pytest.fixture
async def line() -> Line:
    return Line()


async def test_at_rest_it_goes_out_at_once(line: Line) -> None:
    alone = line.call(b"A")
    line.connection.send_alone(alone)
    assert line.transport.sent == b"A"
    assert line.connection.blocked()
    line.answer(b"+OK\r\n")
    assert alone.future.result() == "OK"
    assert not line.connection.blocked()
    assert line.resumed == 1


async def test_it_waits_for_what_was_sent_before(line: Line) -> None:
    before = [line.call(b"1"), line.call(b"2")]
    for each in before:
        line.connection.send(each)
    line.connection.send_alone(line.call(b"A"))
    line.connection.send_alone(line.call(b"B"))
    assert line.connection.blocked()
    line.answer(b"+x\r\n")
    assert line.transport.sent == b"12"
    line.answer(b"+x\r\n")
    assert line.transport.sent == b"12A"
    line.answer(b"+x\r\n")
    assert line.transport.sent == b"12AB"
    assert line.connection.blocked()
    line.answer(b"+x\r\n")
    assert not line.connection.blocked()
    assert line.resumed == 1


async def test_the_sockets_own_pauses_do_not_end_it(line: Line) -> None:
    line.connection.send(line.call(b"1"))
    line.connection.send_alone(line.call(b"A"))
    line.connection.pause_writing()
    line.connection.resume_writing()
    await asyncio.sleep(0)
    assert line.connection.blocked()
    assert line.resumed == 0


async def test_no_ping_goes_out_meanwhile(line: Line) -> None:
    line.connection.send_alone(line.call(b"A"))
    line.connection.wake(line.connection.liveness.heard + 6)
    assert line.transport.sent == b"A"


async def test_after_a_failure_nothing_goes_out(line: Line) -> None:
    alone, behind = line.call(b"A"), line.call(b"B")
    line.connection.send_alone(alone)
    line.connection.send_alone(behind)
    line.answer(b"-WRONGPASS no\r\n")
    assert isinstance(alone.future.exception(), ServerError)
    assert line.transport.sent == b"A"
    assert line.connection.blocked()
    assert line.resumed == 0


async def test_one_that_nobody_waits_for_any_more(line: Line) -> None:
    alone = line.call(b"A")
    line.connection.send_alone(alone)
    alone.future.cancel()
    line.answer(b"-WRONGPASS no\r\n")
    assert not line.connection.blocked()


async def test_a_loss(line: Line) -> None:
    before, alone = line.call(b"1"), line.call(b"A")
    line.connection.send(before)
    line.connection.send_alone(alone)
    line.transport.lose()
    for call in (before, alone):
        assert isinstance(call.future.exception(), ConnectionFailed)
    sent = Line()
    alone = sent.call(b"A")
    sent.connection.send_alone(alone)
    sent.transport.lose()
    assert isinstance(alone.future.exception(), ConnectionFailed)
