from __future__ import annotations

import asyncio
from typing import Any

import pytest

from redpoll.credentials import RotatingCredentials
from redpoll.errors import AuthenticationFailed, ConnectionFailed, OutcomeUnknown
from redpoll.protocol.encode import encode
from tests.unit.routing.test_standalone import WIRE, Network, connected, get, incr, network, turns

__all__ = ["network"]
AUTH = encode("AUTH", ("AUTH", "b"))


async def test_calls_wait_around_auth(network: Network) -> None:
    credentials = RotatingCredentials(None, "a")
    core = await connected(network, credentials=credentials, protocol=2)
    before = incr(core)
    network.last.writes.clear()
    credentials.rotate(None, "b")
    await turns()
    behind = [get(core) for _ in range(3)]
    assert network.last.sent == b""
    network.answer(b":1\r\n")
    assert await before == 1
    assert network.last.sent == AUTH
    network.answer(b"+OK\r\n")
    assert network.last.sent == AUTH + WIRE * 3
    network.answer(b"+A\r\n" * 3)
    assert await asyncio.gather(*behind) == ["A"] * 3
    await core.aclose()
    assert credentials._listeners == ()


async def test_a_refusal_closes_and_is_told(network: Network) -> None:
    heard: list[Exception] = []
    core = await connected(network, credentials=lambda: (None, "b"), protocol=2, on_error=heard.append)
    again = asyncio.create_task(core.reauthenticate())
    await turns()
    waiting = get(core)
    network.last.writes.clear()
    network.answer(b"-WRONGPASS what is b?\r\n")
    for call in (again, waiting, get(core)):
        with pytest.raises(AuthenticationFailed, match="what is …") as caught:
            await call
        assert caught.value.final
    assert network.last.closed
    assert network.last.sent == b""
    assert network.dials == 1, "not dialled again within the second"
    assert [type(each) for each in heard] == [AuthenticationFailed]
    await core.aclose()


async def test_a_loss_meanwhile_is_nothing_to_tell(network: Network) -> None:
    heard: list[Exception] = []
    core = await connected(network, credentials=lambda: (None, "b"), on_error=heard.append)
    in_flight = incr(core)
    again = asyncio.create_task(core.reauthenticate())
    await turns()
    network.last.lose()
    with pytest.raises(OutcomeUnknown):
        await in_flight
    await again
    assert heard == []
    await core.aclose()


@pytest.mark.parametrize("fails", [0, 1])
async def test_an_old_connection_is_replaced(network: Network, monkeypatch: pytest.MonkeyPatch, fails: int) -> None:
    heard: list[Exception] = []
    core = await connected(network, max_connection_age=3600.0, on_error=heard.append)
    old, transport = core.connection, network.last
    assert old is not None
    assert 2880 <= old.expires - old.asked <= 3600
    network.failures = [ConnectionFailed("no")] * fails
    in_flight = incr(core)
    at = old.expires
    core._rotation.wake(at - 1)
    await turns()
    assert network.dials == 1
    core._rotation.wake(at)
    await turns()
    assert network.dials == 2
    assert len(heard) == fails
    if fails:
        assert core.connection is old
        assert core._rotation.due(at) == at + 1
        core._rotation.wake(at + 1)
        await turns()
    assert core.connection is not old
    assert not transport.closed
    transport.protocol.data_received(b":1\r\n")
    assert await in_flight == 1
    assert transport.closed
    await core.aclose()


async def test_what_does_not_ask_costs_nothing(network: Network) -> None:
    core = await connected(network)
    assert core._rotation.due(0.0) is None
    current: Any = core.connection
    assert not current.paused
    await core.aclose()
