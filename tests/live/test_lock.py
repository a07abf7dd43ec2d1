"""Locks on real servers."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from redpoll import CommandTimeout, Redis
from redpoll.errors import LockLost, WrongType
from redpoll.testing import EmbeddedServer


async def test_acquire_and_release(each_client: Redis[Any]) -> None:
    r = each_client
    lock, other = r.lock("l", ttl=5), r.lock("l", blocking=False)
    assert not await lock.locked()
    assert await lock.acquire()
    assert 4 < lock.remaining <= 5
    assert 4000 < await r.pttl("l") <= 5000
    assert [await lock.owned(), await other.owned(), await other.locked()] == [True, False, True]
    assert not await other.acquire()
    with pytest.raises(CommandTimeout, match="at once") as error:
        async with other:
            pass
    assert error.value.outcome == "not_run"
    assert "held" in repr(lock)
    assert await r.binary.get("l") not in repr(lock).encode()
    await lock.release()
    assert not await lock.locked()
    async with other:
        assert await other.owned()
    assert not await other.locked()


async def test_extend(each_client: Redis[Any]) -> None:
    async with each_client.lock("l", ttl=1) as lock:
        await lock.extend(2)
        assert 2.5 < lock.remaining <= 3
        assert 2500 < await each_client.pttl("l") <= 3000
        await lock.extend(0.5, replace_ttl=True)
        assert 0.2 < lock.remaining <= 0.5
        await lock.reacquire()
        assert 0.7 < lock.remaining <= 1
        assert 700 < await each_client.pttl("l") <= 1000
        await lock.extend(5)
        await lock.reacquire()
        assert 5 < lock.remaining <= 6, "it is never shortened"


async def test_only_its_owner_gives_it_back(each_client: Redis[Any]) -> None:
    r = each_client
    lock = r.lock("l", ttl=0.05)
    await lock.acquire()
    await asyncio.sleep(0.06)
    async with r.lock("l", ttl=5) as other:
        assert lock.remaining == 0
        with pytest.raises(LockLost):
            await lock.extend(1)
        with pytest.raises(LockLost):
            await lock.reacquire()
        with pytest.raises(LockLost):
            await lock.release()
        assert await other.owned()
    with pytest.raises(LockLost):
        async with r.lock("l"):
            await r.delete("l")


async def test_an_error_of_the_block_is_not_hidden(each_client: Redis[Any]) -> None:
    async def fail() -> None:
        async with each_client.lock("l"):
            await each_client.delete("l")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as error:
        await fail()
    assert "not held any more" in error.value.__notes__[0]


async def test_waiting(each_client: Redis[Any]) -> None:
    r = each_client
    begin = time.monotonic()
    async with r.lock("l", ttl=5):
        assert not await r.lock("l", blocking_timeout=0.1, sleep=0.02).acquire()
        assert not await r.lock("l").acquire(blocking_timeout=0.05)
        with pytest.raises(CommandTimeout, match=r"within 0\.02 s"):
            async with r.lock("l", blocking_timeout=0.02, sleep=0.01):
                pass
    assert time.monotonic() - begin < 2
    await r.lock("l", ttl=0.1).acquire()  # and never given back
    assert await r.lock("l", ttl=1, sleep=0.01).acquire()
    assert time.monotonic() - begin > 0.1


async def test_a_key_of_another_type(each_client: Redis[Any]) -> None:
    await each_client.rpush("l", "x")
    lock = each_client.lock("l")
    for _ in range(2):
        with pytest.raises(WrongType):
            await lock.acquire()


async def test_many_tasks_one_at_a_time(server: EmbeddedServer) -> None:
    inside = most = entered = 0

    async def work(r: Redis, prefix: str) -> None:
        nonlocal inside, most, entered
        for _ in range(5):
            async with r.lock(prefix + "l", ttl=10, sleep=0.005):
                inside += 1
                entered += 1
                most = max(most, inside)
                n = int(await r.get(prefix + "n") or 0)
                await asyncio.sleep(0.001)
                await r.set(prefix + "n", n + 1)
                inside -= 1

    async with Redis(server.host, server.port) as one, Redis(server.host, server.port, key_prefix="p:") as two:
        await asyncio.gather(*(work(*each) for each in ((one, "p:"), (two, "")) for _ in range(10)))
        assert (most, entered, await one.get("p:n")) == (1, 100, "100")
        assert not await two.exists("l")


async def test_a_cancelled_attempt_holds_nothing(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        await r.ping()
        for turns in range(12):
            task = asyncio.create_task(r.lock("l", ttl=60).acquire())
            for _ in range(turns % 4):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled():
                continue
            await r.ping()
            assert not await r.exists("l")
            async with r.lock("l", blocking=False):
                pass


async def test_cancelled_and_closed_right_away(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as other:
        async with Redis(server.host, server.port) as r:
            await r.ping()
            task = asyncio.create_task(r.lock("l", ttl=60).acquire())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert not await other.exists("l")


async def test_a_cancelled_block_and_a_cancelled_release(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        entered = asyncio.Event()

        async def hold() -> None:
            async with r.lock("l", ttl=60, auto_renew=True):
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await r.exists("l")

        lock = r.lock("l", ttl=60)
        await lock.acquire()
        task = asyncio.create_task(lock.release())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await r.ping()
        assert not await r.exists("l")
        assert await lock.acquire()


async def test_it_renews_itself(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        before = len(asyncio.all_tasks())
        async with r.lock("l", ttl=0.3, auto_renew=True) as lock:
            await asyncio.sleep(0.8)
            assert await lock.owned()
            assert lock.remaining > 0
        assert not await r.exists("l")
        assert len(asyncio.all_tasks()) == before


async def test_a_lock_that_cannot_be_renewed_ends_its_block(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:

        async def lose(error: type[Exception] | None = None) -> None:
            async with r.lock("l", ttl=0.3, auto_renew=True):
                await r.set("l", "another's")
                try:
                    await asyncio.sleep(30)
                finally:
                    if error is not None:
                        raise error

        begin = time.monotonic()
        with pytest.raises(LockLost):
            await lose()
        assert time.monotonic() - begin < 5
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        assert await r.getdel("l") == "another's"
        with pytest.raises(ZeroDivisionError):
            await lose(ZeroDivisionError)
        assert not task.cancelling()


async def test_a_caller_who_is_cancelled_as_well(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:

        async def hold() -> None:
            async with r.lock("l", ttl=0.2, auto_renew=True):
                await r.delete("l")
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    mine.cancel()
                    raise

        mine: asyncio.Task[None] = asyncio.create_task(hold())
        await asyncio.wait([mine])
        assert mine.cancelled()
