"""Peers that fall silent or read no more, and bounds on what waits for them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from redpoll import CommandTimeout, NotSent, OutcomeUnknown, Overloaded, ProtocolViolation, Redis
from redpoll.reconnect import Reconnect
from redpoll.testing import EmbeddedServer
from tests.fault.expect import PROMPT, checked, failure, resident, results, turns, within
from tests.fault.fake_server import FakeServer
from tests.fault.proxy import FaultProxy

QUICK = Reconnect(initial=0.01, max=0.05)


def client(at: Any, **options: Any) -> Redis:
    return Redis(at.host, at.port, **options)


# Liveness.


async def test_read_timeout_closes(valkey: EmbeddedServer) -> None:
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


async def test_an_idle_connection_is_checked(proxy: FaultProxy) -> None:
    async with client(proxy, read_timeout=0.3, health_check=0.1) as r:
        await r.ping()
        pings = proxy.to_server.passed(b"PING")
        await proxy.to_server.wait_passed(b"PING", pings + 3)
        assert proxy.connections() == 1, "a peer that answers is alive"
        proxy.to_client.hold()
        await proxy.wait_closed()


async def test_an_error_to_ping_proves_life() -> None:
    with FakeServer(answers={"PING": [b"-NOPERM no permissions to run the 'ping' command\r\n"]}) as server:
        async with client(server, read_timeout=0.3, health_check=0.05) as r:
            await r.incr("n")
            await server.wait_received("PING", 15)
            assert await r.incr("n") == 2
            assert server.connections() == 1


async def test_a_slow_but_living_server_is_not_closed(proxy: FaultProxy) -> None:
    async with client(proxy, read_timeout=0.3, health_check=0.05, command_timeout=30) as r:
        await r.set("k", "x" * 2000)
        proxy.to_client.drip(20, 0.01)  # takes a second, each byte of it proves life
        assert await within(r.get("k")) == "x" * 2000
        assert proxy.connections() == 1


async def test_a_peer_that_never_reads(valkey: EmbeddedServer) -> None:
    with FaultProxy(valkey.host, valkey.port, receive_buffer=4096) as proxy:
        async with client(proxy, write_timeout=0.3, command_timeout=30) as r:
            await r.ping()
            proxy.to_server.stop_reading()
            large = asyncio.ensure_future(r.set("large", b"x" * (32 << 20)))
            await turns()
            behind = asyncio.ensure_future(r.incr("n"))
            await failure(large, OutcomeUnknown, "unknown")
            assert await within(behind) == 1


# Bounds.


async def test_many_callers_of_a_peer_that_never_reads(valkey: EmbeddedServer) -> None:
    """What does not get through is held in bounds: the rest is refused at once, or told when its time is up."""
    with FaultProxy(valkey.host, valkey.port, receive_buffer=4096) as proxy:
        options: Any = {"max_queue_bytes": 4 << 20, "overflow": "fail", "write_timeout": 30, "read_timeout": 30}
        async with client(proxy, command_timeout=1, **options) as r:
            await r.ping()
            proxy.to_server.stop_reading()
            value = b"x" * (256 << 10)  # one for all, as the tracebacks of their errors keep it
            begin, before = time.monotonic(), resident()
            calls: list[asyncio.Future[Any]] = []
            for number in range(1000):
                calls.append(asyncio.ensure_future(r.set(f"k{number}", value)))
                await turns(2)
            assert resident() - before < 64 << 20, "of the 250 MiB that were asked for"
            got = await results(calls, 1 + PROMPT)
            told = [(type(error), error.outcome) for error in got]
            assert set(told) == {(Overloaded, "not_run"), (CommandTimeout, "not_run"), (CommandTimeout, "unknown")}
            assert told.count((CommandTimeout, "not_run")) <= 16, "the queue"
            assert told.count((Overloaded, "not_run")) > 900
            assert time.monotonic() - begin >= 1
            proxy.to_server.read_again()
            assert await within(r.using(timeout=30).incr("n")) == 1
            kept = [f"k{number}" for number, each in enumerate(told) if each[1] == "unknown"]
            assert valkey.call("DBSIZE") <= len(kept) + 1, "what is not_run never ran"


@pytest.mark.parametrize("dedicated", [False, True])
async def test_a_huge_reply(valkey: EmbeddedServer, dedicated: bool) -> None:
    """It is refused as it is announced, on whatever connection, and neither read to its end nor asked for again."""
    async with client(valkey, reconnect=QUICK, max_reply_bytes=1 << 20) as r:
        await r.set("huge", b"x")
        await r.setrange("huge", 256 << 20, b"x")
        before = resident()
        if dedicated:
            async with r.dedicated() as c:
                await failure(c.get("huge"), ProtocolViolation, "unknown", PROMPT)
                await failure(c.get("k"), NotSent, "not_run")
        else:
            huge, beside = await results([r.get("huge"), r.echo("x")], PROMPT)
            assert checked(huge, ProtocolViolation, "unknown").command == "GET"
            checked(beside, ProtocolViolation, "unknown")
        assert resident() - before < 16 << 20
        assert await within(r.echo("x"), PROMPT) == "x"
        assert "cmdstat_get:calls=1," in valkey.call("INFO", "commandstats")


async def test_calls_while_down(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
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


async def test_disconnected_and_full_never_waits(proxy: FaultProxy) -> None:
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


async def test_connected_and_full_waits_in_order(proxy: FaultProxy) -> None:
    async with client(proxy, max_inflight=5, max_queue=10, overflow="wait") as r:
        await r.ping()
        proxy.to_client.hold()
        calls = [asyncio.ensure_future(r.incr("n")) for _ in range(100)]
        await proxy.to_server.wait_passed(b"INCR", 5)
        await turns()
        assert proxy.to_server.passed(b"INCR") == 5, "the window is full"
        proxy.to_client.release()
        assert await within(asyncio.gather(*calls)) == [*range(1, 101)]
