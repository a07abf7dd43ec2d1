"""Connections that are lost or late while commands are on their way."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time

import pytest

from redpoll import CommandTimeout, ConnectionFailed, ConnectionLost, NotSent, OutcomeUnknown, Redis
from redpoll.testing import EmbeddedServer
from tests.fault.expect import PROMPT, checked, failure, results, turns, within
from tests.fault.fake_server import Close, FakeServer, Gate, On, Own
from tests.fault.proxy import FaultProxy, How

MIB = 1 << 20


async def test_cut_while_queued(valkey: EmbeddedServer) -> None:
    """What stands behind a large value that does not get through has not been sent: it runs on the next connection."""
    with FaultProxy(valkey.host, valkey.port, receive_buffer=4096) as proxy:
        async with Redis(proxy.host, proxy.port) as r:
            await r.ping()
            proxy.to_server.stop_reading()
            large = asyncio.create_task(r.set("large", b"x" * (32 * MIB)))
            queued = asyncio.gather(*(r.incr("n") for _ in range(10)))
            await turns()
            proxy.cut()
            await failure(large, OutcomeUnknown, "unknown")
            assert await within(queued) == [*range(1, 11)], "once each, in their order"
            assert valkey.call("EXISTS", "large") == 0
            assert proxy.to_server.passed(b"INCR") == 10


async def test_cut_while_queued_and_nobody_there_after(valkey: EmbeddedServer) -> None:
    with FaultProxy(valkey.host, valkey.port, receive_buffer=4096) as proxy:
        async with Redis(proxy.host, proxy.port, command_timeout=1) as r:
            await r.ping()
            proxy.to_server.stop_reading()
            large = asyncio.create_task(r.set("large", b"x" * (32 * MIB)))
            queued = [asyncio.ensure_future(r.incr("n")) for _ in range(10)]
            await turns()
            proxy.refuse()
            proxy.cut()
            await failure(large, OutcomeUnknown, "unknown")
            for error in await results(queued):
                assert isinstance(error, ConnectionFailed | NotSent | CommandTimeout)
                assert error.outcome == "not_run"
            assert valkey.call("EXISTS", "n") == 0


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_incr_cut_after_send_and_run(proxy: FaultProxy, valkey: EmbeddedServer, how: How) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        proxy.to_client.cut_after(0, how=how)  # its reply is the sign that it has run
        error = await failure(r.incr("n"), OutcomeUnknown, "unknown", PROMPT)
        assert (error.command, error.attempt, error.address) == ("INCR", 1, f"{proxy.host}:{proxy.port}")
        assert valkey.call("GET", "n") == "1"
        assert await within(r.incr("n")) == 2
        assert proxy.to_server.passed(b"INCR") == 2


@pytest.mark.parametrize("passed", [0, 1, 20])
async def test_incr_cut_after_send_and_not_run(proxy: FaultProxy, valkey: EmbeddedServer, passed: int) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        proxy.to_server.cut_after(passed)
        await failure(r.incr("n"), OutcomeUnknown, "unknown", PROMPT)
        assert valkey.call("EXISTS", "n") == 0
        assert await within(r.incr("n"), PROMPT) == 1
        assert proxy.to_server.arrived(b"INCR") == 2


async def test_many_and_some_answered(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        proxy.to_client.hold()
        proxy.to_client.cut_after(4 * len(b":1\r\n") + 2)
        before = proxy.to_client.arrived_bytes()
        calls = asyncio.gather(*(r.incr("n") for _ in range(9)), return_exceptions=True)
        await proxy.to_client.wait_bytes(before + 9 * len(b":1\r\n"))  # all have run
        proxy.to_client.release()
        got = await within(calls)
        assert got[:4] == [1, 2, 3, 4]
        for error in got[4:]:
            checked(error, OutcomeUnknown, "unknown")
        assert valkey.call("GET", "n") == "9"


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_get_cut_after_send(proxy: FaultProxy, valkey: EmbeddedServer, how: How) -> None:
    valkey.call("SET", "k", "v")
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        proxy.to_client.hold()
        calls = asyncio.gather(r.get("k"), r.echo("x"), r.get("none"))
        await proxy.to_server.wait_passed(b"none")
        proxy.cut(how)
        assert await within(calls, PROMPT) == ["v", "x", None]
        assert proxy.connections() == 2
        assert proxy.to_server.passed(b"ECHO") == 2


async def test_a_write_of_which_the_caller_says_so(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        proxy.to_client.hold()
        before = proxy.to_client.arrived_bytes()
        calls = asyncio.gather(
            r.using(retry=True).rpush("l", "a"), r.rpush("l", "b"), r.get("k"), return_exceptions=True
        )
        await proxy.to_client.wait_bytes(before + len(b":1\r\n:2\r\n_\r\n"))  # all have run
        proxy.cut()
        got = await within(calls)
        assert got[0] == 3, "it ran twice, as its caller allowed"
        checked(got[1], OutcomeUnknown, "unknown")
        assert got[2] is None
        assert valkey.call("LRANGE", "l", 0, -1) == ["a", "b", "a"]


async def test_cut_within_a_large_set(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with Redis(proxy.host, proxy.port, command_timeout=30) as r:
        await r.ping()
        proxy.to_server.cut_after(20 * MIB)
        large = asyncio.ensure_future(r.set("large", b"x" * (50 * MIB)))
        await failure(large, OutcomeUnknown, "unknown", seconds=30)
        assert valkey.call("EXISTS", "large") == 0
        assert await within(r.incr("n")) == 1
        assert proxy.connections() == 2


class Load:
    """Tasks that count and ask for nonces for ever, and what came of it."""

    def __init__(self, r: Redis) -> None:
        self.r = r
        self.ok = self.unknown = self.not_run = self.echoes = 0
        self.stop = False

    async def work(self, number: int) -> None:
        for turn in itertools.count():
            if self.stop:
                return
            try:
                nonce = f"{number}:{turn}"
                assert await self.r.echo(nonce) == nonce
                self.echoes += 1
            except (ConnectionLost, ConnectionFailed):
                pass
            try:
                await self.r.incr("n")
                self.ok += 1
            except (ConnectionLost, ConnectionFailed) as error:
                self.unknown += error.outcome == "unknown"
                self.not_run += error.outcome == "not_run"

    def check(self, counted: int) -> None:
        assert self.ok <= counted <= self.ok + self.unknown, vars(self)


async def test_cut_again_and_again(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    tasks = set(asyncio.all_tasks())
    async with Redis(proxy.host, proxy.port) as r:
        load = Load(r)
        workers = [asyncio.create_task(load.work(number)) for number in range(10)]
        for cut in range(40):
            before = load.ok
            proxy.cut("rst" if cut % 2 else "fin")
            await asyncio.sleep(0.05)
            async with asyncio.timeout(10):
                while load.ok == before:  # noqa: ASYNC110  # progress after each cut
                    await asyncio.sleep(0.005)
        load.stop = True
        await within(asyncio.gather(*workers))
        load.check(int(valkey.call("GET", "n")))
        assert proxy.open_connections() == 1
    await proxy.wait_closed()
    assert asyncio.all_tasks() == tasks


async def test_a_stopped_server(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port) as r:
        await r.incr("n")
        valkey.pause()
        short, begin = r.using(timeout=0.2), time.monotonic()
        got = await results([short.incr("n"), short.get("n"), short.echo("late")])
        assert [checked(error, CommandTimeout, "unknown").command for error in got] == ["INCR", "GET", "ECHO"]
        assert 0.2 <= time.monotonic() - begin < 0.2 + PROMPT
        waiting = asyncio.gather(r.echo("a"), r.incr("n"), r.echo("b"))
        await asyncio.sleep(0)
        valkey.resume()
        assert await within(waiting) == ["a", 3, "b"], "the late replies were nobody's; the timed out INCR ran"


async def test_late_replies_are_dropped_in_order(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        proxy.to_client.hold()
        got = await results([r.using(timeout=0.1).incr("n") for _ in range(50)])
        for error in got:
            checked(error, CommandTimeout, "unknown")
        waiting = asyncio.gather(*(r.echo(str(number)) for number in range(50)), r.incr("n"))
        await proxy.to_server.wait_passed(b"ECHO", 50)
        proxy.to_client.release()
        assert await within(waiting) == [*map(str, range(50)), 51]
        assert proxy.connections() == 1


async def test_what_was_not_sent_is_taken_back(valkey: EmbeddedServer) -> None:
    with FaultProxy(valkey.host, valkey.port, receive_buffer=4096) as proxy:
        async with Redis(proxy.host, proxy.port) as r:
            await r.ping()
            proxy.to_server.stop_reading()
            large = asyncio.create_task(r.set("large", b"x" * (32 * MIB)))
            await turns()
            error = await failure(r.using(timeout=0.1).incr("n"), CommandTimeout, "not_run")
            assert error.command == "INCR"
            proxy.to_server.read_again()
            assert await within(large) is True
            assert await within(r.incr("n")) == 1, "the one that timed out never left"
            assert proxy.to_server.passed(b"INCR") == 1


async def test_a_slow_server() -> None:
    with EmbeddedServer(options={"enable-debug-command": "yes"}) as server, FakeServer() as other:
        async with Redis(server.host, server.port) as r:
            await r.incr("n")
            sleeping = asyncio.get_running_loop().run_in_executor(None, server.call, "DEBUG", "SLEEP", 0.6)
            await _stalled(r)
            await failure(r.using(timeout=0.1).incr("n"), CommandTimeout, "unknown")
            assert await within(r.echo("x")) == "x"
            assert await within(r.incr("n")) == 3
            await sleeping
            assert len([line for line in server.call("CLIENT", "LIST").splitlines() if "lib-name=redpoll" in line]) == 1
        assert other.connections() == 0
        await asyncio.get_running_loop().shutdown_default_executor()


async def _stalled(r: Redis) -> None:
    """Wait until the server no longer answers at once."""
    quick = r.using(timeout=0.05)
    async with asyncio.timeout(10):
        try:
            while await quick.ping():
                pass
        except CommandTimeout:
            return


async def test_client_kill_at_random(valkey: EmbeddedServer) -> None:
    chance = random.Random(37)
    recoveries: list[float] = []
    async with Redis(valkey.host, valkey.port) as r:
        load = Load(r)
        workers = [asyncio.create_task(load.work(number)) for number in range(10)]
        for _ in range(30):
            await asyncio.sleep(chance.uniform(0, 0.03))
            valkey.call("CLIENT", "KILL", "TYPE", "normal")
            before, begin = load.ok, time.monotonic()
            async with asyncio.timeout(10):
                while load.ok == before:  # noqa: ASYNC110  # it recovers
                    await asyncio.sleep(0.001)
            recoveries.append(time.monotonic() - begin)
            popped = await results([r.blpop("q", timeout=0.01)])
            assert popped == [None] or isinstance(popped[0], OutcomeUnknown), popped
        load.stop = True
        await within(asyncio.gather(*workers))
        load.check(int(valkey.call("GET", "n")))
        assert statistics.median(recoveries) < 0.2, recoveries
        assert load.not_run == 0, "the server was there all the time"
        clients = [line for line in valkey.call("CLIENT", "LIST").splitlines() if "lib-name=redpoll" in line]
        assert 1 <= len(clients) <= 2, "the shared connection, and perhaps an idle leased one"


async def test_client_pause_write(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port) as r, Redis(valkey.host, valkey.port) as reader:
        await r.ping()
        valkey.call("CLIENT", "PAUSE", 60_000, "WRITE")
        await failure(r.using(timeout=0.1).incr("n"), CommandTimeout, "unknown")
        assert await within(reader.get("n")) is None, "it has not run yet"
        valkey.call("CLIENT", "UNPAUSE")
        assert await within(r.incr("n")) == 2, "it did run"


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_the_server_hangs_up_after_running(how: How) -> None:
    script = [On("INCR", Gate("go"), Close(how)), On("INCR", Own())]
    with FakeServer([script]) as server:
        async with Redis(server.host, server.port) as r:
            calls = asyncio.gather(r.incr("n"), r.get("n"), r.incr("n"), return_exceptions=True)
            await server.wait_received("INCR", 2)
            server.open_gate("go")
            write, read, other = await within(calls)
            checked(write, OutcomeUnknown, "unknown")
            checked(other, OutcomeUnknown, "unknown")
            assert read is None, "asked again"
            assert server.commands(1) == [(b"GET", b"n")], "and nothing else is"
            assert server.count_applied("INCR") == 0
