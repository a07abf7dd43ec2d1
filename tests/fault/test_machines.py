"""Any mix of calls, cancellations, timeouts, losses and late replies: found by Hypothesis, in a simulated world.

Each step is small: a call, some bytes that reach the other side, a lost connection, a moment that passes. After each, all
that was promised must hold; at the end everything is healed, and whoever still waits must be served or told in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from redpoll import CommandTimeout, Options, Redis, RedisError
from redpoll.dedicated import Dedicated
from tests.fault.fake_server import Words
from tests.fault.simulation import Told, Wire, World

SLACK = 0.01  # seconds of the world's time within which a deadline is kept
SOME = st.one_of(st.none(), st.integers(1, 40))  # bytes: all, or some
MOMENTS = st.sampled_from([0.01, 0.06, 0.3, 1.5, 6.0])  # seconds
OPTIONS: Sequence[Options] = (
    {},
    {"max_inflight": 2},
    {"max_queue": 3, "overflow": "fail"},
    {"offline": "fail"},
    {"protocol": 2},
    {"health_check": 0.2, "read_timeout": 0.5, "write_timeout": 0.5},
    {"reconnect": False},
)


@dataclass
class Asked:
    """One call and what is known of it."""

    task: asyncio.Task[Any]
    kind: str
    nonce: str
    until: float  # the world's time by which it must have ended
    unsent: bool = False  # it was cancelled, and had not been given to a connection

    def told(self) -> tuple[str, Any]:
        """Return what its caller was told, and the result."""
        if self.task.cancelled():
            return "not_run" if self.unsent else "unknown", None
        error = self.task.exception()
        if error is None:
            return "ok", self.task.result()
        assert isinstance(error, RedisError), f"{self.kind} ended with {error!r}"
        return error.outcome, error


class _Machine(RuleBasedStateMachine):
    """What both machines can do to the world."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World().__enter__()
        self.told = Told()
        self.nonces = 0
        self.refused = False  # a refused call goes out again behind those that were sent with it
        self.r: Redis

    def nonce(self) -> str:
        self.nonces += 1
        return f"nonce{self.nonces}"

    def wire(self, number: int, open_only: bool = False) -> Wire | None:
        """Choose a connection, the younger ones more often than not."""
        wires = self.world.open_wires() if open_only else self.world.wires
        return wires[max(-number - 1, -len(wires))] if wires else None

    @rule(number=st.integers(0, 3), count=SOME)
    def serve(self, number: int, count: int | None) -> None:
        if (wire := self.wire(number)) is not None:
            wire.serve(count)

    @rule(number=st.integers(0, 3), count=SOME)
    def deliver(self, number: int, count: int | None) -> None:
        if (wire := self.wire(number, open_only=True)) is not None:
            wire.deliver(count)

    @rule()
    def all_flows_for_once(self) -> None:
        for _ in range(6):  # a handshake, what waited for it, what comes after
            for wire in self.world.wires:
                wire.serve()
                wire.deliver()

    @rule(number=st.integers(0, 3), error=st.sampled_from([None, ConnectionResetError()]), served=st.booleans())
    def cut(self, number: int, error: Exception | None, served: bool) -> None:
        if (wire := self.wire(number, open_only=True)) is not None:
            if served:
                wire.serve()
            wire.cut(error)

    @rule(seconds=MOMENTS)
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(
        refusing=st.booleans(),
        noise=st.booleans(),
        room=st.sampled_from([10, 100, 1 << 40]),
        refusals=st.integers(0, 3),
    )
    def weather(self, refusing: bool, noise: bool, room: int, refusals: int) -> None:
        self.world.refusing, self.world.noise = refusing, noise
        self.world.room, self.world.refusals = room, refusals
        self.refused = self.refused or refusals > 0

    @override
    def teardown(self) -> None:
        failed = True
        try:
            self.world.heal()
            self.world.run(30)
            self.finish()
            self.world.close(self.r)
            self.told.check(self.world.store, in_order=not self.refused)
            failed = False
        finally:
            self.world.__exit__(AssertionError if failed else None, None, None)

    def finish(self) -> None:
        raise NotImplementedError


