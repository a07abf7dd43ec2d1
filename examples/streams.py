"""Two consumers of one group share a stream of orders; one of them dies, and the other one takes over its order.

By itself: python examples/streams.py, with the embedded server, or with one of yours: … redis://localhost:6379/9
"""

from __future__ import annotations

import asyncio
import sys

from redpoll import Redis, StreamEntry
from redpoll.testing import EmbeddedServer

ORDERS = 20


async def main(url: str) -> None:
    """Handle some orders, with an accident."""
    async with Redis.from_url(url, key_prefix="example:") as r:
        await r.delete("orders", "failed")
        for number in range(ORDERS):
            await r.xadd("orders", {"number": number})

        # A consumer that takes an order and dies before it is done: the order stays pending.
        async for entry in r.consumer("orders", group="kitchen", name="ann", count=1):
            print("ann dies with order", entry.fields["number"])
            break

        done: set[str] = set()
        bo = r.consumer(
            *("orders", "kitchen", "bo"), min_idle=0.5, block=0.2, max_deliveries=2, dead_letter="failed"
        )  # seconds; rather minutes in earnest

        async def cook(entry: StreamEntry) -> None:
            number = entry.fields["number"]
            if number == "7":
                raise RuntimeError("nobody can cook this") from None
            await asyncio.sleep(0.01)
            done.add(number)

        # `run` acknowledges what `cook` returns from; what it raises at comes again, and after two times goes to "failed".
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bo.run(cook, concurrency=4))
            while not (failed := await r.xrange("failed")):  # noqa: ASYNC110  # only the server knows
                await asyncio.sleep(0.05)
            bo.stop()

        print("bo cooked", len(done), "orders, ann's too" if "0" in done else "")
        print("failed:", *(fields["number"] for _, fields in failed))
        print((await r.xpending("orders", "kitchen")).count, "pending")
        await r.delete("orders", "failed")


if __name__ == "__main__":
    import logging

    logging.getLogger("redpoll").addHandler(logging.NullHandler())  # what fails is logged; here it is on purpose
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        with EmbeddedServer() as server:
            asyncio.run(main(server.url()))
