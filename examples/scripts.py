"""Scripts and functions whose replies have a type.

By itself: python examples/scripts.py, with the embedded server, or with one of yours: … redis://localhost:6379/9
"""

from __future__ import annotations

import asyncio
import sys

from redpoll import Redis
from redpoll.testing import EmbeddedServer

TAKE = """
local left = tonumber(redis.call('GET', KEYS[1]) or ARGV[1])
if left < 1 then return -1 end
redis.call('SET', KEYS[1], left - 1, 'EX', ARGV[2])
return left - 1
"""

LIBRARY = """#!lua name=visits
redis.register_function('visit', function(keys, args)
    redis.call('HSET', keys[1], 'last', args[1])
    return redis.call('HINCRBY', keys[1], 'count', 1)
end)
redis.register_function{
    function_name = 'visitor',
    callback = function(keys) return redis.call('HGETALL', keys[1]) end,
    flags = {'no-writes'},
}
"""


async def main(url: str) -> None:
    """Print what a limiter, a pipeline and a library give."""
    async with Redis.from_url(url) as r:
        # EVALSHA; where the server does not know the script, EVAL, once. The reply is an int for type checkers as well.
        take = r.script(TAKE, returns=int)
        print([await take(keys=["tokens:ada"], args=[2, 60]) for _ in range(3)])

        # In a pipeline the script is loaded ahead, and its result stands beside those of other commands.
        async with r.pipeline() as p:
            left = take(["tokens:bo"], [5, 60], client=p)
            stored = p.get("tokens:bo")
        print(left.result(), stored.result())

        # Functions stay on the server. One that only reads may run on replicas, and again if its connection is lost.
        lib = r.library("visits", LIBRARY)
        await lib.load(replace=True)
        visit = lib.function("visit", returns=int)
        visitor = lib.function("visitor", returns=dict, readonly=True)
        print(await visit(["user:1"], ["monday"]), await visit(["user:1"], ["friday"]))
        print(await visitor(["user:1"]))
        await lib.delete()
        await r.delete("tokens:ada", "tokens:bo", "user:1")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        with EmbeddedServer() as server:
            asyncio.run(main(server.url()))
