from __future__ import annotations

import asyncio
import math
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redpoll.errors import CommandTimeout, ConnectionFailed, NotSent, PoolTimeout
from redpoll.transport import pool
from redpoll.transport.connection import Connection
from redpoll.transport.pool import Bounds, Lease, Leases


class Fake:
    def __init__(self) -> None:
        self.closing = False
        self.on_lost: Any = None
        self.expires = math.inf

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


def task(leases: Leases, limit: float | None = None) -> asyncio.Task[Lease]:
    return asyncio.create_task(leases.acquire("BLPOP", limit))


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_connections_are_used_again() -> None:
    dialer = Dialer()
    leases = Leases(Bounds(2), "h:1", dialer)
    first = await leases.acquire("BLPOP", None)
    first.end(keep=True)
    again = await leases.acquire("BLPOP", None)
    assert again.connection is first.connection
    assert len(dialer.made) == 1
    again.end(keep=False)
    assert leases.used == 0
    assert dialer.made[0].closing
    leases.abandon()


async def test_a_lease_ends_once() -> None:
    leases = Leases(Bounds(2), "h:1", Dialer())
    first, second = await leases.acquire("A", None), await leases.acquire("B", None)
    first.end(keep=True)
    first.end(keep=True)
    first.end(keep=False)
    assert first.ended
    assert (leases.used, len(leases.idle)) == (1, 1)
    third = await leases.acquire("C", None)
    assert third.connection is first.connection
    first.end(keep=False)
    assert not third.connection.closing, "it is another's now"
    second.end(keep=False)
    third.end(keep=False)
    assert leases.used == 0


async def test_an_old_connection_is_not_kept() -> None:
    dialer = Dialer()
    leases = Leases(Bounds(2), "h:1", dialer)
    (await leases.acquire("A", None)).end(keep=True)
    dialer.made[0].expires = 0.0
    lease = await leases.acquire("A", None)
    assert dialer.made[0].closing
    assert len(dialer.made) == 2
    dialer.made[1].expires = 0.0
    lease.end(keep=True)
    assert dialer.made[1].closing
    assert leases.idle == []


async def test_a_closed_idle_connection_is_passed_over() -> None:
    dialer = Dialer()
    leases = Leases(Bounds(2), "h:1", dialer)
    first = await leases.acquire("BLPOP", None)
    first.end(keep=True)
    dialer.made[0].closing = True
    assert (await leases.acquire("BLPOP", None)).connection is not first.connection
    leases.abandon()


async def test_the_waiting_get_their_turn_in_order() -> None:
    leases = Leases(Bounds(1), "h:1", Dialer())
    held = await leases.acquire("BLPOP", None)
    one, two, three = task(leases), task(leases), task(leases)
    await turns()
    two.cancel()
    held.end(keep=True)
    await turns()
    assert (one.done(), three.done(), leases.used) == (True, False, 1)
    one.result().end(keep=False)
    await turns()
    assert three.done()
    three.result().end(keep=True)
    assert leases.used == 0
    leases.abandon()


async def test_waiting_ends_with_an_error() -> None:
    leases = Leases(Bounds(1), "h:1", Dialer())
    held = await leases.acquire("BLPOP", None)
    with pytest.raises(PoolTimeout, match="max_leased") as caught:
        await leases.acquire("BLPOP", 0.001)
    assert (caught.value.outcome, caught.value.command, caught.value.address) == ("not_run", "BLPOP", "h:1")
    held.end(keep=False)
    assert leases.used == 0


async def test_one_who_is_cancelled_as_the_turn_comes_passes_it_on() -> None:
    leases = Leases(Bounds(1), "h:1", Dialer())
    held = await leases.acquire("BLPOP", None)
    one, two = task(leases), task(leases)
    await turns()
    held.end(keep=False)
    one.cancel()
    await turns()
    assert two.done()
    two.result().end(keep=False)
    assert leases.used == 0


async def test_a_failed_or_cancelled_dial_frees_the_place() -> None:
    dialer = Dialer()
    leases = Leases(Bounds(1), "h:1", dialer)
    dialer.fail = True
    with pytest.raises(ConnectionFailed) as failed:
        await leases.acquire("BLPOP", None)
    assert (failed.value.outcome, failed.value.command) == ("not_run", "BLPOP")
    dialer.fail, dialer.gate = False, asyncio.Event()
    dialing = task(leases)
    await turns()
    dialing.cancel()
    await turns()
    assert leases.used == 0
    with pytest.raises(CommandTimeout) as late:
        await leases.acquire("BLPOP", 0.001)
    assert (late.value.outcome, late.value.command, leases.used) == ("not_run", "BLPOP", 0)
    dialer.gate = None
    assert await leases.acquire("BLPOP", None)


async def test_another_connection_in_the_same_place() -> None:
    dialer = Dialer()
    leases = Leases(Bounds(1), "h:1", dialer)
    held = await leases.acquire("BLPOP", None)
    waiting = task(leases)
    await turns()
    await held.renew("BLPOP", None)
    assert dialer.made[0].closing
    assert not held.connection.closing
    assert (leases.used, waiting.done()) == (1, False)
    dialer.fail = True
    with pytest.raises(ConnectionFailed):
        await held.renew("BLPOP", None)
    assert held.connection.closing
    dialer.fail = False
    held.end(keep=True)
    await turns()
    assert waiting.result().connection is not held.connection, "what is closed is not kept"
    waiting.result().end(keep=False)


