from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from redpoll.errors import (
    AuthenticationFailed,
    ClientClosed,
    CommandTimeout,
    ConnectionFailed,
    Loading,
    NotSent,
    OutcomeUnknown,
    Overloaded,
    ProtocolViolation,
    ReadOnly,
    RedisError,
    ServerError,
    WrongLoop,
)
from redpoll.options import Settings
from redpoll.protocol.calls import Group
from redpoll.protocol.encode import encode
from redpoll.reconnect import Reconnect
from redpoll.routing import refusals, shared
from redpoll.routing.standalone import Core
from redpoll.spec import Spec
from redpoll.transport.connection import Connection
from tests.unit.transport.fake import FakeTransport

GET: Spec[Any] = Spec("GET", replay=True)
INCR: Spec[Any] = Spec("INCR")


class Network:
    """Takes the place of dialling."""

    def __init__(self) -> None:
        self.transports: list[FakeTransport] = []
        self.failures: list[Exception] = []
        self.room = 1 << 40
        self.dials = 0

    async def connect(self, settings: Settings, prepare: Any = None) -> Connection:
        await asyncio.sleep(0)
        self.dials += 1
        if self.failures:
            raise self.failures.pop(0)
        connection = Connection(settings)
        self.transports.append(FakeTransport(connection, self.room))
        connection.connection_made(self.transports[-1])
        if prepare is not None:
            await prepare(connection)
        return connection

    @property
    def last(self) -> FakeTransport:
        return self.transports[-1]

    def answer(self, data: bytes) -> None:
        self.last.protocol.data_received(data)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    made = Network()
    monkeypatch.setattr(shared, "connect", made.connect)
    return made


def get(core: Core, key: str = "k", timeout: float | None = 5.0) -> asyncio.Future[Any]:
    return core.submit(GET, ("GET", key), True, timeout, False)


def incr(core: Core, timeout: float | None = 5.0) -> asyncio.Future[Any]:
    return core.submit(INCR, ("INCR", "n"), True, timeout, False)


async def turns(count: int = 4) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def connected(network: Network, **options: Any) -> Core:
    core = Core(Settings(**options))
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
    core = Core(Settings(reconnect=None))
    network.failures = [ConnectionFailed("cannot connect: refused", address="h:1")]
    one, two = get(core), incr(core)
    for call in (one, two):
        with pytest.raises(ConnectionFailed, match="refused") as caught:
            await call
        assert caught.value.outcome == "not_run"
    assert one.exception() is not two.exception()


async def test_dialling_again_by_policy(network: Network) -> None:
    network.failures = [ConnectionFailed("no"), ConnectionFailed("no")]
    core = Core(Settings(reconnect=Reconnect(initial=0.0)))
    call = get(core)
    await turns(12)
    network.answer(b"+A\r\n")
    assert await call == "A"


async def test_a_loss_and_no_way_back(network: Network) -> None:
    core = await connected(network, reconnect=Reconnect(attempts=0))
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
    assert not core._queue
    assert not core._connection.session.waiting  # type: ignore[union-attr]  # it is connected


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


# The window and the bounds of the queue.


async def test_the_window(network: Network) -> None:
    core = await connected(network, max_inflight=3)
    calls = [get(core, str(number)) for number in range(8)]
    await turns(2)
    assert network.last.sent.count(b"GET") == 3
    network.answer(b"+0\r\n+1\r\n")
    assert network.last.sent.count(b"GET") == 5
    network.answer(b"+2\r\n+3\r\n+4\r\n+")
    network.answer(b"5\r\n+6\r\n+7\r\n")
    assert [call.result() for call in calls] == [*map(str, range(8))]


async def test_groups_count_in_the_window(network: Network) -> None:
    core = await connected(network, max_inflight=5)
    wire = encode("GET", ("GET", "k"))
    groups = [
        core.submit_group(GET, wire * size, [True] * size, timeout=5.0, replay=True, batch=None)
        for size in (3, 3, 8, 1)
    ]
    await turns(2)
    assert network.last.sent == wire * 3
    network.answer(b"+A\r\n" * 3)
    assert network.last.sent == wire * 6
    network.answer(b"+A\r\n" * 3)
    assert network.last.sent == wire * 14, "one that is larger than the window has it for itself"
    network.answer(b"+A\r\n" * 8)
    network.answer(b"+A\r\n")
    assert [len(group.future.result()) for group in groups] == [3, 3, 8, 1]
    assert core._connection is not None
    assert core._connection.session.extra == 0


