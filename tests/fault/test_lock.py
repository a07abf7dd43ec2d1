"""Locks and scripts over connections that break: never two holders, and nothing is run twice."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from redpoll import Lock, OutcomeUnknown, Redis
from redpoll.errors import LockLost
from redpoll.reconnect import Reconnect
from redpoll.testing import EmbeddedServer
from tests.fault.proxy import FaultProxy

QUICK = Reconnect(initial=0.01, max=0.05)
ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])"


def through(proxy: FaultProxy) -> Redis:
    return Redis(proxy.host, proxy.port, reconnect=QUICK, command_timeout=5)


async def test_a_set_whose_reply_is_lost_is_recognised(proxy: FaultProxy) -> None:
    async with through(proxy) as r:
        await r.ping()
        proxy.to_client.cut_after(0)
        lock = r.lock("l", ttl=30, blocking=False)
        assert await lock.acquire()
        assert proxy.to_server.passed(b"SET\r\n") == 2
        assert await lock.owned()
        proxy.to_client.cut_after(0)
        await lock.release()
        assert not await r.exists("l")


async def test_a_set_that_nobody_got_is_sent_again(proxy: FaultProxy) -> None:
    async with through(proxy) as r:
        await r.ping()
        proxy.to_server.cut_after(0)
        async with r.lock("l", ttl=30) as lock:
            assert await lock.owned()
            proxy.to_server.cut_after(0)
        assert not await r.exists("l")


async def test_cancelled_after_it_was_sent(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with through(proxy) as r, Redis(valkey.host, valkey.port) as other:
        await r.ping()
        proxy.to_client.hold()
        seen = proxy.to_client.arrived_bytes()
        task = asyncio.create_task(r.lock("l", ttl=30).acquire())
        await proxy.to_client.wait_bytes(seen + 1)
        assert await other.exists("l")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        proxy.to_client.release()
        await r.ping()
        assert not await other.exists("l")


async def test_an_attempt_answered_too_late_is_none(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with through(proxy) as r, Redis(valkey.host, valkey.port) as other:
        await r.ping()
        proxy.to_client.hold()
        lock = r.lock("l", ttl=0.1, blocking=False)
        task = asyncio.create_task(lock.acquire())
        await proxy.to_server.wait_passed(b"SET\r\n")
        await asyncio.sleep(0.15)
        async with other.lock("l", blocking=False) as theirs:
            proxy.to_client.release()
            assert not await task
            assert not await lock.owned()
            await r.ping()
            assert await theirs.owned()


async def test_a_holder_without_a_server_stops_in_time(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    ended = 0.0
    async with through(proxy) as r, Redis(valkey.host, valkey.port) as other:

        async def hold() -> None:
            nonlocal ended
            async with r.lock("l", ttl=0.5, auto_renew=True):
                proxy.to_server.hold()
                try:
                    await asyncio.sleep(30)
                finally:
                    ended = time.monotonic()

        began = time.monotonic()
        task = asyncio.create_task(hold())
        await proxy.to_server.wait_passed(b"SET\r\n")
        assert await other.lock("l", ttl=5, sleep=0.001).acquire()
        stopped = time.monotonic()
        with pytest.raises(LockLost):
            await task
        assert time.monotonic() - began < 2, "nobody waited for a server that does not answer"
        proxy.heal()
        assert 0.4 < ended - began < stopped - began + 0.1 < 3
        assert await other.lock("l").locked()


async def test_killed_connections_lose_no_lock(valkey: EmbeddedServer) -> None:
    async with (
        Redis(valkey.host, valkey.port, reconnect=QUICK) as r,
        Redis(valkey.host, valkey.port) as other,
        r.lock("l", ttl=0.5, auto_renew=True) as lock,
    ):
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            await other.client_kill(type="NORMAL", skipme=True)
            assert not await other.lock("l", blocking=False).acquire()
            await asyncio.sleep(0.02)
        assert await lock.owned()


@pytest.mark.parametrize("auto_renew", [False, True])
async def test_never_two_holders_whatever_breaks(proxy: FaultProxy, auto_renew: bool) -> None:
    inside = most = entered = lost = 0
    chance = random.Random(7)

    async def work(r: Redis) -> None:
        nonlocal inside, most, entered, lost
        for _ in range(20):
            try:
                async with r.lock("l", ttl=2, sleep=0.01, auto_renew=auto_renew) as lock:
                    assert lock.remaining > 0
                    inside += 1
                    entered += 1
                    most = max(most, inside)
                    try:
                        await asyncio.sleep(0.002)
                    finally:
                        inside -= 1
            except (LockLost, OutcomeUnknown):
                lost += 1

    async def harm() -> None:
        while True:
            await asyncio.sleep(chance.uniform(0.01, 0.04))
            fault = chance.choice(["cut", "to_server", "to_client", "delay"])
            if fault == "cut":
                proxy.cut()
            elif fault == "delay":
                proxy.to_client.delay(0.01)
            else:
                getattr(proxy, fault).cut_after(chance.randrange(60))

    async with through(proxy) as one, through(proxy) as two, through(proxy) as three:
        harming = asyncio.create_task(harm())
        await asyncio.gather(*(work(r) for r in (one, two, three) for _ in range(3)))
        harming.cancel()
        await asyncio.wait([harming])
        proxy.heal()
        assert most == 1
        assert entered == 180
        assert lost <= 10


async def test_time_is_reckoned_on_the_safe_side(proxy: FaultProxy) -> None:
    """Who holds the lock by his own clock holds it alone, though holders stay beyond their time and replies come late."""
    holders: list[Lock] = []
    chance = random.Random(11)
    expired = 0

    async def work(r: Redis) -> None:
        nonlocal expired
        for _ in range(15):
            lock = r.lock("l", ttl=0.05, sleep=0.005)
            try:
                async with lock:
                    assert not [other for other in holders if other.remaining > 0]
                    holders.append(lock)
                    if chance.random() < 0.3:
                        await lock.extend(0.01)
                    await asyncio.sleep(chance.choice([0.001, 0.01, 0.07]))
            except (LockLost, OutcomeUnknown):
                expired += 1

    async def harm() -> None:
        while True:
            await asyncio.sleep(chance.uniform(0.01, 0.04))
            if chance.random() < 0.3:
                proxy.cut()
            else:
                flow = chance.choice([proxy.to_client, proxy.to_server])
                flow.delay(chance.choice([0.0, 0.005, 0.03]))

    async with through(proxy) as one, through(proxy) as two:
        harming = asyncio.create_task(harm())
        await asyncio.gather(*(work(r) for r in (one, two) for _ in range(3)))
        harming.cancel()
        await asyncio.wait([harming])
        proxy.heal()
    assert len(holders) > 10
    assert expired


async def test_a_script_is_not_run_twice(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with through(proxy) as r, Redis(valkey.host, valkey.port) as other:
        add = r.script(ADD, returns=int)
        assert await add(["n"], [1]) == 1
        proxy.to_client.cut_after(0)
        with pytest.raises(OutcomeUnknown) as error:
            await add(["n"], [1])
        assert error.value.command == "EVALSHA"
        assert await other.get("n") == "2"
        await r.ping()
        proxy.to_client.cut_after(0)
        assert await r.using(retry=True).script(ADD, returns=int)(["n"], [1]) == 4  # as asked for
        get = r.script("return redis.call('GET', KEYS[1])", returns=int, readonly=True)
        await get(["n"])
        proxy.to_client.cut_after(0)
        assert await get(["n"]) == 4


async def test_a_batch_with_a_script_is_not_run_twice(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with through(proxy) as r, Redis(valkey.host, valkey.port) as other:
        await r.ping()
        add = r.script(ADD, returns=int)
        p = r.pipeline(raise_on_error=False)
        a, b = p.incr("m"), add(["n"], [1], client=p)
        proxy.to_client.cut_after(0)
        await p.execute()
        assert isinstance(a.exception(), OutcomeUnknown)
        assert isinstance(b.exception(), OutcomeUnknown)
        assert [await other.get("m"), await other.get("n")] == ["1", "1"]
        for count in (2, 3):  # each on a connection of its own, to a server that does not know the script
            await other.script_flush()
            await r.ping()
            assert await r.batch(lambda p: (p.incr("m"), add(["n"], [1], client=p))) == (count, count)
            proxy.cut()
