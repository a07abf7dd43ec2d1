"""What a Sentinel answers: never run, only type-checked."""

from __future__ import annotations

from typing import assert_type

from redpoll import Redis
from redpoll.records.sentinel import (
    CachedInfo,
    DownVote,
    PendingScript,
    WatchedPrimary,
    WatchedReplica,
    WatchedSentinel,
)
from redpoll.records.server import ServerInfo


async def watched(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.sentinel_masters(), list[WatchedPrimary])
    assert_type(await b.sentinel_primaries(), list[WatchedPrimary])
    assert_type(await r.sentinel_master("main"), WatchedPrimary)
    assert_type(await b.sentinel_primary(b"main"), WatchedPrimary)
    assert_type(await r.sentinel_replicas("main"), list[WatchedReplica])
    assert_type(await b.sentinel_slaves("main"), list[WatchedReplica])
    assert_type(await r.sentinel_sentinels("main"), list[WatchedSentinel])
    primary = await r.sentinel_master("main")
    assert_type((primary.name, primary.ip, primary.port), tuple[str, str, int])
    assert_type(primary.flags, tuple[str, ...])
    assert_type(primary.o_down_time, int | None)
    assert_type(primary.extra, dict[str, str])
    assert_type(primary.is_down, bool)


async def answers(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.sentinel_get_master_addr_by_name("main"), tuple[str, int] | None)
    assert_type(await b.sentinel_get_primary_addr_by_name("main"), tuple[str, int] | None)
    assert_type(await b.sentinel_ckquorum("main"), str)
    assert_type(await b.sentinel_myid(), str)
    assert_type(await b.sentinel_help(), list[str])
    assert_type(await r.sentinel_is_master_down_by_addr("127.0.0.1", 6379, 0), DownVote)
    assert_type(await r.sentinel_is_primary_down_by_addr("127.0.0.1", 6379, 1, "a" * 40), DownVote)
    assert_type(await r.sentinel_pending_scripts(), list[PendingScript])
    cache = await r.sentinel_info_cache("main", "other")
    assert_type(cache, dict[str, list[CachedInfo]])
    assert_type(cache["main"][0].info, ServerInfo | None)


async def by_argument(r: Redis, flag: bool) -> None:
    assert_type(await r.sentinel_config(get="*"), dict[str, str])
    assert_type(await r.sentinel_config(get=["announce-*", "loglevel"]), dict[str, str])
    assert_type(await r.sentinel_config(set={"announce-port": 0, "loglevel": "notice"}), bool)
    assert_type(await r.sentinel_debug(), dict[str, int])
    assert_type(await r.sentinel_debug({"info-period": 100}), bool)
    assert_type(await r.sentinel_simulate_failure(help=True), list[str])
    assert_type(await r.sentinel_simulate_failure(crash_after_election=True), bool)
    assert_type(await r.sentinel_simulate_failure(crash_after_election=True, help=flag), list[str] | bool)


async def changes(r: Redis) -> None:
    assert_type(await r.sentinel_monitor("main", "127.0.0.1", 6379, 2), bool)
    assert_type(await r.sentinel_set("main", {"quorum": 2, "auth-user": "bob"}), bool)
    assert_type(await r.sentinel_set("main", "quorum", 2), bool)
    assert_type(await r.sentinel_set("main", mapping={"quorum": 2}, rename_command={"CONFIG": "hidden"}), bool)
    assert_type(await r.sentinel_set("main", rename_command={"CONFIG": "hidden"}), bool)
    assert_type(await r.sentinel_failover("main"), bool)
    assert_type(await r.sentinel_failover("main", coordinated=True), bool)
    assert_type(await r.sentinel_reset("ma*"), int)
    assert_type(await r.sentinel_remove("main"), bool)
    assert_type(await r.sentinel_flushconfig(), bool)


async def queued(r: Redis) -> None:
    async with r.pipeline() as p:
        known, where = p.sentinel_masters(), p.sentinel_get_master_addr_by_name("main")
        settings = p.sentinel_config(get="*")
    assert_type(known.result(), list[WatchedPrimary])
    assert_type(where.result(), tuple[str, int] | None)
    assert_type(settings.result(), dict[str, str])
