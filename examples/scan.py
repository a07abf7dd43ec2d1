"""Iterate over keys, fields and members without holding up the server.

By itself: python examples/scan.py, with the embedded server, or with one of yours: … redis://localhost:6379/9
"""

from __future__ import annotations

import asyncio
import sys

from redpoll import Redis
from redpoll.testing import EmbeddedServer


async def main(url: str) -> None:
    """Fill a database and walk through it."""
    async with Redis.from_url(url, key_prefix="example:") as r:
        await r.mset({f"user:{number}": number for number in range(1000)})
        await r.hset("prices", {"tea": 3, "coffee": 4})
        await r.zadd("board", {"ann": 3.5, "bo": 2})

        # One key at a time. A key may come twice, as the server says: a set takes care of that.
        users = {key async for key in r.scan_iter(match="user:*", count=200)}
        print(len(users), "users")

        async for field, price in r.hscan_iter("prices"):
            print(field, "costs", price)
        async for member, score in r.zscan_iter("board"):
            print(member, "has", score)

        # Left early: nothing is held, so nothing is to be closed.
        async for key in r.scan_iter(match="user:*"):
            print("the first is a", key.partition(":")[0])
            break

        # What is found may be deleted on the way.
        async for key in r.scan_iter(match="*", count=500):
            await r.unlink(key)
        print(len(await r.keys("*")), "keys left")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        with EmbeddedServer() as server:
            asyncio.run(main(server.url()))
