"""Consumers of streams, against real servers."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from redpoll import Consumer, Redis, StreamEntry, UsageError, WrongType
from redpoll.testing import EmbeddedServer


@pytest.fixture
async def r(server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis(server.host, server.port) as client:
        yield client


async def produce(r: Redis[Any], *numbers: int, stream: str = "orders") -> None:
    async with r.pipeline() as p:
        for number in numbers:
            p.xadd(stream, {"n": number})


async def take(consumer: Consumer[Any], count: int, *, ack: bool = True) -> list[int]:
    """Return the numbers of the next entries."""
    found: list[int] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            entry = await anext(consumer)
            found.append(int(next(iter(entry.fields.values()))))
            if ack:
                assert await entry.ack()
    return found


async def pending(r: Redis[Any], stream: str = "orders") -> int:
    return (await r.xpending(stream, "g")).count


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  # only the server knows
            await asyncio.sleep(0.01)


async def test_entries_come_in_order_and_are_acknowledged(each_client: Redis[Any], decode_responses: bool) -> None:
    def t(text: str) -> str | bytes:
        return text if decode_responses else text.encode()

    r = each_client.using(prefix="p:")
    await produce(r, *range(25))
    consumer = r.consumer(["orders", b"more"], group="g", name=7, block=0.2)
    assert await take(consumer, 25) == list(range(25))
    id_ = await r.xadd("more", {"f": "v"})
    entry = await anext(consumer)
    assert entry == StreamEntry(t("more"), id_, {t("f"): t("v")}, 1, entry.ack)
    assert "ack" not in repr(entry)
    assert [await entry.ack(), await entry.ack()] == [True, False]
    assert [await pending(r), await pending(r, "more")] == [0, 0]
    assert [group.name for group in await each_client.xinfo_groups("p:orders")] == [t("g")]
    assert [each.name for each in await r.xinfo_consumers("orders", "g")] == [t("7")]


async def test_a_group_begins_where_it_is_told(r: Redis) -> None:
    await produce(r, 1, 2)
    consumer = r.consumer("orders", "g", "c", start="$", block=0.1)
    reading = asyncio.create_task(take(consumer, 1))
    await until(lambda: r.exists("orders") if not reading.done() else r.ping())
    await until(lambda: r.xinfo_groups("orders"))
    await produce(r, 3)
    assert await reading == [3]


async def test_its_own_pending_entries_come_first(r: Redis) -> None:
    await produce(r, *range(5))
    assert await take(r.consumer("orders", "g", "c", count=2), 3, ack=False) == [0, 1, 2]
    await produce(r, 5)
    again = r.consumer("orders", "g", "c")
    entry = await anext(again)
    assert (entry.fields, entry.deliveries) == ({"n": "0"}, 2)
    assert await take(again, 5) == [1, 2, 3, 4, 5]
    assert await pending(r) == 1
    assert await entry.ack()


async def test_entries_of_a_dead_consumer_are_taken_over(r: Redis) -> None:
    await produce(r, *range(30))
    assert len(await take(r.consumer("orders", "g", "dead", count=25), 1, ack=False)) == 1
    other = r.consumer("orders", "g", "alive", min_idle=0.3, block=0.1)
    assert await take(other, 5) == [25, 26, 27, 28, 29], "the others are not idle yet"
    assert await take(other, 25) == list(range(25))
    assert await pending(r) == 0


async def test_an_entry_that_is_not_acknowledged_comes_again(r: Redis) -> None:
    await produce(r, 1, 2)
    consumer = r.consumer("orders", "g", "c", min_idle=0.2, block=0.1)
    assert await take(consumer, 1, ack=False) == [1]
    assert await take(consumer, 2) == [2, 1]
    assert await pending(r) == 0


async def test_entries_that_others_took_over_meanwhile_are_not_handled_twice(r: Redis) -> None:
    await produce(r, *range(10))
    slow = r.consumer("orders", "g", "slow", min_idle=0.2, block=0.05)
    assert await take(slow, 1) == [0]
    await asyncio.sleep(0.3)  # nine wait in its buffer, and are idle
    assert await take(r.consumer("orders", "g", "quick", min_idle=0.2, block=0.05), 9) == list(range(1, 10))
    await produce(r, 10)
    assert await take(slow, 1) == [10]


async def test_what_fails_ends_in_the_dead_letter_stream(r: Redis, caplog: pytest.LogCaptureFixture) -> None:
    await produce(r, *range(6))
    seen: list[tuple[str, int]] = []

    async def handle(entry: StreamEntry) -> None:
        seen.append((entry.fields["n"], entry.deliveries))
        if entry.fields["n"] in "25":
            raise RuntimeError("no")

    consumer = r.consumer("orders", "g", "c", min_idle=0.1, block=0.05, max_deliveries=3, dead_letter="dead")
    running = asyncio.create_task(consumer.run(handle))
    await until(lambda: _length(r, "dead", 2))
    consumer.stop()
    await running
    first = (await r.xrange("orders"))[2][0]
    assert dict((await r.xrange("dead"))[0][1]) == {
        "n": "2",
        "redpoll:stream": "orders",
        "redpoll:id": first,
        "redpoll:group": "g",
        "redpoll:deliveries": "3",
    }
    assert sorted(seen) == sorted([(n, 1) for n in "0134"] + [(n, d) for n in "25" for d in (1, 2, 3)])
    assert await pending(r) == 0
    assert sum("a handler failed" in record.message for record in caplog.records) == 6


async def _length(r: Redis, stream: str, length: int) -> bool:
    return await r.xlen(stream) == length


async def test_a_dead_letter_stream_that_refuses_loses_nothing(r: Redis, caplog: pytest.LogCaptureFixture) -> None:
    await produce(r, 1)
    await r.set("dead", "no stream")
    assert await take(r.consumer("orders", "g", "c"), 1, ack=False) == [1]
    consumer = r.consumer("orders", "g", "c", min_idle=0.1, block=0.05, max_deliveries=1, dead_letter="dead")
    reading = asyncio.create_task(take(consumer, 1))
    await until(lambda: _equal(lambda: "could not go to the dead-letter stream" in caplog.text, True))
    assert await pending(r) == 1
    await r.delete("dead")
    await until(lambda: _length(r, "dead", 1))
    assert await pending(r) == 0
    consumer.stop()
    with pytest.raises(StopAsyncIteration):
        await reading


async def test_so_many_handlers_at_once_and_a_graceful_stop(r: Redis) -> None:
    await produce(r, *range(20))
    at_work, most, done = 0, 0, 0
    go_on = asyncio.Event()

    async def handle(_entry: StreamEntry) -> None:
        nonlocal at_work, most, done
        at_work += 1
        most = max(most, at_work)
        await go_on.wait()
        at_work -= 1
        done += 1

    consumer = r.consumer("orders", "g", "c", block=0.1)
    running = asyncio.create_task(consumer.run(handle, concurrency=4))
    await until(lambda: _equal(lambda: at_work, 4))
    consumer.stop()
    await asyncio.sleep(0.05)
    assert not running.done()
    go_on.set()
    await running
    assert (most, done) == (4, 4)
    assert await pending(r) == 6, "what was fetched and not handled stays pending"
    other = r.consumer("orders", "g", "other")
    entry = await anext(other)
    assert (entry.fields, entry.deliveries) == ({"n": "4"}, 1), "and can be had at once"
    assert await take(other, 15) == list(range(5, 20))


async def _equal(value: Any, expected: object) -> bool:
    return bool(value() == expected)


async def test_a_long_handler_keeps_its_entry(r: Redis) -> None:
    await produce(r, 1, 2)
    handled: list[tuple[str, int]] = []

    async def handle(entry: StreamEntry) -> None:
        await asyncio.sleep(1)
        handled.append((entry.fields["n"], entry.deliveries))

    consumers = [r.consumer("orders", "g", name, min_idle=0.3, block=0.05) for name in "ab"]
    async with asyncio.TaskGroup() as tasks:
        for consumer in consumers:
            tasks.create_task(consumer.run(handle))
        await until(lambda: _equal(lambda: len(handled), 2))
        await asyncio.sleep(0.5)
        for consumer in consumers:
            consumer.stop()
    assert sorted(handled) == [("1", 1), ("2", 1)]


@pytest.mark.parametrize("harm", ["delete", "destroy", "flush", "lower"])
async def test_what_vanishes_is_made_again(r: Redis, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    consumer = r.consumer("orders", "g", "c", block=5)
    await produce(r, 1, 2)
    assert await take(consumer, 2) == [1, 2]
    reading = asyncio.create_task(take(consumer, 2))
    await asyncio.sleep(0.1)  # it blocks
    if harm == "destroy":
        await r.xgroup_destroy("orders", "g")
    elif harm == "flush":
        await r.flushall()
    else:
        await r.delete("orders")
    if harm == "lower":
        await r.xadd("orders", {"n": 3}, id="0-1")
        await r.xadd("orders", {"n": 4}, id="0-2")
    else:
        await produce(r, 3, 4)
    assert await reading == [3, 4], "those before were delivered already"
    assert "NOGROUP" in caplog.text or "UNBLOCKED" in caplog.text


async def test_what_cannot_pass_is_raised(r: Redis) -> None:
    await r.set("orders", "no stream")
    with pytest.raises(WrongType):
        await anext(r.consumer("orders", "g", "c"))

    async def handle(_entry: StreamEntry) -> None:
        raise AssertionError

    with pytest.raises(WrongType):
        await r.consumer("orders", "g", "c").run(handle)


async def test_entries_that_are_no_text_are_not_lost(r: Redis, caplog: pytest.LogCaptureFixture) -> None:
    await r.xadd("orders", {"n": b"\xff"})
    await produce(r, 1)
    consumer = r.consumer("orders", "g", "c", min_idle=0.1, block=0.05, max_deliveries=1, dead_letter="dead")
    assert await take(consumer, 1) == [1]
    assert "not UTF-8" in caplog.text
    assert await pending(r) == 1
    reading = asyncio.create_task(take(consumer, 1))
    await until(lambda: _length(r, "dead", 1))
    assert (await r.binary.xrange("dead"))[0][1][b"n"] == b"\xff"
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_it_ends_with_its_client(server: EmbeddedServer) -> None:
    r = Redis(server.host, server.port)
    reading = asyncio.create_task(_all(r.consumer("orders", "g", "c")))
    await until(lambda: r.exists("orders"))
    await asyncio.sleep(0.05)
    await r.aclose()
    assert await asyncio.wait_for(reading, 5) == []


async def _all(consumer: Consumer) -> list[StreamEntry]:
    return [entry async for entry in consumer]


async def test_a_cancelled_wait_loses_nothing(r: Redis) -> None:
    consumer = r.consumer("orders", "g", "c", block=2)
    writing = asyncio.create_task(_slowly(r, 40))
    found: list[int] = []
    async with asyncio.timeout(20):
        while len(found) < 40:
            with suppress(TimeoutError):
                entry = await asyncio.wait_for(anext(consumer), random.uniform(0.001, 0.01))
                await entry.ack()
                found.append(int(entry.fields["n"]))
    await writing
    assert sorted(found) == list(range(40))
    assert await pending(r) == 0


async def _slowly(r: Redis, count: int) -> None:
    for number in range(count):
        await r.xadd("orders", {"n": number})
        await asyncio.sleep(0.005)


async def test_it_is_used_once_at_a_time(r: Redis) -> None:
    consumer = r.consumer("orders", "g", "c")
    reading = asyncio.create_task(anext(consumer))
    await asyncio.sleep(0.05)
    with pytest.raises(UsageError, match="already"):
        await anext(consumer)
    consumer.stop()
    with pytest.raises(StopAsyncIteration):
        await reading


class Mortals:
    """Four consumers, each of which dies now and then."""

    def __init__(self, r: Redis, dice: random.Random) -> None:
        self.r = r
        self.dice = dice
        self.handled = Counter[int]()
        self.deaths = 0

    async def handle(self, entry: StreamEntry) -> None:
        await asyncio.sleep(self.dice.uniform(0, 0.01))
        if self.dice.random() < 0.05:
            raise RuntimeError("an accident")
        self.handled[int(entry.fields["n"])] += 1

    async def live(self, name: str) -> None:
        consumer = self.r.consumer("orders", "g", name, count=5, block=0.2, min_idle=0.4)
        if name in "ab":
            await consumer.run(self.handle, concurrency=3)
        async for entry in consumer:
            with suppress(RuntimeError):
                await self.handle(entry)
                await entry.ack()

    async def until_done(self, entries: int, killer: Redis) -> None:
        """Cancel tasks and kill connections until all entries are handled and acknowledged."""
        lives = {name: asyncio.create_task(self.live(name)) for name in "abcd"}
        while len(self.handled) < entries or await pending(killer):
            await asyncio.sleep(0.02)
            name = self.dice.choice("abcd")
            lives[name].cancel()
            await asyncio.wait([lives[name]])
            assert lives[name].cancelled(), "nothing else ends it"
            self.deaths += 1
            lives[name] = asyncio.create_task(self.live(name))
            if self.dice.random() < 0.3:
                await kill_others(killer)
        for task in lives.values():
            task.cancel()
        await asyncio.wait(lives.values())


async def kill_others(r: Redis) -> None:
    me = await r.client_id()
    for each in await r.client_list():
        if each.id != me:
            await r.client_kill(id=each.id)


async def test_consumers_that_die_at_random_lose_nothing(
    r: Redis, server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Every entry is handled at least once, and none stays pending."""
    caplog.set_level(logging.CRITICAL)
    mortals = Mortals(r, random.Random(7))
    async with Redis(server.host, server.port) as killer, asyncio.timeout(60):
        writing = asyncio.create_task(_write(killer, 1500))
        await mortals.until_done(1500, killer)
        await writing
    assert set(mortals.handled) == set(range(1500))
    assert mortals.deaths > 20


async def _write(r: Redis, count: int) -> None:
    for begin in range(0, count, 20):
        await produce(r, *range(begin, begin + 20))
        await asyncio.sleep(0.02)
