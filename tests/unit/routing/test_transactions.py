"""Where transactions may be written, and what their replies say of the connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from redpoll.commands.table import FACTS
from redpoll.errors import NotSent, OutcomeUnknown, ProtocolViolation, TransactionBroken
from redpoll.protocol.calls import Group
from redpoll.protocol.encode import encode
from redpoll.routing import shared
from redpoll.routing.bound import Bound
from redpoll.routing.standalone import Core
from redpoll.spec import Spec
from tests.unit.routing.test_bound import PROVED, Setup
from tests.unit.routing.test_standalone import Network, connected, get, incr, turns

MULTI: Spec[Any] = Spec("MULTI")
PROBE = b"".join(encode(word, (word,)) for word in ("MULTI", "DISCARD", "MULTI", "EXEC"))
WIRE = b"".join(encode(words[0], words) for words in (("MULTI",), ("INCR", "n"), ("EXEC",)))
RAN = b"+OK\r\n+QUEUED\r\n*1\r\n:1\r\n"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    made = Network()
    monkeypatch.setattr(shared, "connect", made.connect)
    return made


def transaction(link: Core | Bound, timeout: float | None = 5.0) -> Group:
    return link.submit_group(MULTI, WIRE, [True, True, False], timeout=timeout, replay=False, batch=None, atomic=True)


async def proved(network: Network, **options: Any) -> Core:
    core = await connected(network, **options)
    made = transaction(core)
    network.answer(PROVED)
    network.answer(RAN)
    assert await made.future == ["OK", "QUEUED", [1]]
    network.last.writes.clear()
    return core


async def test_the_first_transaction_waits_for_the_probe_and_all_behind_it(network: Network) -> None:
    core = await connected(network)
    before, made, behind = get(core), transaction(core), incr(core)
    await turns()
    assert network.last.sent == encode("GET", ("GET", "k")) + PROBE
    late = get(core)
    await turns()
    network.answer(b"+A\r\n" + PROVED[:-4])
    await turns()
    assert network.last.sent.endswith(PROBE), "not before EXEC is answered, too"
    network.last.writes.clear()
    network.answer(PROVED[-4:])
    await turns()
    assert network.last.sent == WIRE + encode("INCR", ("INCR", "n")) + encode("GET", ("GET", "k"))
    network.answer(RAN + b":2\r\n+A\r\n")
    assert await asyncio.gather(before, made.future, behind, late) == ["A", ["OK", "QUEUED", [1]], 2, "A"]


async def test_a_proved_connection_is_not_asked_again(network: Network) -> None:
    core = await proved(network)
    first, second = transaction(core), transaction(core)
    await turns()
    assert network.last.sent == WIRE * 2
    assert network.last.writes[0] == WIRE, "in one write"
    network.answer(RAN * 2)
    assert await first.future == await second.future == ["OK", "QUEUED", [1]]


async def test_the_next_connection_is_asked_anew(network: Network) -> None:
    core = await proved(network, reconnect_on_error=())
    given = transaction(core)
    network.last.lose()
    waiting = transaction(core)
    await turns()
    assert network.dials == 2
    assert network.last.sent == PROBE
    network.answer(PROVED)
    network.answer(RAN)
    assert await waiting.future == ["OK", "QUEUED", [1]]
    with pytest.raises(OutcomeUnknown):
        await given.future
    assert network.last.sent.count(WIRE) == 1


async def test_lost_while_it_is_asked(network: Network) -> None:
    core = await connected(network)
    made = transaction(core)
    network.last.lose()
    await turns()
    assert network.last.sent == PROBE
    network.answer(PROVED)
    network.answer(RAN)
    assert await made.future == ["OK", "QUEUED", [1]], "none of it had been sent"


@pytest.mark.parametrize(
    "replies",
    [
        b"-NOPERM no multi\r\n-ERR DISCARD without MULTI\r\n-NOPERM no multi\r\n-ERR EXEC without MULTI\r\n",
        b"+OK\r\n+OK\r\n+OK\r\n-EXECABORT Transaction discarded because of: NOPERM no exec\r\n",
    ],
)
async def test_where_it_does_not_work_nothing_is_sent(network: Network, replies: bytes) -> None:
    core = await connected(network)
    made, other, behind = transaction(core), transaction(core), incr(core)
    await turns()
    network.answer(replies)
    for each in (made, other):
        with pytest.raises(TransactionBroken, match=r"NOPERM no (multi|exec)") as error:
            await each.future
        assert error.value.outcome == "not_run"
    network.answer(b":1\r\n")
    assert await behind == 1
    assert network.last.sent == PROBE + encode("INCR", ("INCR", "n"))
    network.last.writes.clear()
    again = transaction(core)
    await turns()
    assert network.last.sent == PROBE, "the user's rights may be others by now"
    network.answer(PROVED)
    network.answer(RAN)
    assert await again.future == ["OK", "QUEUED", [1]]


async def test_a_connection_that_the_probe_leaves_within_multi_is_closed(network: Network) -> None:
    core = await connected(network)
    made, behind = transaction(core), incr(core)
    first = network.last
    await turns()
    network.answer(b"+OK\r\n+OK\r\n+OK\r\n-ERR unknown command 'EXEC'\r\n")
    with pytest.raises(TransactionBroken, match="EXEC does not work"):
        await made.future
    await turns()
    assert first.closed
    assert first.sent == PROBE
    network.answer(b":1\r\n")
    assert await behind == 1, "on the next connection"


async def test_a_transaction_that_stays_open_breaks_the_connection(network: Network) -> None:
    core = await proved(network)
    made, behind = transaction(core), incr(core)
    await turns()
    network.answer(b"+OK\r\n+QUEUED\r\n-ERR unknown command 'EXEC'\r\n+QUEUED\r\n")
    for future in (made.future, behind):
        with pytest.raises(ProtocolViolation, match="EXEC was refused") as error:
            await future
        assert error.value.outcome == "unknown"


@pytest.mark.parametrize("cancel", [False, True])
async def test_a_refused_multi_takes_the_proof_back(network: Network, cancel: bool) -> None:
    core = await proved(network)
    made = transaction(core)
    if cancel:
        made.future.cancel()
    network.answer(b"-NOPERM no\r\n:1\r\n-ERR EXEC without MULTI\r\n")
    if not cancel:
        assert [str(reply) for reply in await made.future] == ["NOPERM no", "1", "ERR EXEC without MULTI"]
    network.last.writes.clear()
    transaction(core).future.cancel()
    probed = transaction(core)
    await turns()
    assert network.last.sent == PROBE
    probed.future.cancel()


async def test_a_refusal_is_told_and_may_mean_another_server(network: Network) -> None:
    core = await proved(network)
    made = transaction(core)
    network.answer(b"+OK\r\n-READONLY no\r\n-EXECABORT discarded\r\n")
    assert [str(reply) for reply in await made.future] == ["OK", "READONLY no", "EXECABORT discarded"]
    await turns()
    assert network.dials == 2
    made = transaction(core)
    await turns()
    assert network.last.sent == PROBE
    network.answer(PROVED)
    network.answer(RAN)
    assert await made.future == ["OK", "QUEUED", [1]]


async def test_what_a_connection_says_that_was_replaced_does_not_matter(network: Network) -> None:
    core = await connected(network)
    refused, made = incr(core), transaction(core)
    first = network.last
    await turns()
    assert first.sent == encode("INCR", ("INCR", "n")) + PROBE
    first.protocol.data_received(b"-READONLY no\r\n")
    await turns()
    assert network.dials == 2
    first.protocol.data_received(b"-NOPERM no\r\n" * 4)
    await turns()
    await asyncio.sleep(0)
    assert network.last.sent == encode("INCR", ("INCR", "n")) + PROBE
    network.answer(b":1\r\n" + PROVED)
    network.answer(RAN)
    assert (await refused, (await made.future)[-1]) == (1, [1])


async def test_cancelled_or_late_before_the_proof_it_is_never_sent(network: Network) -> None:
    core = await connected(network)
    made = transaction(core)
    made.future.cancel()
    network.answer(PROVED)
    await turns()
    assert network.last.sent == PROBE
    call = incr(core)
    network.answer(b":1\r\n")
    assert await call == 1


async def test_a_closed_client(network: Network) -> None:
    core = await connected(network)
    made = transaction(core)
    await asyncio.gather(core.aclose(), return_exceptions=True)
    with pytest.raises(NotSent):
        await made.future


# A connection of one's own.


async def test_a_watch_is_asked_for_before_it_as_the_probe_would_end_it() -> None:
    s = Setup()
    watch, other = s.run("WATCH", "k"), s.run("WATCH", "l")
    assert s.sent() == [PROBE]
    await turns()
    assert s.sent() == []
    s.answer(PROVED)
    assert s.sent() == [encode("WATCH", ("WATCH", "k")) + encode("WATCH", ("WATCH", "l"))]
    made = transaction(s.bound)
    s.answer(b"+OK\r\n+OK\r\n")
    assert [await watch, await other] == ["OK", "OK"]
    await turns()
    assert s.sent() == [WIRE]
    s.answer(b"+OK\r\n+QUEUED\r\n*-1\r\n")
    assert (await made.future)[-1] is None
    s.watch.stop()


async def test_another_user_is_asked_anew() -> None:
    s = Setup()
    made = transaction(s.bound)
    s.answer(PROVED)
    s.answer(RAN)
    await made.future
    auth = s.run("AUTH", "user", "secret")
    s.answer(b"+OK\r\n")
    await auth
    s.sent()
    made = transaction(s.bound)
    assert s.sent() == [PROBE]
    s.answer(PROVED)
    s.answer(RAN)
    assert await made.future == ["OK", "QUEUED", [1]]
    s.watch.stop()


async def test_a_watch_is_not_lost_to_a_probe() -> None:
    s = Setup()
    calls = [s.run("WATCH", "k")]
    s.answer(PROVED)
    await turns()
    s.answer(b"+OK\r\n")
    await turns()
    calls.append(s.run("AUTH", "user", "secret"))
    s.answer(b"+OK\r\n")
    assert [await call for call in calls] == ["OK", "OK"]
    s.sent()
    with pytest.raises(TransactionBroken, match="WATCH"):
        await transaction(s.bound).future
    reset = s.run("RESET")
    s.answer(b"+RESET\r\n")
    await reset
    s.sent()
    made = transaction(s.bound)
    assert s.sent() == [PROBE], "RESET has ended it"
    made.future.cancel()
    s.watch.stop()


def test_whatever_changes_the_user_is_known() -> None:
    assert all(FACTS[name].dedicated for name in ("AUTH", "HELLO", "RESET", "WATCH"))
