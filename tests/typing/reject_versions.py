"""What is no version, or says twice whose: refused by both type checkers."""

from __future__ import annotations

from redpoll import Redis, supports


async def versions(r: Redis) -> None:
    supports("GET")  # type: ignore[call-overload]
    supports("GET", 8.2)  # type: ignore[call-overload]
    supports("GET", "8.2", server="keydb")  # type: ignore[call-overload]
    supports("GET", "8.2", "EX")  # type: ignore[call-overload]
    supports("GET", await r.info(), server="redis")  # type: ignore[call-overload]
