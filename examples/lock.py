"""One at a time, over all programs: a lock that renews itself, and what its holder is told when it is lost.

By itself: python examples/lock.py, with the embedded server, or with one of yours: … redis://localhost:6379/9
"""

from __future__ import annotations

import asyncio
import sys

from redpoll import LockLost, Redis
from redpoll.testing import EmbeddedServer


async def work(r: Redis, name: str, done: list[str]) -> None:
    """Do some work that only one may do at a time; each holder makes a lock of its own."""
    async with r.lock("report", ttl=10, sleep=0.01):
        done.append(f"{name} begins")
        await asyncio.sleep(0.01)
        done.append(f"{name} ends")


async def long_work(r: Redis) -> None:
    """Work for longer than the lock lives: it is renewed, until somebody takes it away. Then the block is cancelled."""
    async with r.lock("report", ttl=0.3, auto_renew=True) as lock:
        await asyncio.sleep(0.5)
        print("still held:", await lock.owned())
        await r.delete("report")
        await asyncio.sleep(60)


async def main(url: str) -> None:
    """Print who worked when, and how a lost lock is noticed."""
    async with Redis.from_url(url) as r:
        done: list[str] = []
        await asyncio.gather(*(work(r, name, done) for name in ("Ada", "Bo", "Cy")))
        pairs = zip(done[::2], done[1::2], strict=True)
        print("one at a time:", all(begins.split()[0] == ends.split()[0] for begins, ends in pairs))

        async with r.lock("report", ttl=10):
            print("another one gets it:", await r.lock("report", blocking_timeout=0.05).acquire())

        try:
            await long_work(r)
        except LockLost as error:
            print("lost:", error.outcome)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        with EmbeddedServer() as server:
            asyncio.run(main(server.url()))
