"""Calls that cannot be right are refused before anything is sent, with an error that names the command."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from redpoll import Redis
from redpoll.errors import ServerError, UsageError
from redpoll.testing import EmbeddedServer
from redpoll.values import BitGet, BitIncrBy, BitSet, GrepExact, GrepGlob
from tests.live.commands.cases import Raises, Table, case

Call = Callable[[Any], Awaitable[Any]]
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

VALUES: list[tuple[str, str, Call]] = [
    ("SET", "argument 2 is NoneType", lambda c: c.set("k", None)),
    ("SET", "argument 2 is bool", lambda c: c.set("k", True)),
    ("SET", "argument 2 is Decimal", lambda c: c.set("k", decimal.Decimal(1))),
    ("SET", "argument 2 is UUID", lambda c: c.set("k", uuid.UUID(int=0))),
    ("SET", "argument 2 is datetime", lambda c: c.set("k", NOW)),
    ("SET", "argument 2 is date", lambda c: c.set("k", NOW.date())),
    ("SET", "argument 2 is list", lambda c: c.set("k", ["v"])),
    ("SET", "argument 2 is dict", lambda c: c.set("k", {"f": "v"})),
    ("SET", "argument 2 is NaN", lambda c: c.set("k", math.nan)),
    ("SET", "argument 1 is NoneType", lambda c: c.set(None, "v")),
    ("SET", "argument 4 is bool", lambda c: c.set("k", "v", ex=True)),
    ("SET", "argument 4 is NaN", lambda c: c.set("k", "v", ex=math.nan)),
    ("GET", "argument 1 is int|argument 1 is NoneType", lambda c: c.get(None)),
    ("APPEND", "argument 2 is object", lambda c: c.append("k", object())),
    ("EXPIRE", "argument 2 is NoneType", lambda c: c.expire("k", None)),
    ("HSET", "argument 3 is NoneType", lambda c: c.hset("h", {"f": None})),
    ("HSET", "argument 3 is bool", lambda c: c.hset("h", "f", False)),
    ("HMGET", "argument 2 is NoneType", lambda c: c.hmget("h", None)),
    ("LPUSH", "argument 3 is list", lambda c: c.lpush("l", 1, [2])),
    ("SADD", "argument 2 is set", lambda c: c.sadd("s", {"a"})),
    ("SADD", "argument 2 is tuple", lambda c: c.sadd("s", ("a", "b"))),
    ("ZADD", "argument 2 is NaN", lambda c: c.zadd("z", {"m": math.nan})),
    ("ZADD", "argument 3 is NoneType", lambda c: c.zadd("z", {None: 1})),
    ("ZINCRBY", "argument 2 is NaN", lambda c: c.zincrby("z", math.nan, "m")),
    ("XADD", "argument 4 is datetime", lambda c: c.xadd("x", {"f": NOW})),
    ("PUBLISH", "argument 2 is dict", lambda c: c.publish("news", {"a": 1})),
    ("EVAL", "argument 3 is NoneType", lambda c: c.eval("return 1", [], [None])),
    ("GEOADD", "argument 2 is NaN", lambda c: c.geoadd("g", (math.nan, 1, "m"))),
    ("MSET", "argument 2 is NoneType", lambda c: c.mset({"k": None})),
    ("DEL", "argument 1 is NoneType", lambda c: c.delete(None)),
]

EXCLUSIVE: list[tuple[str, str, Call]] = [
    ("SET", "at most one of nx, xx", lambda c: c.set("k", "v", nx=True, xx=True)),
    ("SET", "at most one of ex, px", lambda c: c.set("k", "v", ex=1, keepttl=True)),
    ("GETEX", "at most one of ex, px", lambda c: c.getex("k", ex=1, persist=True)),
    ("EXPIRE", "at most one of", lambda c: c.expire("k", 1, nx=True, gt=True)),
    ("HEXPIRE", "at most one of", lambda c: c.hexpire("h", 1, "f", xx=True, lt=True)),
    ("ZRANGE", "at most one of byscore, bylex", lambda c: c.zrange("z", 0, 1, byscore=True, bylex=True)),
    ("ZRANGE", "must be given together", lambda c: c.zrange("z", 0, 1, byscore=True, offset=1)),
    ("CLUSTER SLOT-STATS", "exactly one of slotsrange, orderby", lambda c: c.cluster_slot_stats()),
    (
        "CLUSTER SLOT-STATS",
        "at most one of asc, desc",
        lambda c: c.cluster_slot_stats(orderby="CPU-USEC", asc=True, desc=True),
    ),
    ("CLUSTER SLOT-STATS", "need orderby", lambda c: c.cluster_slot_stats(slotsrange=(0, 1), limit=1)),
    ("CLUSTER SLOT-STATS", "orderby must be one of", lambda c: c.cluster_slot_stats(orderby="SIZE")),
    ("CONFIG SET", "a mapping, or a parameter", lambda c: c.config_set("timeout")),
    ("CONFIG SET", "a mapping, or a parameter", lambda c: c.config_set({"timeout": 1}, mapping={"timeout": 1})),
    ("AROP", "exactly one of operation, match", lambda c: c.arop("a", 0, 1)),
    ("AROP", "exactly one of operation, match", lambda c: c.arop("a", 0, 1, "SUM", match="x")),
    ("AROP", "operation must be one of", lambda c: c.arop("a", 0, 1, "MATCH")),
    ("VSIM", "exactly one of query, element", lambda c: c.vsim("v")),
    ("VSIM", "exactly one of query, element", lambda c: c.vsim("v", "a", element="a")),
    ("SORT", "at most one of asc, desc", lambda c: c.sort("l", asc=True, desc=True)),
    ("GEOSEARCH", "exactly one of", lambda c: c.geosearch("g", frommember="m")),
    ("GEOSEARCH", "any needs count", lambda c: c.geosearch("g", frommember="m", byradius=(1, "M"), any=True)),
    ("XADD", "at most one of maxlen, minid", lambda c: c.xadd("x", {"f": 1}, maxlen=1, minid=1)),
    ("XTRIM", "limit needs approximate", lambda c: c.xtrim("x", 1, False, limit=1)),
    ("XPENDING", "needs count", lambda c: c.xpending("x", "g", start="-", end="+")),
    ("XPENDING", "needs count", lambda c: c.xpending("x", "g", consumer="c")),
    ("FLUSHALL", "at most one of", lambda c: c.flushall(asynchronous=True, sync=True)),
    ("LMOVE", "must be one of", lambda c: c.lmove("a", "b", "UP", "DOWN")),
    ("LINSERT", "must be one of", lambda c: c.linsert("l", "beside", "a", "b")),
    ("HSET", "a mapping, or a field", lambda c: c.hset("h", "f")),
]

EMPTY: list[tuple[str, str, Call]] = [
    ("DEL", "keys", lambda c: c.delete()),
    ("MGET", "keys", lambda c: c.mget([])),
    ("MSET", "mapping", lambda c: c.mset({})),
    ("HSET", "mapping", lambda c: c.hset("h", {})),
    ("HDEL", "fields", lambda c: c.hdel("h")),
    ("HEXPIRE", "fields", lambda c: c.hexpire("h", 1)),
    ("LPUSH", "elements", lambda c: c.lpush("l")),
    ("SADD", "members", lambda c: c.sadd("s")),
    ("ZADD", "mapping", lambda c: c.zadd("z", {})),
    ("ZUNION", "keys", lambda c: c.zunion()),
    ("XADD", "fields", lambda c: c.xadd("x", {})),
    ("XREAD", "streams", lambda c: c.xread({})),
    ("XDEL", "ids", lambda c: c.xdel("x")),
    ("BLPOP", "keys", lambda c: c.blpop([])),
    ("GEOADD", "members", lambda c: c.geoadd("g")),
    ("CONFIG SET", "mapping", lambda c: c.config_set({})),
    ("SORT", "get", lambda c: c.sort("l", get=[])),
    ("CLIENT LIST", "id", lambda c: c.client_list(id=())),
    ("ARGREP", "predicates", lambda c: c.argrep("a", 0, 1)),
    ("VADD", "vector", lambda c: c.vadd("v", [], "e")),
]

SINGLE: list[tuple[str, str, Call]] = [
    ("EVAL", "keys", lambda c: c.eval("return 1", "key")),
    ("EVAL", "args", lambda c: c.eval("return 1", [], "arg")),
    ("FCALL", "keys", lambda c: c.fcall("f", b"key")),
    ("ZUNION", "weights", lambda c: c.zunion("z", weights=2)),
    ("ZUNION", "weights", lambda c: c.zunion("z", weights="2")),
    ("EVAL", "nothing can follow them", lambda c: c.eval("return 1", [], [], "arg")),
    ("EVAL", "in no collection", lambda c: c.eval("return 1", 1, ["key"])),
    ("EVALSHA_RO", "in no collection", lambda c: c.evalsha_ro("sha", 0, (), "arg")),
    ("GEOADD", "members", lambda c: c.geoadd("g", "abc")),
    ("HSET", "mapping", lambda c: c.hset("h", mapping="fv")),
    ("MSET", "mapping", lambda c: c.mset([("a", 1)])),
    ("XREAD", "streams", lambda c: c.xread("x")),
]


TOGETHER: list[tuple[str, str, Call]] = [
    ("ZADD", "nx excludes gt and lt", lambda c: c.zadd("z", {"m": 1}, nx=True, gt=True)),
    ("ZADD", "incr takes exactly one member", lambda c: c.zadd("z", {"m": 1, "n": 2}, incr=True)),
    ("ZRANGE", "need byscore or bylex", lambda c: c.zrange("z", 0, 1, offset=0, num=1)),
    ("ZRANGE", "withscores excludes bylex", lambda c: c.zrange("z", "-", "+", bylex=True, withscores=True)),
    ("ZRANGESTORE", "need byscore or bylex", lambda c: c.zrangestore("o", "z", 0, 1, offset=0, num=1)),
    ("LCS", "at most one of len, idx", lambda c: c.lcs("a", "b", len=True, idx=True)),
    ("BITOP", "NOT takes exactly one key", lambda c: c.bitop("NOT", "o", "a", "b")),
    ("BITOP", "at least two keys", lambda c: c.bitop("DIFF", "o", "a")),
    ("GEORADIUS", "store and storedist exclude", lambda c: c.georadius("g", 1, 1, 1, "M", store="o", withdist=True)),
    ("GEOSEARCH", "frommember, fromlonlat", lambda c: c.geosearch("g", byradius=(1, "M"))),
    ("RESTORE", "at most one of idletime, freq", lambda c: c.restore("k", 0, b"x", idletime=1, freq=1)),
]
"""Options that do not go together, which no spec tells."""


VALUES_OF_THEIR_OWN: list[tuple[str, str, Call]] = [
    (
        "BITFIELD",
        "number 2 must be a BitGet, BitSet or BitIncrBy, not tuple",
        lambda c: c.bitfield("b", BitGet("u8", 0), ("GET", "u8", 0)),
    ),
    ("BITFIELD", "number 1: encoding must be 'u1' to 'u63' or", lambda c: c.bitfield("b", BitGet("u64", 0))),
    ("BITFIELD", "number 1: encoding", lambda c: c.bitfield("b", BitSet("i65", 0, 1))),
    ("BITFIELD", "number 1: encoding", lambda c: c.bitfield("b", BitIncrBy("8", 0, 1))),
    ("BITFIELD", "number 1: encoding", lambda c: c.bitfield("b", BitGet("U8", 0))),
    ("BITFIELD", "number 1: encoding", lambda c: c.bitfield("b", BitGet(b"u8", 0))),
    ("BITFIELD", "number 1: offset must be", lambda c: c.bitfield("b", BitGet("u8", -1))),
    ("BITFIELD", "number 1: offset must be", lambda c: c.bitfield("b", BitGet("u8", "#-1"))),
    ("BITFIELD", "number 1: offset must be", lambda c: c.bitfield("b", BitGet("u8", 1.5))),
    ("BITFIELD", "number 1: overflow must be one of 'WRAP'", lambda c: c.bitfield("b", BitSet("u8", 0, 1, "CLAMP"))),
    ("BITFIELD", "argument 5 is NoneType", lambda c: c.bitfield("b", BitSet("u8", 0, None))),
    ("BITFIELD_RO", "number 1 must be a BitGet, not BitSet", lambda c: c.bitfield_ro("b", BitSet("u8", 0, 1))),
    ("ARGREP", "number 1 must be a GrepExact, .* not str", lambda c: c.argrep("a", 0, 1, "x")),
    ("ARGREP", "251 were given, and at most 250", lambda c: c.argrep("a", 0, 1, *[GrepExact("x")] * 251)),
    ("ARGREP", "combine must be one of", lambda c: c.argrep("a", 0, 1, GrepGlob("x*"), combine="XOR")),
    ("VADD", "4 bytes each are needed, and 3 bytes", lambda c: c.vadd("v", b"abc", "e")),
    ("VSIM", "4 bytes each are needed, and 0 bytes", lambda c: c.vsim("v", b"")),
    ("EVAL", "numkeys is 2, and 1 keys and arguments follow", lambda c: c.eval("return 1", 2, "k")),
    ("FCALL_RO", "numkeys is -1, and 0 keys", lambda c: c.fcall_ro("f", -1)),
    ("EVALSHA", "argument 2 is bool", lambda c: c.evalsha("sha", True, "k")),
]
"""What typed values of small languages must be; no error repeats a user's text."""


