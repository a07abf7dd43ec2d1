"""Which client one gets, and what the same call gives on each: never run, only type-checked."""

from __future__ import annotations

from typing import Any, assert_type

from redpoll import Client, Queued, Redis
from redpoll.types import S


async def constructors() -> None:
    assert_type(Redis(), Redis[str])
    assert_type(Redis("localhost", 6379, db=1, client_name="web"), Redis[str])
    assert_type(Redis(decode_responses=True), Redis[str])
    assert_type(Redis(decode_responses=False), Redis[bytes])
    assert_type(Redis("localhost", decode_responses=False, protocol=2), Redis[bytes])
    assert_type(Redis[bytes](decode_responses=False), Redis[bytes])


async def from_url() -> None:
    assert_type(Redis.from_url("redis://localhost"), Redis[str])
    assert_type(Redis.from_url("redis://localhost", decode_responses=True), Redis[str])
    assert_type(Redis.from_url("redis://localhost", decode_responses=False), Redis[bytes])
    assert_type(Redis.from_url("unix:///run/redis.sock", db=1, command_timeout=None), Redis[str])


async def context() -> None:
    async with Redis() as r:
        assert_type(r, Redis[str])
        assert_type(await r.get("k"), str | None)
    async with Redis(decode_responses=False) as b:
        assert_type(b, Redis[bytes])
        assert_type(await b.get("k"), bytes | None)


async def bare_annotation(r: Redis) -> None:
    assert_type(r, Redis[str])
    assert_type(await r.hget("k", "f"), str | None)


async def views(r: Redis, b: Redis[bytes]) -> None:
    assert_type(r.text, Redis[str])
    assert_type(r.binary, Redis[bytes])
    assert_type(b.text, Redis[str])
    assert_type(await r.binary.get("k"), bytes | None)
    assert_type(await b.text.hgetall("k"), dict[str, str])
    assert_type(r.using(timeout=0.2), Redis[str])
    assert_type(b.using(timeout=None, retry=True), Redis[bytes])


async def bytes_client(b: Redis[bytes]) -> None:
    assert_type(await b.hget("k", "f"), bytes | None)
    assert_type(await b.hgetall(b"k"), dict[bytes, bytes])
    assert_type(await b.mget("a", b"b"), list[bytes | None])
    assert_type(await b.smembers("k"), set[bytes])
    assert_type(await b.zrange("k", 0, -1, withscores=True), list[tuple[bytes, float]])
    assert_type(await b.xread({"s": "0"}), dict[bytes, list[tuple[bytes, dict[bytes, bytes]]]])
    assert_type(await b.dump("k"), bytes | None)
    assert_type(await b.type("k"), str)


async def generic_function(client: Client[S], key: str) -> S | None:
    value = await client.get(key)
    assert_type(value, S | None)
    assert_type(await client.hgetall(key), dict[S, S])
    assert_type(await client.zrange(key, 0, -1, withscores=True), list[tuple[S, float]])
    return value


def generic_batch(client: Client[S]) -> Queued[S | None]:
    return client.pipeline().get("k")


async def generic_calls(r: Redis, b: Redis[bytes], any_client: Client[bytes]) -> None:
    assert_type(await generic_function(r, "k"), str | None)
    assert_type(await generic_function(b, "k"), bytes | None)
    assert_type(await generic_function(any_client, "k"), bytes | None)
    assert_type(generic_batch(r).result(), str | None)


async def either(client: Redis[str] | Redis[bytes]) -> None:
    # S is covariant, so a function may take any client.
    wide: Client[str | bytes] = client
    assert_type(await wide.get("k"), str | bytes | None)


async def dynamic(r: Redis) -> None:
    # What the server alone decides is Any, and nothing else is.
    assert_type(await r.execute("OBJECT", "FREQ", "k"), Any)
    assert_type(await r.eval("return 1"), Any)
    assert_type(await r.eval("return 1", ["k"], ["a", 1]), Any)
    assert_type(await r.eval("return 1", 0), Any)
    assert_type(await r.eval("return 1", 1, "k", "a", 1), Any)
    assert_type(await r.evalsha("sha", 2, "k", b"l"), Any)
    assert_type(await r.fcall_ro("f", 1, "k", 1.5), Any)
    assert_type(await r.fcall("f", keys=["k"], args=(1, b"2")), Any)
