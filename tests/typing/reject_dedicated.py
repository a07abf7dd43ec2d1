"""What changes a connection's state is refused on a shared one, by both type checkers."""

from __future__ import annotations

from redpoll import Client, Dedicated, Redis


async def shared(r: Redis, client: Client) -> None:
    await r.select(1)  # type: ignore[attr-defined]
    await r.watch("k")  # type: ignore[attr-defined]
    await client.wait(1, 100)  # type: ignore[attr-defined]
    async with r.pipeline() as p:
        p.select(1)  # type: ignore[attr-defined]


async def dedicated(c: Dedicated) -> None:
    await c.multi()  # type: ignore[attr-defined]
    await c.wait(1)  # type: ignore[call-arg]
    c.dedicated()  # type: ignore[attr-defined]
