"""An application that uses commands of its own server, in the awaited and the queued form."""

from typing import assert_type

import pytest
from shop.redis_commands import MyCommands, MyQueuedCommands
from typing_extensions import override

from redpoll import Pipeline, Redis, UsageError
from redpoll.types import S


class MyPipeline(Pipeline[S], MyQueuedCommands[S]):
    """A pipeline with the shop's commands."""

    __slots__ = ()


class MyRedis(Redis[S], MyCommands[S]):
    """A client with the shop's commands."""

    __slots__ = ()

    @override
    def pipeline(self, *, raise_on_error: bool = True) -> MyPipeline[S]:
        return self._pipeline(MyPipeline[S], raise_on_error)


async def text(host: str, port: int) -> None:
    """Replies as str."""
    async with MyRedis(host, port) as r:
        assert_type(r, MyRedis[str])
        put = await r.shelf_put("s", {"a": 1, "b": 2}, ex=60)
        assert_type(put, int)
        taken = await r.shelf_take("s", "a", "c")
        assert_type(taken, list[str | None])
        named = await r.shelf_take("s", "a", "b", names=True)
        assert_type(named, list[tuple[str, str]])
        greeted = await r.shelf_greet("Ada", loud=True)
        assert_type(greeted, str)
        assert (put, taken, named, greeted) == (2, ["1", None], [("a", "1"), ("b", "2")], "HELLO ADA")
        assert await r.ttl("s") > 0
        assert await r.shelf_dark("s", 1) == await r.using(timeout=9).shelf_size("s") == 2
        await r.lpush("q", "x")
        assert await r.shelf_wait("q", 1.0) == ("q", "x")
        with pytest.raises(UsageError, match="a shelf holds three things"):
            await r.shelf_put("s", dict.fromkeys("abcd", 1))


async def binary(host: str, port: int) -> None:
    """Replies as bytes, in a pipeline."""
    async with MyRedis[bytes](host, port, decode_responses=False, protocol=2) as r:
        assert_type(r, MyRedis[bytes])
        async with r.pipeline() as p:
            size = p.shelf_size("s")
            named = p.shelf_take("s", "a", names=True)
            kind = p.type("s")
        assert_type(size.result(), int)
        assert_type(named.result(), list[tuple[bytes, bytes]])
        assert (size.result(), named.result(), kind.result()) == (2, [(b"a", b"1")], "hash")


async def main(host: str, port: int) -> None:
    """Run all of it."""
    await text(host, port)
    await binary(host, port)
