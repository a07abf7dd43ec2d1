from __future__ import annotations

import asyncio
from typing import Any

import pytest

from redpoll.errors import ClientClosed, CommandTimeout, ConnectionFailed, NotSent, OutcomeUnknown
from redpoll.options import Settings
from redpoll.protocol.calls import Call
from redpoll.protocol.encode import encode
from redpoll.routing import standalone
from redpoll.routing.standalone import Core
from redpoll.spec import Spec
from redpoll.transport.connection import Connection
from redpoll.transport.reconnect import Reconnect
from tests.unit.transport.fake import FakeTransport

GET: Spec[Any] = Spec("GET", replay=True)
INCR: Spec[Any] = Spec("INCR")


class Network:
    """Takes the place of dialling."""

    def __init__(self) -> None:
        self.transports: list[FakeTransport] = []
        self.failures: list[Exception] = []
        self.room = 1 << 40

    async def connect(self, settings: Settings) -> Connection:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        connection = Connection(settings)
        self.transports.append(FakeTransport(connection, self.room))
        connection.connection_made(self.transports[-1])
        return connection

    @property
    def last(self) -> FakeTransport:
        return self.transports[-1]

    def answer(self, data: bytes) -> None:
        self.last.protocol.data_received(data)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    made = Network()
    monkeypatch.setattr(standalone, "connect", made.connect)
    return made


def get(core: Core, key: str = "k", timeout: float | None = 5.0) -> Call:
    return core.submit(GET, ("GET", key), True, timeout, False)


def incr(core: Core, timeout: float | None = 5.0) -> Call:
    return core.submit(INCR, ("INCR", "n"), True, timeout, False)


async def turns(count: int = 4) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def connected(network: Network, reconnect: Reconnect | None = None) -> Core:
    core = Core(Settings()) if reconnect is None else Core(Settings(), reconnect)
    first = get(core)
    await turns()
    network.answer(b"+A\r\n")
    assert await first == "A"
    network.last.writes.clear()
    return core


WIRE = encode("GET", ("GET", "k"))


async def test_what_waits_for_the_connection_goes_out_in_one_write(network: Network) -> None:
    core = Core(Settings())
    calls = [get(core, str(number)) for number in range(10)]
    await turns()
    assert len(network.last.writes) == 1
    network.answer(b"".join(b"+%d\r\n" % number for number in range(10)))
    assert await asyncio.gather(*calls) == [*map(str, range(10))]


async def test_a_lone_call_is_written_at_once(network: Network) -> None:
    core = await connected(network)
    for _ in range(3):
        call = get(core)
        assert network.last.sent == WIRE
        network.answer(b"+A\r\n")
        await call
        network.last.writes.clear()


async def test_many_calls_of_a_turn_are_one_write(network: Network) -> None:
    core = await connected(network)
    for turn in range(3):
        calls = [get(core) for _ in range(10)]
        await turns(1)
        # The first turn does not know yet that there are many.
        assert len(network.last.writes) == (2 if turn == 0 else 1)
        assert network.last.sent == WIRE * 10
        network.last.writes.clear()
        network.answer(b"+A\r\n" * 10)
        await asyncio.gather(*calls)


async def test_a_call_cancelled_in_its_turn_is_not_sent(network: Network) -> None:
    core = await connected(network)
    calls = [get(core) for _ in range(3)]
    calls[1].cancel()
    await turns(1)
    assert network.last.sent == WIRE * 2
    network.answer(b"+A\r\n+B\r\n")
    assert [calls[0].result(), calls[2].result()] == ["A", "B"]


async def test_no_room(network: Network) -> None:
    network.room = 10
    core = await connected(network)
    network.last.drain()
    await turns(1)
    first, second = get(core), get(core)
    await turns()
    assert network.last.sent == WIRE
    network.last.drain()
    await turns(1)
    assert network.last.sent == WIRE * 2
    network.answer(b"+A\r\n+B\r\n")
    assert (await first, await second) == ("A", "B")


async def test_a_long_queue_lets_others_have_their_turn(network: Network) -> None:
    core = await connected(network)
    value = "x" * 1000
    count = 5000
    calls = [core.submit(INCR, ("ECHO", value), True, None, False) for _ in range(count)]
    await turns(1)
    assert 0 < len(network.last.sent) < 3 << 20
    await turns(12)
    assert network.last.sent == encode("ECHO", ("ECHO", value)) * count
    network.answer(b"+A\r\n" * count)
    assert all(call.done() for call in calls)