async def test_overflow_fails_the_newest(network: Network) -> None:
    core = await connected(network, max_inflight=2, max_queue=3, overflow="fail")
    calls = [get(core, str(number)) for number in range(8)]
    await turns(2)
    for call in calls[5:]:
        error = call.exception()
        assert isinstance(error, Overloaded)
        assert error.outcome == "not_run"
    assert not any(call.done() for call in calls[:5])
    network.answer(b"+A\r\n+A\r\n")
    network.answer(b"+A\r\n+A\r\n")
    network.answer(b"+A\r\n")
    assert all(call.result() == "A" for call in calls[:5])


async def test_overflow_by_bytes_while_there_is_no_connection(network: Network) -> None:
    network.failures = [ConnectionFailed("no")] * 3
    core = Core(Settings(max_queue_bytes=100, reconnect=Reconnect(initial=3600, max=3600)))
    large = core.submit(INCR, ("SET", "k", "x" * 500), True, None, False)
    small = incr(core)
    with pytest.raises(Overloaded, match="max_queue_bytes"):
        await small
    large.cancel()
    kept = incr(core)
    await turns()
    assert not kept.done(), "what was cancelled takes no room"
    closing = asyncio.create_task(core.aclose())
    with pytest.raises(NotSent):
        await kept
    await closing


# Refusals.


