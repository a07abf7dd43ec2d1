"""Subscriptions: messages by iteration and by handlers, a loss that is told, events of keys.

By itself: python examples/pubsub.py, with the embedded server, or with one of yours: … redis://localhost:6379
"""

from __future__ import annotations

import asyncio
import sys

from redpoll import Gap, KeyEvent, Message, Redis, keyspace
from redpoll.testing import EmbeddedServer


async def by_iteration(r: Redis) -> None:
    """Two channels and a pattern, read one after the other."""
    async with r.subscribe("news", "weather", patterns=["sport.*"]) as sub:
        await r.publish("news", "redpoll sings")
        await r.publish("sport.chess", "1-0")
        for _ in range(2):
            message = await anext(sub)
            print(f"{message.channel}: {message.data}")
        print("quiet:", await sub.get_message(timeout=0.01))


async def by_handlers(r: Redis) -> None:
    """Functions for some channels; they run one after the other beside what this task does."""
    done = asyncio.Event()

    async def on_order(message: Message[str]) -> None:
        print("order", message.data)
        done.set()

    async with r.subscribe("orders") as sub:
        sub.on("orders", on_order)
        await r.publish("orders", "17")
        await done.wait()


async def with_a_loss(r: Redis) -> None:
    """A connection that is killed is made again; the gap stands where messages may be missing."""
    async with r.subscribe("news", gaps="yield") as sub:
        await r.client_kill(type="PUBSUB")
        item = await anext(sub)
        assert isinstance(item, Gap)
        print("a gap:", item.cause)  # the place to read anew what the messages would have told
        await r.publish("news", "back again")
        item = await anext(sub)
        assert isinstance(item, Message)
        print(item.data)


async def of_keys(r: Redis) -> None:
    """What happens to keys, as the server tells it where notify-keyspace-events says so."""
    before = (await r.config_get("notify-keyspace-events"))["notify-keyspace-events"]
    await r.config_set("notify-keyspace-events", "KA")
    try:
        async with r.subscribe(patterns=[keyspace("user:*")]) as sub:
            await r.set("user:1", "Ada")
            event = KeyEvent.of(await anext(sub))
            print(event)
    finally:
        await r.config_set("notify-keyspace-events", before)
        await r.delete("user:1")


async def main(url: str) -> None:
    """Run the examples against the server at ``url``."""
    async with Redis.from_url(url) as r:
        await by_iteration(r)
        await by_handlers(r)
        await with_a_loss(r)
        await of_keys(r)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        with EmbeddedServer() as server:
            asyncio.run(main(server.url()))
