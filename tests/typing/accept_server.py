"""Servers, connections, scripts and channels: records instead of text reports."""

from __future__ import annotations

import datetime as dt
from typing import assert_type

from redpoll import Redis
from redpoll.records.commands import CommandDocs, CommandInfo, FunctionLibrary, FunctionStats
from redpoll.records.server import (
    AclLogEntry,
    AclUser,
    ClientInfo,
    LatencyEvent,
    LatencyHistogram,
    LogEntry,
    MemoryStats,
    ModuleInfo,
    PrimaryRole,
    ReplicaRole,
    SentinelRole,
    ServerInfo,
)


async def server(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.info(), ServerInfo)
    assert_type(await b.info("server", "memory"), ServerInfo)
    assert_type(await r.role(), PrimaryRole | ReplicaRole | SentinelRole)
    assert_type(await r.time(), tuple[int, int])
    assert_type(await r.dbsize(), int)
    assert_type(await r.flushall(asynchronous=True), bool)
    assert_type(await r.flushdb(), bool)
    assert_type(await r.lastsave(), int)
    assert_type(await r.bgsave(schedule=True), bool)


async def connection(r: Redis, b: Redis[bytes], message: str | None) -> None:
    assert_type(await r.ping(), bool)
    assert_type(await r.ping("hello"), str)
    assert_type(await b.ping("hello"), bytes)
    assert_type(await r.ping(message), str | bool)
    assert_type(await r.echo("hello"), str)


async def clients(r: Redis) -> None:
    assert_type(await r.client_id(), int)
    assert_type(await r.client_getname(), str | None)
    assert_type(await r.client_info(), ClientInfo)
    assert_type(await r.client_list(id=[1, 2]), list[ClientInfo])
    assert_type(await r.client_list(id=7, skipme=False), list[ClientInfo])
    assert_type(await r.client_kill(id=7, laddr="127.0.0.1:6379", skipme=True), int)
    assert_type(await r.client_pause(dt.timedelta(seconds=1), write=True), bool)


async def settings(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.config_get("max*", "save"), dict[str, str])
    assert_type(await b.config_get("max*"), dict[str, str])
    assert_type(await r.config_set({"maxmemory": 0, "appendonly": "no"}), bool)
    assert_type(await r.config_set("maxmemory", 0), bool)
    assert_type(await r.config_set(mapping={"maxmemory": "1mb"}), bool)
    assert_type(await r.acl_whoami(), str)
    assert_type(await r.acl_getuser("default"), AclUser | None)
    assert_type(await r.acl_log(), list[AclLogEntry])
    assert_type(await r.acl_log(5), list[AclLogEntry])
    assert_type(await r.acl_log(reset=True), bool)


async def insight(r: Redis) -> None:
    assert_type(await r.slowlog_get(10), list[LogEntry])
    assert_type(await r.latency_latest(), list[LatencyEvent])
    assert_type(await r.latency_histogram("get"), dict[str, LatencyHistogram])
    assert_type(await r.latency_history("command"), list[tuple[int, int]])
    assert_type(await r.memory_stats(), MemoryStats)
    assert_type(await r.module_list(), list[ModuleInfo])
    assert_type(await r.command(), list[CommandInfo])
    assert_type(await r.command_info("get"), list[CommandInfo | None])
    assert_type(await r.command_docs("get"), dict[str, CommandDocs])
    assert_type(await r.command_getkeys("GET", "k"), list[str])


async def scripts(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.script_load("return 1"), str)
    assert_type(await b.script_load("return 1"), str)
    assert_type(await r.script_exists("a" * 40), list[bool])
    assert_type(await r.script_flush(asynchronous=True), bool)
    assert_type(await r.function_load("#!lua name=x", replace=True), str)
    assert_type(await r.function_list(withcode=True), list[FunctionLibrary])
    assert_type(await r.function_stats(), FunctionStats)
    assert_type(await r.function_dump(), bytes)
    assert_type(await r.function_flush(sync=True), bool)


async def channels(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.publish("news", "hello"), int)
    assert_type(await r.pubsub_channels(), list[str])
    assert_type(await b.pubsub_numsub("news"), dict[bytes, int])
    assert_type(await r.pubsub_numpat(), int)
