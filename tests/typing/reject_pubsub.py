"""Subscriptions that are wrong: each line must be refused by both checkers."""

from __future__ import annotations

from redpoll import Message, Redis


async def refused(r: Redis) -> None:
    r.subscribe("a", patterns="b*")  # type: ignore[call-overload]  # a lone pattern
    r.subscribe("a", overflow="maybe")  # type: ignore[call-overload]
    r.subscribe(1)  # type: ignore[call-overload]

    def of_bytes(message: Message[bytes]) -> None: ...

    async with r.subscribe("a") as sub:
        sub.on("a", of_bytes)  # type: ignore[arg-type]
        async for message in sub:
            message.data = "x"  # type: ignore[misc]  # messages are frozen
            message.missed  # type: ignore[attr-defined]  # noqa: B018  # it gives no gaps