async def test_what_the_server_refuses(table: Table, subtests: pytest.Subtests) -> None:
    refused = [case(lambda c: c.expire("k", 2**62), Raises("invalid expire", ServerError), "SET k v")]
    await table.run(refused, subtests)


@pytest.mark.parametrize(
    "table",
    [VALUES, EXCLUSIVE, EMPTY, SINGLE, TOGETHER, VALUES_OF_THEIR_OWN],
    ids=["value", "exclusive", "empty", "single", "together", "own"],
)
async def test_refused(valkey: EmbeddedServer, subtests: pytest.Subtests, table: list[tuple[str, str, Call]]) -> None:
    for number, (command, message, call) in enumerate(table):
        with subtests.test(f"{number}: {command}"):
            async with Redis(valkey.host, valkey.port) as client:
                await refused(client, command, message, call)
    assert valkey.call("DBSIZE") == 0


async def refused(client: Redis[str], command: str, message: str, call: Call) -> None:
    with pytest.raises(UsageError, match=message) as error:
        await call(client)
    assert error.value.command == command
    assert error.value.outcome == "not_run"
    pipeline = client.pipeline()
    pipeline.incr("n")
    with pytest.raises(UsageError, match=message):  # as it is queued, or before the batch is sent
        await _queued(pipeline, call)
    assert not client._core.connected  # not even a connection was made


async def _queued(pipeline: Any, call: Call) -> None:
    call(pipeline)
    await pipeline.execute()
