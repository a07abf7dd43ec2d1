from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from redpoll.errors import ConnectionFailed, PoolTimeout
from redpoll.transport.connection import Connection
from redpoll.transport.pool import Leases


class Fake:
    def __init__(self) -> None:
        self.closing = False

    def abort(self) -> None:
        self.closing = True


class Dialer:
    def __init__(self) -> None:
        self.made: list[Fake] = []
        self.fail = False
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> Connection:
        if self.gate is not None:
            await self.gate.wait()
        if self.fail:
            raise ConnectionFailed("no")
        self.made.append(Fake())
        return cast("Connection", self.made[-1])


def task(leases: Leases, limit: float | None = None) -> asyncio.Task[Any]:
    return asyncio.create_task(leases.acquire("BLPOP", limit))


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_connections_are_used_again() -> None:
    dialer = Dialer()
    leases = Leases(2, "h:1", dialer)
    first = await leases.acquire("BLPOP", None)
    leases.release(first)
    assert await leases.acquire("BLPOP", None) is first
    assert len(dialer.made) == 1
    leases.discard(first)
    assert leases.used == 0
    assert first.closing


async def test_a_closed_idle_connection_is_passed_over() -> None:
    dialer = Dialer()
    leases = Leases(2, "h:1", dialer)
    first = await leases.acquire("BLPOP", None)
    leases.release(first)
    dialer.made[0].closing = True
    assert await leases.acquire("BLPOP", None) is not first


async def test_the_waiting_get_their_turn_in_order() -> None:
    leases = Leases(1, "h:1", Dialer())
    held = await leases.acquire("BLPOP", None)
    one, two, three = task(leases), task(leases), task(leases)
    await turns()
    two.cancel()
    leases.release(held)
    await turns()
    assert (one.done(), three.done(), leases.used) == (True, False, 1)
    leases.discard(one.result())
    await turns()
    assert three.done()
    leases.release(three.result())
    assert leases.used == 0


async def test_waiting_ends_with_an_error() -> None:
    leases = Leases(1, "h:1", Dialer())
    held = await leases.acquire("BLPOP", None)
    with pytest.raises(PoolTimeout, match="max_leased") as caught:
        await leases.acquire("BLPOP", 0.001)
    assert (caught.value.outcome, caught.value.command, caught.value.address) == ("not_run", "BLPOP", "h:1")
    leases.release(held)
    assert leases.used == 0


async def test_one_who_is_cancelled_as_the_turn_comes_passes_it_on() -> None:
    leases = Leases(1, "h:1", Dialer())
    held = await leases.acquire("BLPOP", None)
    one, two = task(leases), task(leases)
    await turns()
    leases.release(held)
    one.cancel()
    await turns()
    assert two.done()
    leases.release(two.result())
    assert leases.used == 0


async def test_a_failed_or_cancelled_dial_frees_the_place() -> None:
    dialer = Dialer()
    leases = Leases(1, "h:1", dialer)
    dialer.fail = True
    with pytest.raises(ConnectionFailed):
        await leases.acquire("BLPOP", None)
    dialer.fail, dialer.gate = False, asyncio.Event()
    dialing = task(leases)
    await turns()
    dialing.cancel()
    await turns()
    assert leases.used == 0
    dialer.gate = None
    assert await leases.acquire("BLPOP", None)