async def test_idle_connections_are_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    timers: list[float] = []
    monkeypatch.setattr(pool, "monotonic", lambda: now)
    monkeypatch.setattr(Leases, "_look_in", lambda _self, seconds: timers.append(seconds))
    dialer = Dialer()
    leases = Leases(Bounds(3), "h:1", dialer)
    first, second = await leases.acquire("A", None), await leases.acquire("B", None)
    first.end(keep=True)
    now += 40
    second.end(keep=True)
    now += 20
    leases._close_idle()
    assert [fake.closing for fake in dialer.made] == [True, False]
    now += 40
    leases._close_idle()
    assert [fake.closing for fake in dialer.made] == [True, True]
    assert timers[-1] == 40
    assert leases.idle == []


async def test_closing_ends_the_waiting_and_keeps_nothing() -> None:
    dialer = Dialer()
    leases = Leases(Bounds(1), "h:1", dialer)
    held = await leases.acquire("A", None)
    waiting = task(leases)
    await turns()
    leases.close()
    with pytest.raises(NotSent) as ended:
        await waiting
    assert (ended.value.command, ended.value.outcome) == ("BLPOP", "not_run")
    held.end(keep=True)
    assert dialer.made[0].closing
    assert (leases.used, leases.idle) == (0, [])


Steps = st.lists(
    st.tuples(st.sampled_from(("ask", "keep", "drop", "twice", "cancel", "turn", "kill", "fail")), st.integers(0, 9)),
    max_size=60,
)


@given(st.integers(1, 3), Steps)
def test_bound_owners_and_order(most: int, steps: list[tuple[str, int]]) -> None:
    """Whatever is asked, given back, cancelled, killed: never above the bound, never two owners, always in order."""
    asyncio.run(_schedule(most, steps))


async def _schedule(most: int, steps: list[tuple[str, int]]) -> None:
    model = Model(most)
    for what, which in steps:
        getattr(model, what)(which)
        if what != "cancel" or which % 2:  # now and then several things happen in one turn
            await model.settle()
        model.dialer.fail = False
    await model.settle()
    await model.end()


class Model:
    """A pool under a schedule, and what must be true of it after each step."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.dialer = Dialer()
        self.leases = Leases(Bounds(most), "h:1", self.dialer)
        self.asked: list[asyncio.Task[Lease]] = []  # in the order of asking
        self.held: list[Lease] = []
        self.served: list[int] = []
        self.ended: list[Lease] = []

    def ask(self, _which: int) -> None:
        self.asked.append(task(self.leases))

    def fail(self, which: int) -> None:
        self.dialer.fail = True
        self.ask(which)

    def keep(self, which: int) -> None:
        self._end(which, keep=True)

    def drop(self, which: int) -> None:
        self._end(which, keep=False)

    def twice(self, which: int) -> None:
        if self.ended:
            self.ended[which % len(self.ended)].end(keep=True)

    def cancel(self, which: int) -> None:
        if self.asked:
            self.asked[which % len(self.asked)].cancel()

    def kill(self, which: int) -> None:
        if self.leases.idle:
            cast("Any", self.leases.idle[which % len(self.leases.idle)]).abort()

    def turn(self, _which: int) -> None:
        pass

    def _end(self, which: int, *, keep: bool) -> None:
        if self.held:
            lease = self.held.pop(which % len(self.held))
            lease.end(keep=keep)
            self.ended.append(lease)

    async def settle(self) -> None:
        await turns(12)
        for number, each in enumerate(self.asked):
            if each.done() and number not in self.served:
                self.served.append(number)
                if not each.cancelled() and each.exception() is None:
                    self.held.append(each.result())
        owned = [lease.connection for lease in self.held]
        assert len(owned) == len({id(each) for each in owned}), "two owners"
        assert not set(map(id, owned)) & set(map(id, self.leases.idle)), "leased and idle"
        assert len(self.held) <= self.leases.used <= self.most
        assert len(self.held) == self.most or all(each.done() for each in self.asked), "a free place, and one waits"
        living = [number for number in self.served if not self.asked[number].cancelled()]
        assert living == sorted(living), "out of order"

    async def end(self) -> None:
        for lease in self.held:
            lease.end(keep=False)
        for each in self.asked:
            each.cancel()
        for ended in await asyncio.gather(*self.asked, return_exceptions=True):
            if isinstance(ended, Lease):
                ended.end(keep=False)
        assert self.leases.used == 0
        self.leases.abandon()


async def test_the_least_are_opened_and_kept() -> None:
    dialer = Dialer()
    missing: list[int] = []
    leases = Leases(Bounds(4, least=2, max_idle=60), "h:1", dialer)
    leases.on_missing = lambda: missing.append(leases.missing)
    await leases.fill()
    assert (len(leases.idle), leases.missing, leases.opened) == (2, 0, 2)
    first, second, third = [await leases.acquire("A", None) for _ in range(3)]
    assert (leases.opened, leases.used) == (3, 3)
    for lease in (first, second, third):
        lease.end(keep=True)
    leases._idle = type(leases._idle)((since - 61, each) for since, each in leases._idle)
    leases._close_idle()
    assert (len(leases.idle), leases.missing, leases.closed) == (2, 0, 1)
    lost = leases.idle[0]
    lost.on_lost(lost, [], ConnectionFailed("gone"))
    assert missing == [1]
    assert (len(leases.idle), leases.closed) == (1, 2)
    await leases.fill()
    assert (leases.missing, leases.opened) == (0, 4)
    leases.close()
    assert leases.missing == 0
    leases.abandon()


async def test_those_who_ask_while_it_fills_count_too() -> None:
    dialer = Dialer()
    dialer.gate = asyncio.Event()
    leases = Leases(Bounds(2, least=1), "h:1", dialer)
    filling = asyncio.create_task(leases.fill())
    await turns()
    asking = task(leases)
    await turns()
    dialer.gate.set()
    await filling
    lease = await asking
    assert leases.used + len(leases.idle) == 1, "the second one was not needed"
    lease.end(keep=False)
