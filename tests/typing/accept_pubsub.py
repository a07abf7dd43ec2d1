"""Subscriptions: never run, only type-checked."""

from __future__ import annotations

from typing import assert_type

from redpoll import Gap, GapSubscription, KeyEvent, Message, Redis, Subscription, keyevent, keyspace


async def of_text(r: Redis) -> None:
    async with r.subscribe("a", patterns=["b*"], shards=("c",), buffer=10, overflow="wait", gaps="raise") as sub:
        assert_type(sub, Subscription[str])
        async for message in sub:
            assert_type(message, Message[str])
            assert_type(message.channel, str)
            assert_type(message.data, str)
            assert_type(message.pattern, str | None)
            assert_type(KeyEvent.of(message), KeyEvent[str] | None)
        assert_type(await sub.get_message(timeout=1), Message[str] | None)
        await sub.add("d", patterns=[keyspace("user:*"), keyevent("expired", db="*")])
        await sub.remove("d")
        assert_type((sub.gaps, sub.dropped, sub.closed), tuple[int, int, bool])


async def of_bytes(r: Redis[bytes]) -> None:
    def handler(message: Message[bytes]) -> None:
        assert_type(message.data, bytes)

    async def slow(message: Message[bytes]) -> None: ...

    async with r.subscribe(b"a") as sub:
        assert_type(sub, Subscription[bytes])
        sub.on("a", handler)
        sub.on(b"a", slow)
        sub.on("a*", lambda message: message.data.hex(), kind="pmessage")
        async for message in sub:
            assert_type(message.data, bytes)


async def with_gaps(r: Redis) -> None:
    async with r.subscribe("a", gaps="yield", on_gap=lambda gap: gap.missed) as sub:
        assert_type(sub, GapSubscription[str])
        async for item in sub:
            if isinstance(item, Gap):
                assert_type(item.missed, int | None)
            else:
                assert_type(item, Message[str])