class Replies(_Machine):
    """A reply reaches the call that asked for it or nobody, and what a caller is told of its call is true."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Asked] = []

    @initialize(options=st.sampled_from(OPTIONS), greets=st.sampled_from([True, True, True, False]))
    def begin(self, options: Options, greets: bool) -> None:
        self.world.greets = greets
        self.r = Redis("simulated", 1, **options)
        self.lasting = options.get("reconnect", True)  # a lost connection is made again

    @rule(
        kinds=st.lists(st.sampled_from(["echo", "incr", "push", "batch"]), min_size=1, max_size=6),
        timeout=st.sampled_from([5.0, 5.0, 0.05, 1.0]),
        apart=st.booleans(),
    )
    def calls(self, kinds: list[str], timeout: float, apart: bool) -> None:
        r = self.r.using(timeout=timeout)
        for kind in kinds:
            nonce = self.nonce()
            call: Coroutine[Any, Any, Any]
            if kind == "echo":
                call = r.echo(nonce)
            elif kind == "incr":
                call = r.incr("n")
            else:
                call = r.rpush("l", nonce) if kind == "push" else self.batch(r, nonce)
            for value in {"push": (nonce,), "batch": (f"{nonce}a", f"{nonce}b")}.get(kind, ()):
                self.told.pushed[value] = "unknown", None
            self.waiting.append(Asked(self.world.loop.create_task(call), kind, nonce, self.world.loop.now + timeout))
            if apart:
                self.world.run()
        self.world.run()

    async def batch(self, r: Redis, nonce: str) -> list[Any]:
        p = r.pipeline(raise_on_error=False)
        p.echo(nonce)
        p.rpush("l", f"{nonce}a")
        p.echo(nonce[::-1])
        p.rpush("l", f"{nonce}b")
        return await p.execute()

    @precondition(lambda self: self.waiting)
    @rule(numbers=st.lists(st.integers(0, 9), min_size=1, max_size=4))
    def cancel(self, numbers: list[int]) -> None:
        for asked in [self.waiting[number % len(self.waiting)] for number in numbers]:
            word = f"{asked.nonce}\r\n".encode()
            asked.unsent = asked.kind != "incr" and not any(word in wire.written for wire in self.world.wires)
            asked.task.cancel()
        self.world.run()

    @invariant()
    def look(self) -> None:
        """See who was told what since the last look, and that nobody waits beyond his time."""
        now = self.world.loop.now
        for asked in [asked for asked in self.waiting if asked.task.done()]:
            self.waiting.remove(asked)
            self.judge(asked)
        late = [asked for asked in self.waiting if now > asked.until + SLACK]
        assert late == [], "they wait beyond their time"

    def judge(self, asked: Asked) -> None:
        told, result = asked.told()
        if isinstance(result, CommandTimeout):
            assert self.world.loop.now >= asked.until - SLACK, "told too early"
        if asked.kind == "echo" and told == "ok":
            assert result == asked.nonce, "another's reply"
        elif asked.kind == "incr":
            self.told.counts[told] += 1
        elif asked.kind == "push":
            self.told.pushed[asked.nonce] = told, result
        elif asked.kind == "batch":
            self.judge_batch(asked.nonce, told, result)

    def judge_batch(self, nonce: str, told: str, result: Any) -> None:
        replies = result if told == "ok" else [result] * 4
        given_up = told
        for echoed, reply in ((nonce, replies[0]), (nonce[::-1], replies[2])):
            assert reply == echoed or reply is None or isinstance(reply, RedisError), "another's reply"
        for pushed, reply in ((f"{nonce}a", replies[1]), (f"{nonce}b", replies[3])):
            told = given_up if reply is None else reply.outcome if isinstance(reply, RedisError) else "ok"
            self.told.pushed[pushed] = told, reply

    @override
    def finish(self) -> None:
        self.look()
        assert self.waiting == []
        if self.lasting:
            served = self.world.start(self.r.echo("after all"))
            self.world.run(1)
            assert served.done(), "it does not go on"


ORDERS = ("echo", "watch", "select", "name", "give up", "leave")


class Owner:
    """One who has a connection of his own, and does on it as he is told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.orders: asyncio.Queue[str] = asyncio.Queue()
        self.inside = False
        self.wire: int | None = None  # on which his commands arrive
        self.task: asyncio.Task[None]
        self.turn = 0

    async def live(self, r: Redis) -> None:
        try:
            async with r.dedicated() as c:
                self.inside = True
                while (order := await self.orders.get()) != "leave":
                    await self.obey(c, order)
        finally:
            self.inside = False

    async def obey(self, c: Dedicated, order: str) -> None:
        self.turn += 1
        nonce = f"{self.name} {self.turn}"
        if order == "echo":
            assert await c.echo(nonce) == nonce, "another's reply"
        elif order == "give up":
            try:
                async with asyncio.timeout(0.05):
                    await c.echo(nonce)
            except TimeoutError:
                pass
        else:
            await c.echo(nonce)
            await {"watch": lambda: c.watch("k"), "select": lambda: c.select(1), "name": lambda: c.client_setname("x")}[
                order
            ]()


