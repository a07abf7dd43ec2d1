"""A server that is gone for a while: who waits for it and how long, and how it is dialled meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any

from redpoll import NotSent, OutcomeUnknown, Redis
from redpoll.reconnect import Reconnect
from redpoll.testing import EmbeddedServer
from tests.fault.expect import PROMPT, failure, lost_or_late, results, turns, within
from tests.fault.fake_server import MAX_CLIENTS, Close, FakeServer, Times
from tests.fault.proxy import FaultProxy

QUICK = Reconnect(initial=0.01, max=0.05)


def client(at: Any, **options: Any) -> Redis:
    return Redis(at.host, at.port, **options)


async def test_waits_for_the_server_within_the_deadline(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with client(proxy, reconnect=QUICK) as r:
        await r.incr("n")
        proxy.refuse()
        proxy.cut()
        await results([r.using(timeout=0.05).get("n")])
        waiting = asyncio.gather(*(r.incr("n") for _ in range(20)), r.get("n"))
        await turns()
        proxy.accept()
        assert await within(waiting) == [*range(2, 22), "21"]
        assert proxy.to_server.passed(b"INCR") == 21


async def test_the_deadline_passes_while_the_server_is_down(proxy: FaultProxy) -> None:
    async with client(proxy, reconnect=QUICK, command_timeout=0.2) as r:
        await r.ping()
        proxy.refuse()
        proxy.cut()
        await results([r.get("n")])
        begin = time.monotonic()
        for error in await results([r.incr("n") for _ in range(20)]):
            lost_or_late(error, "not_run")
        assert time.monotonic() - begin < 0.2 + PROMPT
    assert proxy.to_server.arrived(b"INCR") == 0


async def test_offline_fail(proxy: FaultProxy) -> None:
    async with client(proxy, reconnect=Reconnect(initial=5, max=5), offline="fail") as r:
        await r.ping()
        proxy.refuse()
        proxy.cut()
        await results([r.get("n")])
        begin = time.monotonic()
        lost_or_late((await results([r.incr("n")]))[0], "not_run")
        assert time.monotonic() - begin < 1


async def test_dials_are_spaced_and_one_at_a_time(proxy: FaultProxy) -> None:
    proxy.apply(lambda link: link.cut("rst"), "all")
    async with client(proxy, reconnect=Reconnect(initial=0.05, max=0.2), command_timeout=1) as r:
        got = await results([r.incr("n") for _ in range(100)])
        assert all(error.outcome == "not_run" for error in got)
        assert 3 <= proxy.connections() <= 40


async def test_many_clients_come_back_spread_over_time(valkey: EmbeddedServer) -> None:
    """They all lose a server at once: as it comes back it is not dialled by all of them at once."""
    with FaultProxy(valkey.host, valkey.port) as proxy:
        failed: Counter[int] = Counter()
        clients = [
            Redis(proxy.host, proxy.port, command_timeout=20, on_error=lambda _, n=number: failed.update([n]))
            for number in range(60)
        ]
        try:
            await results((r.incr("n") for r in clients), 20)
            proxy.refuse()
            proxy.cut()
            waiting = asyncio.gather(*(r.get("n") for r in clients))
            await asyncio.sleep(0.5)
            assert max(failed.values()) < 20, "each of them waits longer and longer"
            proxy.accept()
            assert await within(waiting, 20) == ["60"] * 60
            assert proxy.connections() == 120
        finally:
            await asyncio.gather(*(r.aclose() for r in clients))


def test_dials_of_a_thousand_clients_are_spread() -> None:
    """From when the delays have grown, the busiest tenth of a second has three times the mean at most."""
    moments: list[float] = []
    for seed in range(1000):
        random.seed(seed)
        policy, now, attempt = Reconnect(), 0.0, 0
        while now < 10:
            attempt += 1
            now += policy.delay(attempt) or 0.0
            moments.append(now)
    random.seed()
    windows = Counter(int(moment * 10) for moment in moments if 2 <= moment < 10)
    assert max(windows.values()) <= 3 * sum(windows.values()) / 80


async def test_reconnect_false(proxy: FaultProxy) -> None:
    lost = asyncio.Event()
    async with client(proxy, reconnect=False, on_disconnect=lambda _reason: lost.set()) as r:
        await r.ping()
        proxy.cut()
        await lost.wait()
        await failure(r.incr("n"), NotSent, "not_run")
        assert proxy.connections() == 1


async def test_full_for_a_while() -> None:
    with FakeServer(greeting=[Times(3, [MAX_CLIENTS, Close("rst")], [])]) as server:
        async with client(server, reconnect=QUICK) as r:
            assert await results([r.incr("n"), r.incr("n")]) == [1, 2]
            assert server.connections() == 4


async def test_cut_within_the_handshake(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    proxy.to_client.cut_after(5, which="next")
    async with client(proxy, reconnect=QUICK) as r:
        assert await results([r.incr("n"), r.get("n"), r.incr("n")]) == [1, "1", 2]
        assert proxy.connections() == 2
        assert proxy.to_server.arrived(b"INCR") == 2


async def test_a_read_waits_for_the_server(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    valkey.call("SET", "k", "v")
    async with client(proxy, reconnect=QUICK) as r:
        await r.ping()
        proxy.to_client.hold()
        reading, writing = asyncio.ensure_future(r.get("k")), asyncio.ensure_future(r.incr("n"))
        await proxy.to_server.wait_passed(b"INCR")
        proxy.refuse()
        proxy.cut()
        await failure(writing, OutcomeUnknown, "unknown")
        proxy.accept()
        assert await within(reading) == "v"


async def test_on_connect_comes_before_what_waits(proxy: FaultProxy) -> None:
    seen: list[str] = []

    async def on_connect(connection: Any) -> None:
        seen.append(await connection.echo("hook"))

    async with client(proxy, on_connect=on_connect, reconnect=QUICK) as r:
        assert await results([r.incr("n"), r.echo("call")]) == [1, "call"]
        sent = proxy.to_server.passed_record()
        assert sent.index(b"hook") < sent.index(b"INCR")
        proxy.cut()
        await proxy.wait_closed()
        assert await results([r.echo("again")]) == ["again"]
        assert seen == ["hook", "hook"]
