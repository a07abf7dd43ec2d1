"""What no Sentinel takes or gives: refused by both type checkers."""

from __future__ import annotations

from redpoll import Redis


async def arguments(r: Redis) -> None:
    await r.sentinel_monitor("main", "127.0.0.1", "6379", 2)  # type: ignore[arg-type]
    await r.sentinel_set("main")  # type: ignore[call-overload]
    await r.sentinel_set("main", "quorum")  # type: ignore[call-overload]
    await r.sentinel_failover("main", True)  # type: ignore[call-arg]
    await r.sentinel_debug("info-period")  # type: ignore[call-overload]
    await r.sentinel_config(get=1)  # type: ignore[call-overload]


async def results(r: Redis, b: Redis[bytes]) -> None:
    address = await r.sentinel_get_master_addr_by_name("main")
    address[1].bit_length()  # type: ignore[index]
    primary = await b.sentinel_master("main")
    primary.name.decode()  # type: ignore[attr-defined]
    primary.quorum = 1  # type: ignore[misc]