async def test_a_refused_call_is_retried_in_its_place(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_SHORTEST", 0.0)
    core = await connected(network)
    first, second = incr(core), incr(core)
    await turns(1)
    network.last.writes.clear()
    network.answer(b"-LOADING wait\r\n-BUSY wait\r\n")
    third = get(core)
    await asyncio.sleep(0.001)
    assert not first.done()
    sent = network.last.sent
    assert sent.count(b"INCR") == 2
    network.answer(b"+A\r\n:1\r\n:2\r\n" if sent.startswith(WIRE) else b":1\r\n:2\r\n+A\r\n")
    assert [await first, await second, await third] == [1, 2, "A"]
    await turns(1)
    assert core._refusals._counts == {}


@pytest.mark.parametrize("reply", [b"-MOVED 1 h:1\r\n", b"-ASK 1 h:1\r\n", b"-OOM no\r\n", b"-WRONGTYPE no\r\n"])
async def test_other_errors_are_told_at_once(network: Network, reply: bytes) -> None:
    core = await connected(network)
    call = incr(core)
    network.answer(reply)
    with pytest.raises(ServerError):
        await call


async def test_a_refusal_behind_which_there_is_no_time(network: Network) -> None:
    core = await connected(network)
    call = incr(core, timeout=0.002)
    network.answer(b"-LOADING wait\r\n")
    with pytest.raises(Loading):
        await call


def group(core: Core, count: int, batch: object) -> Group:
    wire = encode("INCR", ("INCR", "n"))
    sizes = [len(wire)] * count
    return core.submit_group(
        INCR, wire * count, [True] * count, timeout=5.0, replay=False, batch=batch, sizes=sizes, refusable=True
    )


async def test_the_refused_end_of_a_batch_is_retried(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_SHORTEST", 0.0)
    core = await connected(network)
    made = group(core, 4, object())
    network.last.writes.clear()
    network.answer(b":1\r\n:2\r\n-LOADING wait\r\n-LOADING wait\r\n")
    await asyncio.sleep(0.001)
    assert network.last.sent.count(b"INCR") == 2
    network.last.writes.clear()
    network.answer(b":3\r\n-LOADING again\r\n")
    await asyncio.sleep(0.002)
    assert network.last.sent.count(b"INCR") == 1
    network.answer(b":4\r\n")
    assert await made.future == [1, 2, 3, 4]


async def test_a_refusal_within_a_batch_is_told(network: Network) -> None:
    core = await connected(network)
    made = group(core, 3, object())
    network.answer(b":1\r\n-LOADING wait\r\n:2\r\n")
    replies = await made.future
    assert [str(reply) for reply in replies] == ["1", "LOADING wait", "2"]


async def test_a_refusal_before_a_later_piece_of_the_batch_is_told(network: Network) -> None:
    core = await connected(network)
    batch = object()
    first, second = group(core, 1, batch), group(core, 1, batch)
    await turns(1)
    network.answer(b"-LOADING wait\r\n:1\r\n")
    assert str((await first.future)[0]) == "LOADING wait"
    assert await second.future == [1]


async def test_later_pieces_wait_behind_a_refused_one(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_SHORTEST", 0.0)
    core = await connected(network, max_inflight=2)
    batch = object()
    first, second = group(core, 2, batch), group(core, 1, batch)
    await turns(1)
    network.last.writes.clear()
    network.answer(b"-LOADING wait\r\n-LOADING wait\r\n")
    await asyncio.sleep(0.002)
    assert network.last.sent.count(b"INCR") == 2
    network.answer(b":1\r\n:2\r\n")
    assert await first.future == [1, 2]
    network.answer(b":3\r\n")
    assert await second.future == [3]


READONLY = b"-READONLY replica\r\n"


def put(core: Core, value: str) -> asyncio.Future[Any]:
    return core.submit(INCR, ("SET", "k", value), True, 5.0, False)


def values(transport: FakeTransport) -> list[int]:
    """The values that were written, in their order."""
    return [int(value) for value in re.findall(rb"SET\r\n\$1\r\nk\r\n\$\d+\r\n(\d+)\r\n", transport.sent)]


async def test_readonly_takes_one_new_connection_and_keeps_the_order(network: Network) -> None:
    core = await connected(network)
    old = network.last
    calls = [put(core, str(number)) for number in range(3)]
    await turns(1)
    old.protocol.data_received(READONLY)
    calls.append(put(core, "3"))
    read = get(core)
    await turns()
    new = network.last
    assert (len(network.transports), old.closed) == (
        2,
        False,
    ), "made before the old one, which owes replies, is given up"
    assert old.sent.count(b"GET") == 1, "reads go on"
    old.protocol.data_received(READONLY)
    calls.append(put(core, "4"))
    later = get(core, "later")
    await turns()
    assert values(new) == [], "the old one owes a reply to a write"
    assert b"later" in new.sent
    old.protocol.data_received(READONLY + b"+A\r\n")
    await turns()
    assert old.closed
    assert values(old) == [0, 1, 2]
    assert values(new) == [0, 1, 2, 3, 4]
    network.answer(b"+B\r\n" + b"+OK\r\n" * 5)
    assert [await call for call in calls] == ["OK"] * 5
    assert (await read, await later) == ("A", "B")
    assert len(network.transports) == 2


async def test_a_refused_write_does_not_undo_a_later_one(network: Network) -> None:
    core = await connected(network)
    calls = [put(core, str(number)) for number in range(4)]
    await turns(1)
    network.answer(READONLY + b"+OK\r\n" + b"-WRONGTYPE no\r\n" + READONLY)  # it became a primary, and a replica again
    await turns()
    with pytest.raises(ReadOnly) as caught:
        await calls[0]
    assert caught.value.outcome == "not_run"
    assert values(network.last) == [3]
    network.answer(b"+OK\r\n")
    assert (await calls[1], await calls[3]) == ("OK", "OK")


async def test_nothing_of_a_batch_follows_a_piece_that_may_not_go_out_again(network: Network) -> None:
    core = await connected(network, max_inflight=3)
    batch = object()
    first, other = group(core, 2, batch), put(core, "1")
    second = group(core, 1, batch)
    await turns(1)
    network.answer(READONLY * 2 + b"+OK\r\n")
    await turns()
    for piece, kind in ((first, ReadOnly), (second, NotSent)):
        with pytest.raises(kind) as caught:
            await piece.future
        assert caught.value.outcome == "not_run"
    assert await other == "OK"
    assert network.last.sent == b""


async def test_pieces_of_a_batch_and_other_callers_keep_their_order(network: Network) -> None:
    core = await connected(network, max_inflight=2)
    old, batch = network.last, object()
    calls: list[asyncio.Future[Any]] = []
    for start in (0, 2, 4):
        pieces = [encode("SET", ("SET", "k", str(start + at))) for at in range(2)]
        made = core.submit_group(
            *(INCR, b"".join(pieces), [True] * 2),
            timeout=5.0,
            replay=False,
            batch=batch,
            sizes=[len(piece) for piece in pieces],
            refusable=True,
        )
        calls += [made.future, put(core, str(start + 100))]
    await turns(1)
    assert values(old) == [0, 1]
    old.protocol.data_received(READONLY * 2)
    for _ in range(8):
        await turns()
        network.answer(b"+OK\r\n" * len(core._connection.session.waiting))  # type: ignore[union-attr]  # connected
        network.answer(b"+OK\r\n" * (core._connection.session.extra))  # type: ignore[union-attr]
    assert values(network.last) == [0, 1, 100, 2, 3, 102, 4, 5, 104]
    assert [await call for call in calls] == [["OK"] * 2, "OK"] * 3


async def test_writes_do_not_wait_long_for_the_connection_before(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_ANSWERING", 0.0)
    core = await connected(network)
    old = network.last
    calls = [put(core, str(number)) for number in range(3)]
    await turns(1)
    old.protocol.data_received(READONLY)
    await turns(8)
    assert values(network.last) == [0]
    old.protocol.data_received(READONLY + b"+OK\r\n")
    with pytest.raises(ReadOnly):
        await calls[1]
    assert await calls[2] == "OK"
    network.answer(b"+OK\r\n")
    assert await calls[0] == "OK"


async def test_writes_wait_no_longer_where_no_other_connection_is_made(network: Network) -> None:
    core = await connected(network)
    network.failures.append(ConnectionFailed("refused"))
    call = put(core, "0")
    network.answer(READONLY)
    later = put(core, "1")
    await turns()
    assert values(network.last) == [0, 0, 1]
    network.answer(READONLY + READONLY)
    for each in (call, later):
        with pytest.raises(ReadOnly):
            await each


async def test_the_connection_is_lost_while_another_one_is_made(network: Network) -> None:
    core = await connected(network)
    calls = [put(core, "0")]
    network.answer(READONLY)
    calls.append(put(core, "1"))
    network.last.lose()
    await turns(8)
    assert values(network.last) == [0, 1]
    network.answer(b"+OK\r\n" * 2)
    assert [await call for call in calls] == ["OK"] * 2


async def test_readonly_again_is_told(network: Network) -> None:
    core = await connected(network)
    call = incr(core)
    network.answer(b"-READONLY replica\r\n")
    await turns(8)
    network.answer(b"-READONLY replica\r\n")
    with pytest.raises(ReadOnly):
        await call
    assert network.dials == 2


# Dialling.


@pytest.mark.parametrize(
    "reason", [AuthenticationFailed("no"), ProtocolViolation("no"), ConnectionFailed("no such database")]
)
async def test_what_will_hardly_pass_is_told_at_once_and_not_tried_in_a_circle(
    network: Network, reason: RedisError
) -> None:
    if type(reason) is ConnectionFailed:
        reason.final = True
    network.failures = [reason]
    core = Core(Settings())
    for _ in range(5):
        with pytest.raises(type(reason), match="no") as caught:
            await incr(core)
        assert caught.value.outcome == "not_run"
    assert network.dials == 1


async def test_a_peer_that_hangs_up_at_once_is_not_dialled_in_a_circle(network: Network) -> None:
    core = Core(Settings(reconnect=Reconnect(initial=3600, max=3600)))
    read = get(core)
    await turns()
    network.last.lose()
    await turns(20)
    assert network.dials == 1
    assert not read.done()
    await core.aclose()
    with pytest.raises(OutcomeUnknown):
        await read


async def test_offline_fail(network: Network) -> None:
    network.failures = [ConnectionFailed("refused")]
    core = Core(Settings(offline="fail", reconnect=Reconnect(initial=3600, max=3600)))
    for _ in range(2):
        with pytest.raises(ConnectionFailed, match="refused"):
            await incr(core)
    assert network.dials == 1


async def test_without_reconnect(network: Network) -> None:
    core = await connected(network, reconnect=None)
    network.last.lose()
    await turns()
    for _ in range(2):
        with pytest.raises(NotSent, match="reconnect"):
            await get(core)
    assert network.dials == 1


async def test_a_deadline_passes_while_there_is_no_connection(network: Network) -> None:
    network.failures = [ConnectionFailed("refused")]
    core = Core(Settings(command_timeout=0.005, reconnect=Reconnect(initial=3600, max=3600)))
    with pytest.raises(ConnectionFailed, match=r"within 0\.005 s: refused"):
        await get(core, timeout=0.005)
    assert not core._queue
    await core.aclose()


# Events.


async def test_events(network: Network) -> None:
    told: list[Any] = []

    async def later(reason: Exception) -> None:
        await asyncio.sleep(0)
        told.append(("lost", str(reason)))
        raise RuntimeError("in on_disconnect")

    network.failures = [ConnectionFailed("refused")]
    core = Core(
        Settings(
            reconnect=Reconnect(initial=0.0),
            on_connect=lambda face: told.append(type(face).__name__),
            on_disconnect=later,
            on_error=lambda error: told.append(str(error)),
        )
    )
    call = get(core)
    await turns(8)
    network.answer(b"+A\r\n")
    assert await call == "A"
    network.last.lose()
    await turns()
    assert told == [
        "refused",
        "Bound",
        ("lost", "the connection ended: the server closed it [server localhost:6379]"),
        "in on_disconnect",
    ]
    await core.aclose()


# Time and loops.


async def test_silence(network: Network) -> None:
    core = await connected(network, reconnect=Reconnect(initial=0.0))

    def passes(seconds: float) -> None:
        assert core._connection is not None
        liveness = core._connection.liveness
        liveness.heard -= seconds
        liveness.asked -= seconds
        liveness.pinged -= seconds
        core._watch._expire()

    passes(4.0)
    assert network.last.sent == b""
    passes(1.5)
    assert network.last.sent == encode("PING", ("PING",))
    passes(4.0)
    network.answer(b"-NOPERM no\r\n")
    passes(4.0)
    assert not network.last.closed, "an error proves life, too"
    read, write = get(core, timeout=None), incr(core, timeout=None)
    await turns(1)
    passes(10.5)
    with pytest.raises(OutcomeUnknown, match="read_timeout"):
        await write
    await turns()
    network.answer(b"+A\r\n")
    assert await read == "A", "it goes out again"
    await core.aclose()


async def test_a_socket_that_takes_nothing(network: Network) -> None:
    network.room = 10
    core = await connected(network)
    network.last.drain()
    await turns(1)
    call = incr(core)
    assert core._connection is not None
    blocked = core._connection.liveness.blocked
    assert blocked is not None
    core._connection.liveness.blocked = blocked - 10.5
    network.last.buffered -= 1
    core._watch._expire()
    assert not network.last.closed, "it took a byte"
    core._connection.liveness.blocked -= 10.5
    core._watch._expire()
    assert network.last.closed
    with pytest.raises(OutcomeUnknown, match="write_timeout"):
        await call


def test_a_loop_that_was_stopped_within_a_turn(network: Network) -> None:
    one, two = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        core = one.run_until_complete(connected(network))

        async def leave() -> list[asyncio.Future[Any]]:
            calls = [get(core), get(core)]
            asyncio.get_running_loop().stop()
            return calls

        made = one.create_task(leave())
        one.run_forever()
        assert core._held, "the turn's write is still to come"

        async def elsewhere() -> None:
            with pytest.raises(WrongLoop):
                get(core)

        two.run_until_complete(elsewhere())

        async def back() -> None:
            await turns(1)
            network.answer(b"+A\r\n+B\r\n")
            assert await asyncio.gather(*made.result()) == ["A", "B"]
            await core.aclose()

        one.run_until_complete(back())
    finally:
        one.close()
        two.close()