async def test_large_payloads_go_alone_and_in_order(network: Network) -> None:
    core = await connected(network)
    large = ("SET", "k", b"x" * 70_000)
    calls = [get(core), core.submit(INCR, large, True, None, False), get(core), get(core)]
    await turns()
    assert network.last.sent == WIRE + encode("SET", large) + WIRE * 2
    assert encode("SET", large) in network.last.writes
    assert calls[1].payload == b"", "what is not sent again is not kept"
    network.answer(b"+A\r\n" * 4)
    await asyncio.gather(*calls)


async def test_a_loss(network: Network) -> None:
    core = await connected(network)
    sent_read, sent_write = get(core), incr(core)
    await turns(1)
    network.last.room = 0
    network.last.protocol.pause_writing()
    unsent_read, unsent_write = get(core, "k2"), incr(core)
    cancelled = incr(core)
    cancelled.cancel()
    network.last.lose()
    with pytest.raises(OutcomeUnknown):
        await sent_write
    await turns()
    expected = WIRE + encode("GET", ("GET", "k2")) + encode("INCR", ("INCR", "n"))
    assert network.last.sent == expected, "what was sent before comes first, in its order"
    network.answer(b"+A\r\n+B\r\n:3\r\n")
    assert [await sent_read, await unsent_read, await unsent_write] == ["A", "B", 3]


async def test_a_loss_while_idle(network: Network) -> None:
    core = await connected(network)
    network.last.lose()
    await turns()
    assert len(network.transports) == 1, "nobody waits, so nobody dials"
    call = get(core)
    await turns()
    network.answer(b"+A\r\n")
    assert await call == "A"


async def test_a_closing_connection_is_not_written_to(network: Network) -> None:
    core = await connected(network)
    network.last.abort()
    call = incr(core)
    await turns()
    network.answer(b":1\r\n")
    assert await call == 1
    assert network.transports[0].sent == b""


async def test_failures_to_connect(network: Network) -> None:
    core = Core(Settings())
    network.failures = [ConnectionFailed("cannot connect: refused", address="h:1")]
    one, two = get(core), incr(core)
    for call in (one, two):
        with pytest.raises(ConnectionFailed, match="refused") as caught:
            await call
        assert caught.value.outcome == "not_run"
    assert one.exception() is not two.exception()


async def test_dialling_again_by_policy(network: Network) -> None:
    network.failures = [ConnectionFailed("no"), ConnectionFailed("no")]
    core = Core(Settings(), Reconnect(initial=0.0))
    call = get(core)
    await turns(12)
    network.answer(b"+A\r\n")
    assert await call == "A"


async def test_a_loss_and_no_way_back(network: Network) -> None:
    core = await connected(network)
    network.failures = [ConnectionFailed("refused")]
    read = get(core)
    network.last.protocol.pause_writing()
    unsent = get(core)
    network.last.lose()
    with pytest.raises(OutcomeUnknown, match="and then: refused"):
        await read
    with pytest.raises(ConnectionFailed, match="refused"):
        await unsent


async def test_deadlines(network: Network) -> None:
    core = await connected(network)
    forever = get(core, timeout=None)
    short, other = get(core, timeout=0.001), incr(core, timeout=0.002)
    with pytest.raises(CommandTimeout, match=r"0\.001 s"):
        await short
    with pytest.raises(CommandTimeout):
        await other
    assert not forever.done()
    later = get(core)
    await turns(1)
    network.answer(b"+A\r\n+late\r\n:7\r\n+B\r\n")
    assert (await forever, await later) == ("A", "B")


async def test_a_deadline_behind_a_call_without_one(network: Network) -> None:
    core = Core(Settings(command_timeout=0.005))
    first = get(core, timeout=0.005)
    await turns()
    network.answer(b"+A\r\n")
    await first
    core._watch.stop()  # as when the timer has run out with nothing to watch
    _, _, dated = get(core, timeout=None), get(core, timeout=None), get(core, timeout=0.005)
    with pytest.raises(CommandTimeout):
        await dated


async def test_replies_are_let_go_of(network: Network) -> None:
    core = await connected(network)
    calls = [get(core) for _ in range(100)]
    await turns(1)
    network.answer(b"+A\r\n" * 100)
    await asyncio.gather(*calls)
    assert len(core._default) == 0


async def test_closing(network: Network) -> None:
    core = await connected(network)
    sent = get(core)
    network.last.protocol.pause_writing()
    unsent = incr(core)
    closing = asyncio.create_task(core.aclose())
    await turns()
    with pytest.raises(NotSent):
        await unsent
    with pytest.raises(ClientClosed):
        get(core)
    network.answer(b"+A\r\n")
    assert await sent == "A"
    await closing
    await core.aclose()
    assert network.last.closed