class Leases(_Machine):
    """Leased connections never exceed their bound, serve one owner at a time, and come to the next one as new."""

    MOST = 2

    def __init__(self) -> None:
        super().__init__()
        self.owners: list[Owner] = []
        self.pops: list[asyncio.Task[Any]] = []
        self.world.arrived = self.arrived
        self.r = Redis("simulated", 1, max_leased=self.MOST, command_timeout=2)

    def arrived(self, wire: Wire, words: Words) -> None:
        """A command reached the server: whose connection is it?"""
        if words[0] != b"ECHO":
            return
        name = words[1].decode().split()[0]
        (owner,) = (owner for owner in self.owners if owner.name == name)
        if owner.wire is None:
            assert wire.state == set(), f"the connection came with {wire.state} of the owner before"
            assert not wire.incoming, "replies for the owner before are on their way"
            assert wire.number not in {other.wire for other in self.inside() if other is not owner}, "two have it"
            owner.wire = wire.number
        assert owner.wire == wire.number, "his connection changed"

    def inside(self) -> list[Owner]:
        return [owner for owner in self.owners if owner.inside]

    @rule(first=st.sampled_from(["echo", "watch", "select", "name"]), stays=st.booleans())
    def enter(self, first: str, stays: bool = True) -> None:
        owner = Owner(self.nonce())
        self.owners.append(owner)
        owner.orders.put_nowait(first)  # so that it is seen which connection he has
        if not stays:
            owner.orders.put_nowait("leave")
        owner.task = self.world.start(owner.live(self.r))

    @precondition(lambda self: self.inside())
    @rule(number=st.integers(0, 1), what=st.lists(st.sampled_from(ORDERS), min_size=1, max_size=3))
    def order(self, number: int, what: list[str]) -> None:
        inside = self.inside()
        for each in what:
            inside[number % len(inside)].orders.put_nowait(each)
        self.world.run()

    @rule(number=st.integers(0, 7))
    def cancel(self, number: int) -> None:
        if alive := [task for task in [*(owner.task for owner in self.owners), *self.pops] if not task.done()]:
            alive[number % len(alive)].cancel()
            self.world.run()

    @rule(seconds=st.sampled_from([0.02, 0.5, 30.0]))
    def pop(self, seconds: float) -> None:
        self.pops.append(self.world.start(self.r.blpop("none", timeout=seconds)))

    @invariant()
    def look(self) -> None:
        assert len(self.inside()) <= self.MOST
        assert len(self.world.open_wires()) <= self.MOST, "no connection but the leased ones is asked for"
        for owner in self.owners:
            if owner.task.done() and not owner.task.cancelled():
                error = owner.task.exception()
                assert error is None or isinstance(error, RedisError), repr(error)
        for pop in self.pops:
            if pop.done() and not pop.cancelled():
                assert pop.exception() is not None or pop.result() is None

    @override
    def finish(self) -> None:
        """Everybody leaves; then all places must be there, with clean connections."""
        for owner in self.owners:
            owner.orders.put_nowait("leave")
        self.world.run(60)
        assert all(task.done() for task in [*(owner.task for owner in self.owners), *self.pops]), "somebody hangs"
        self.look()
        for _ in range(self.MOST):
            self.enter("echo")
        self.world.run(5)
        assert len(self.inside()) == self.MOST, "a place is lost"
        for owner in self.inside():
            owner.orders.put_nowait("leave")
        self.world.run(5)


@pytest.mark.usefixtures("soaking")  # which takes its time, and leaves this process a processor
@pytest.mark.parametrize(("machine", "examples"), [(Replies, 300), (Leases, 200)])
def test_in_a_simulated_world(machine: type[_Machine], examples: int) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None))
