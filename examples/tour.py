"""A tour of typed calls. Each `yield` gives one reply; `make demo` shows it beside its static type.

By itself: python examples/tour.py, with the embedded server, or with one of yours: … redis://localhost:6379/9
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator

from redpoll import Redis
from redpoll.testing import EmbeddedServer


async def tour(r: Redis) -> AsyncGenerator[object]:
    """Yield the replies of a dozen calls, of every kind that a first hour with redpoll meets."""
    # Strings. An option that changes the reply changes its type.
    yield await r.set("greeting", "hello", ex=60)
    yield await r.get("greeting")
    yield await r.set("greeting", "good morning", keepttl=True, get=True)
    yield await r.incr("visits")

    # Hashes: a mapping goes in, a dict comes out.
    yield await r.hset("user:1", {"name": "Ada", "born": 1815})
    yield await r.hgetall("user:1")

    # Sorted sets: scores are floats, on RESP2 and RESP3.
    yield await r.zadd("board", {"ann": 3.5, "bo": 2})
    yield await r.zrange("board", 0, -1)
    yield await r.zrange("board", 0, -1, withscores=True)

    # Streams.
    yield await r.xadd("events", {"kind": "login", "user": "1"}, id="1-1")
    yield await r.xrange("events", "-", "+")

    # A pipeline: one write, one answer each, every answer with its own type.
    async with r.pipeline() as p:
        visits = p.incr("visits")
        name = p.hget("user:1", "name")
        removed = p.delete("greeting", "board")
    yield visits.result()
    yield name.result()
    yield removed.result()

    # The same connection, with replies as bytes.
    yield await r.binary.hget("user:1", "name")

    # Any command by its words: the reply is whatever the server says.
    yield await r.execute("OBJECT", "ENCODING", "visits")


async def main(url: str) -> None:
    """Print the replies of the tour against the server at ``url``."""
    async with Redis.from_url(url) as r, contextlib.aclosing(tour(r)) as replies:
        async for reply in replies:
            print(repr(reply))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        with EmbeddedServer() as server:
            asyncio.run(main(server.url()))
