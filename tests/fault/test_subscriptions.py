"""Subscriptions whose connection is lost, silent, or refused for now."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Any, Literal

import pytest

from redpoll import CommandTimeout, Gap, Message, Reconnect, Redis, ServerError
from redpoll.testing import EmbeddedServer
from tests.fault.expect import within
from tests.fault.fake_server import FakeServer, Gate, Hang, On, bulk, push
from tests.fault.proxy import FaultProxy


async def heard(valkey: EmbeddedServer, sub: Any, word: str) -> list[Gap]:
    """Publish a word until the subscription gives it; return the gaps before it. What else was published is read."""
    gaps: list[Gap] = []
    begin = time.monotonic()
    while time.monotonic() - begin < 10:
        valkey.call("PUBLISH", "a", word)
        item = await sub.get_message(0.02)
        if isinstance(item, Gap):
            gaps.append(item)
        elif item is not None and item.data == word:
            while isinstance(item := await sub.get_message(0.05), Message):
                assert item.data == word
            return gaps if item is None else [*gaps, item]
    raise AssertionError("it is deaf")


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_silent_connection_is_noticed_by_the_health_check(
    proxy: FaultProxy, valkey: EmbeddedServer, protocol: Literal[2, 3]
) -> None:
    """Nothing gets through any more, nobody says so: it is given up after health_check and read_timeout."""
    options: Any = {"health_check": 0.1, "read_timeout": 0.3, "protocol": protocol}
    async with Redis(proxy.host, proxy.port, **options) as r, r.subscribe("a", gaps="yield") as sub:
        assert await heard(valkey, sub, "1") == []
        proxy.to_client.hold()
        begin = time.monotonic()
        gap = await sub.get_message(10)
        assert isinstance(gap, Gap)
        assert "read_timeout" in gap.reason
        assert 0.2 < time.monotonic() - begin < 3
        assert await heard(valkey, sub, "2") == []


async def test_a_loss_at_any_byte_of_a_resubscription(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    """However often it fails, in the end all is subscribed once."""
    async with (
        Redis(proxy.host, proxy.port, reconnect=Reconnect(max=0.02)) as r,
        r.subscribe("a", "b", patterns=["c*"], shards=["d"], gaps="yield") as sub,
    ):
        for after in (*range(0, 60, 7), 200, 300, 350, 400, 450, 480):
            proxy.to_client.cut_after(after, which="next")
            proxy.cut()
            assert await heard(valkey, sub, f"after {after}")
        proxy.heal()
        await heard(valkey, sub, "end")
        assert await heard(valkey, sub, "the very end") == []
        assert valkey.call("PUBSUB", "NUMSUB", "a", "b") == ["a", 1, "b", 1]
        assert valkey.call("PUBSUB", "NUMPAT") == 1


async def test_every_loss_is_told_before_later_messages(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    """Numbers are published all the time while connections are cut: none comes twice, none is missed in silence."""
    choose = random.Random(11)
    numbers: list[int] = []
    silent: list[tuple[int, int]] = []
    async with (
        Redis(valkey.host, valkey.port) as publisher,
        Redis(proxy.host, proxy.port, reconnect=Reconnect(max=0.01)) as r,
        r.subscribe("a", gaps="yield", buffer=100_000) as sub,
    ):

        async def publish() -> None:
            for number in range(4000):
                await publisher.publish("a", str(number))
            await asyncio.sleep(0.2)
            await heard(valkey, sub_end, "end")

        async def read() -> None:
            gap = False
            async for item in sub:
                if isinstance(item, Gap):
                    gap = True
                elif item.data == "end":
                    return
                else:
                    number = int(item.data)
                    if not gap and number != (numbers[-1] + 1 if numbers else 0):
                        silent.append((numbers[-1] if numbers else -1, number))
                    numbers.append(number)
                    gap = False

        async with r.subscribe("a", buffer=1) as sub_end:
            reading = asyncio.create_task(read())
            publishing = asyncio.create_task(publish())
            cuts = 0
            while not publishing.done() and cuts < 30:
                await asyncio.sleep(choose.uniform(0, 0.05))
                proxy.cut(choose.choice(["rst", "fin"]))
                cuts += 1
            await within(publishing, 20)
            await within(reading, 20)
    assert not silent
    assert numbers == sorted(set(numbers)), "in order, none twice"
    assert sub.gaps >= 1


def confirmed(kind: bytes, name: bytes) -> bytes:
    return b">3\r\n%s%s:1\r\n" % (bulk(kind), bulk(name))


async def test_messages_before_all_is_subscribed_again_come_after_the_gap() -> None:
    """What comes early waits for the gap; if those who have one leave meanwhile, it is given to the others."""
    scripts = [
        [On("SUBSCRIBE", confirmed(b"subscribe", b"a")), On("PING", b"+PONG\r\n")],
        [
            On("SUBSCRIBE", confirmed(b"subscribe", b"a"), push(b"message", b"a", b"early"), Gate("again")),
            *(On("PING", b"+PONG\r\n") for _ in range(3)),
        ],
    ]
    for leaves in (False, True):
        with FakeServer(scripts=[list(script) for script in scripts]) as server:
            async with Redis(server.host, server.port, reconnect=Reconnect(max=0.01)) as r:
                first = await within(r.subscribe("a", gaps="yield").__aenter__())
                server.close_connection()
                await server.wait_received("SUBSCRIBE", 2)
                assert await first.get_message(0.05) is None
                second = r.subscribe("a")
                entering = asyncio.create_task(second.__aenter__())
                await asyncio.sleep(0)
                if leaves:
                    await first.aclose()
                server.open_gate("again")
                await within(entering)
                if not leaves:
                    assert isinstance(await within(anext(first)), Gap)
                    assert (await within(anext(first))).data == "early"  # type: ignore[union-attr]  # no other gap
                server.send(push(b"message", b"a", b"late"))
                while (await within(anext(second))).data != "late":
                    pass
                assert second.gaps == 0
                await first.aclose()
                await second.aclose()


async def test_many_channels_are_subscribed_again(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    names = [f"channel {number}" for number in range(30_000)]
    async with Redis(proxy.host, proxy.port, command_timeout=30) as r, r.subscribe("a", *names, gaps="yield") as sub:
        for _ in range(2):
            proxy.cut()
            assert isinstance(await within(sub.get_message(), 30), Gap)
            found = valkey.call("PUBSUB", "NUMSUB", "a", *names)
            assert found[1::2] == [1] * (len(names) + 1)
        assert await heard(valkey, sub, "1") == []


async def test_a_server_that_runs_a_script_refuses_for_now(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port) as r, r.subscribe("a") as sub:
        limit = valkey.call("CONFIG", "GET", "busy-reply-threshold")[1]
        valkey.call("CONFIG", "SET", "busy-reply-threshold", "10")
        running = asyncio.create_task(r.execute("EVAL", "while true do end", "0"))
        try:
            await asyncio.sleep(0.1)
            adding = asyncio.create_task(sub.add("b"))
            await asyncio.sleep(0.1)
            assert not adding.done()
            async with Redis(valkey.host, valkey.port) as other:
                await other.execute("SCRIPT", "KILL")
            await within(adding, 10)
            assert valkey.call("PUBLISH", "b", "x") == 1
        finally:
            with contextlib.suppress(ServerError):
                await running
            valkey.call("CONFIG", "SET", "busy-reply-threshold", limit)


async def test_a_server_that_never_confirms() -> None:
    """The subscription fails in time, and nothing of it stays wanted."""
    with FakeServer(answers={"SUBSCRIBE": [Hang()]}) as server:
        async with Redis(server.host, server.port, command_timeout=0.2) as r:
            sub = r.subscribe("a")
            with pytest.raises(CommandTimeout, match="confirmation") as late:
                await sub.__aenter__()
            assert late.value.command == "SUBSCRIBE"
            assert sub.closed
