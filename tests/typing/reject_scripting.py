"""Calls of scripts, functions and locks that must not type-check."""

from __future__ import annotations

from redpoll import Redis


async def scripts(r: Redis) -> None:
    add = r.script("return 1", returns=int)
    await add("k")  # type: ignore[call-overload]
    await add(["k"], "a")  # type: ignore[call-overload]
    await add(["k"], [None])  # type: ignore[list-item]
    value: str = await add()  # type: ignore[assignment]
    r.script("return 1", returns=5)  # type: ignore[call-overload]
    r.library("lib").function("f", returns=5)  # type: ignore[call-overload]
    print(value)


async def locks(r: Redis) -> None:
    r.lock("l", ttl="30")  # type: ignore[arg-type]
    r.lock("l", forever=True)  # type: ignore[call-arg]
    await r.lock("l").extend()  # type: ignore[call-arg]
    async with r.script("return 1"):  # type: ignore[attr-defined]
        pass
