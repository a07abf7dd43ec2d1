"""Scenarios 11, 16, 17, 24, 26, 30, 31, 34 and 35 with the options that decide them; on_connect."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from redpoll import (
    CommandTimeout,
    ConnectionFailed,
    ConnectionLost,
    NotSent,
    OutcomeUnknown,
    Overloaded,
    Redis,
    ServerError,
)
from redpoll.reconnect import Reconnect
from redpoll.testing import EmbeddedServer
from tests.fault.expect import checked, failure, results, turns, within
from tests.fault.fake_server import LOADING, MAX_CLIENTS, Close, FakeServer, Times
from tests.fault.proxy import FaultProxy

QUICK = Reconnect(initial=0.01, max=0.05)


def client(at: Any, **options: Any) -> Redis:
    return Redis(at.host, at.port, **options)


# 11, 17, 24: the reconnect policy.


async def test_s11_waits_for_the_server_within_the_deadline(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
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


async def test_s11_the_deadline_passes_while_the_server_is_down(proxy: FaultProxy) -> None:
    async with client(proxy, reconnect=QUICK, command_timeout=0.2) as r:
        await r.ping()
        proxy.refuse()
        proxy.cut()
        await results([r.get("n")])
        for error in await results([r.incr("n") for _ in range(20)]):
            assert isinstance(error, CommandTimeout | ConnectionFailed | NotSent)
            assert error.outcome == "not_run"


async def test_s11_offline_fail(proxy: FaultProxy) -> None:
    async with client(proxy, reconnect=Reconnect(initial=5, max=5), offline="fail") as r:
        await r.ping()
        proxy.refuse()
        proxy.cut()
        await results([r.get("n")])
        begin = time.monotonic()
        (error,) = await results([r.incr("n")])
        assert isinstance(error, ConnectionLost | ConnectionFailed)
        assert error.outcome == "not_run"
        assert time.monotonic() - begin < 1


async def test_s11_dials_are_spaced_and_one_at_a_time(proxy: FaultProxy) -> None:
    proxy.apply(lambda link: link.cut("rst"), "all")
    async with client(proxy, reconnect=Reconnect(initial=0.05, max=0.2), command_timeout=1) as r:
        got = await results([r.incr("n") for _ in range(100)])
        assert all(error.outcome == "not_run" for error in got)
        assert 3 <= proxy.connections() <= 40


async def test_s11_reconnect_false(proxy: FaultProxy) -> None:
    lost = asyncio.Event()
    async with client(proxy, reconnect=False, on_disconnect=lambda _reason: lost.set()) as r:
        await r.ping()
        proxy.cut()
        await lost.wait()
        await failure(r.incr("n"), NotSent, "not_run")
        assert proxy.connections() == 1


async def test_s17_full_for_a_while() -> None:
    with FakeServer(greeting=[Times(3, [MAX_CLIENTS, Close("rst")], [])]) as server:
        async with client(server, reconnect=QUICK) as r:
            assert await results([r.incr("n"), r.incr("n")]) == [1, 2]
            assert server.connections() == 4


async def test_s24_cut_within_the_handshake(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    proxy.to_client.cut_after(5, which="next")
    async with client(proxy, reconnect=QUICK) as r:
        assert await results([r.incr("n"), r.get("n"), r.incr("n")]) == [1, "1", 2]
        assert proxy.connections() == 2
        assert proxy.to_server.arrived(b"INCR") == 2


async def test_s26_a_read_waits_for_the_server(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
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


# 29 to 31, 34: liveness.


async def test_s31_read_timeout_closes(valkey: EmbeddedServer) -> None:
    with FaultProxy(valkey.host, valkey.port) as proxy:
        async with client(proxy, read_timeout=0.3, health_check=0.1, command_timeout=30, reconnect=QUICK) as r:
            await r.ping()
            valkey.pause()
            waiting = asyncio.gather(r.incr("n"), r.get("n"), return_exceptions=True)
            await proxy.wait_closed()
            valkey.resume()
            write, read = await within(waiting)
            checked(write, OutcomeUnknown, "unknown")
            assert read in {None, "1"}, "asked again on the next connection"


async def test_s30_an_idle_connection_is_checked(proxy: FaultProxy) -> None:
    async with client(proxy, read_timeout=0.3, health_check=0.1) as r:
        await r.ping()
        pings = proxy.to_server.passed(b"PING")
        await proxy.to_server.wait_passed(b"PING", pings + 3)
        assert proxy.connections() == 1, "a peer that answers is alive"
        proxy.to_client.hold()
        await proxy.wait_closed()


async def test_s30_an_error_to_ping_proves_life() -> None:
    with FakeServer(answers={"PING": [b"-NOPERM no permissions to run the 'ping' command\r\n"]}) as server:
        async with client(server, read_timeout=0.3, health_check=0.05) as r:
            await r.incr("n")
            await server.wait_received("PING", 15)
            assert await r.incr("n") == 2
            assert server.connections() == 1


async def test_s31_a_slow_but_living_server_is_not_closed(proxy: FaultProxy) -> None:
    async with client(proxy, read_timeout=0.3, health_check=0.05, command_timeout=30) as r:
        await r.set("k", "x" * 2000)
        proxy.to_client.drip(20, 0.01)  # takes a second, each byte of it proves life
        assert await within(r.get("k")) == "x" * 2000
        assert proxy.connections() == 1


async def test_s34_a_peer_that_never_reads(valkey: EmbeddedServer) -> None:
    with FaultProxy(valkey.host, valkey.port, receive_buffer=4096) as proxy:
        async with client(proxy, write_timeout=0.3, command_timeout=30) as r:
            await r.ping()
            proxy.to_server.stop_reading()
            large = asyncio.ensure_future(r.set("large", b"x" * (32 << 20)))
            await turns()
            behind = asyncio.ensure_future(r.incr("n"))
            await failure(large, OutcomeUnknown, "unknown")
            assert await within(behind) == 1


# 35: bounds.


async def test_s35_calls_while_down(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with client(proxy, reconnect=QUICK, max_queue=1000, overflow="fail", command_timeout=30) as r:
        await r.ping()
        proxy.refuse()
        proxy.cut()
        await results([r.using(timeout=0.05).get("n")])
        calls = [asyncio.ensure_future(r.incr("n")) for _ in range(100_000)]
        begin = time.thread_time()
        await turns(3)
        refused = [call for call in calls if call.done()]
        assert len(refused) == 99_000
        assert time.thread_time() - begin < 99_000 * 0.001
        for call in refused[::1000]:
            checked(call.exception(), Overloaded, "not_run")
        for call in refused:
            call.exception()
        proxy.accept()
        assert await within(asyncio.gather(*calls[:1000])) == [*range(1, 1001)]
        assert valkey.call("GET", "n") == "1000"


async def test_s35_disconnected_and_full_never_waits(proxy: FaultProxy) -> None:
    async with client(proxy, reconnect=QUICK, max_queue=10, overflow="wait") as r:
        await r.ping()
        proxy.refuse()
        proxy.cut()
        await results([r.using(timeout=0.05).get("n")])
        calls = [asyncio.ensure_future(r.incr("n")) for _ in range(20)]
        await turns(3)
        assert [call.done() for call in calls] == [False] * 10 + [True] * 10
        for call in calls[10:]:
            checked(call.exception(), Overloaded, "not_run")
        proxy.accept()
        await within(asyncio.gather(*calls[:10]))


async def test_s35_connected_and_full_waits_in_order(proxy: FaultProxy) -> None:
    async with client(proxy, max_inflight=5, max_queue=10, overflow="wait") as r:
        await r.ping()
        proxy.to_client.hold()
        calls = [asyncio.ensure_future(r.incr("n")) for _ in range(100)]
        await proxy.to_server.wait_passed(b"INCR", 5)
        await turns()
        assert proxy.to_server.passed(b"INCR") == 5, "the window is full"
        proxy.to_client.release()
        assert await within(asyncio.gather(*calls)) == [*range(1, 101)]


# 16: refusals that precede execution.


@pytest.mark.parametrize("refusal", [LOADING, b"-BUSY script\r\n", b"-MASTERDOWN link\r\n", b"-TRYAGAIN later\r\n"])
async def test_s16_a_refusal_is_retried(refusal: bytes) -> None:
    with FakeServer(answers={"INCR": [Times(3, [refusal])]}) as server:
        async with client(server) as r:
            assert await within(r.incr("n")) == 1
            assert server.count("INCR") == 4
            assert server.count_applied("INCR") == 1


async def test_s16_until_the_deadline() -> None:
    with FakeServer(answers={"INCR": [LOADING]}) as server:
        async with client(server, command_timeout=0.3) as r:
            error = await failure(r.incr("n"), ServerError, "not_run")
            assert error.code == "LOADING"
            assert 2 <= server.count("INCR") <= 100


async def test_s16_not_for_scripts() -> None:
    with FakeServer(answers={"EVAL": [LOADING]}) as server:
        async with client(server) as r:
            await results([r.eval("return 1", [])])
            assert server.count("EVAL") == 1


# on_connect.


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
