from __future__ import annotations

import asyncio
from typing import Any

import pytest

from redpoll.errors import ConnectionFailed, ProtocolViolation
from redpoll.options import Settings
from redpoll.protocol.handshake import opening
from redpoll.transport.connection import Connection
from tests.unit.conftest import Calls
from tests.unit.transport.fake import FakeTransport


def made(room: int = 1 << 40) -> tuple[Connection, FakeTransport]:
    connection = Connection(Settings())
    transport = FakeTransport(connection, room)
    connection.connection_made(transport)
    return connection, transport


async def test_a_large_payload_waits_for_room() -> None:
    connection, transport = made(room=64 << 10)
    resumed: list[bool] = []
    connection.on_resume = lambda: resumed.append(connection.paused)
    data = bytes(range(256)) * 8000
    connection.write(data)
    assert connection.paused
    assert len(transport.sent) < len(data)
    for _ in range(len(data) // (256 << 10)):
        written = len(transport.writes)
        transport.drain()
        assert len(transport.writes) == written, "nothing is written while the transport resumes"
        await asyncio.sleep(0)
        assert resumed == []
        assert connection.paused
    transport.drain()
    await asyncio.sleep(0)
    assert transport.sent == data
    assert resumed == [False]


async def test_a_large_payload_lets_others_have_their_turn() -> None:
    connection, transport = made()
    data = b"x" * (5 << 20)
    connection.write(data)
    first = len(transport.sent)
    assert first <= 1 << 20
    assert connection.blocked()
    for _ in range(6):
        await asyncio.sleep(0)
    assert transport.sent == data
    assert not connection.blocked()


async def test_a_loss_within_a_large_payload(calls: Calls) -> None:
    connection, transport = made(room=10)
    lost: list[Any] = []
    connection.on_lost = lambda *what: lost.append(what)
    call = calls.one()
    call.payload = b"x" * (5 << 20)
    connection.send(call)
    transport.lose(ConnectionResetError(104, "Connection reset by peer"))
    await asyncio.sleep(0)
    [(_, pending, reason)] = lost
    assert pending == [call]
    assert "Connection reset by peer" in str(reason)
    assert connection.blocked()
    assert len(transport.writes) == 1


async def test_what_is_not_resp_closes_the_connection(calls: Calls) -> None:
    connection, transport = made()
    lost: list[Any] = []
    connection.on_lost = lambda *what: lost.append(what)
    call = calls.one()
    call.payload = b"x"
    connection.send(call)
    connection.data_received(b"HTTP/1.1 400\r\n")
    assert transport.closed
    await asyncio.sleep(0)
    assert isinstance(lost[0][2], ProtocolViolation)


async def test_a_loss_within_the_handshake() -> None:
    connection, transport = made()
    asked = connection.ask(opening(Settings(db=1)))
    assert transport.writes[0].count(b"\r\n*") == 3, "all steps in one write"
    transport.lose()
    with pytest.raises(ConnectionFailed, match="the server closed it"):
        await asked.future
