"""What must not pass of iterators and consumers, to either type checker."""

from __future__ import annotations

from redpoll import Dedicated, Redis, StreamEntry


async def scans(r: Redis) -> None:
    r.scan_iter(_type="hash")  # type: ignore[call-arg]
    r.scan_iter(on_interrupt="ignore")  # type: ignore[arg-type]
    await r.hscan_iter("h")  # type: ignore[misc]


async def of_bytes(entry: StreamEntry[bytes]) -> None:
    await entry.ack()


async def streams(r: Redis, c: Dedicated) -> None:
    r.consumer("orders", "g")  # type: ignore[call-arg]
    r.consumer(5, "g", "c")  # type: ignore[arg-type]
    await r.consumer("orders", "g", "c").run(of_bytes)  # type: ignore[arg-type]
    c.consumer("orders", "g", "c")  # type: ignore[attr-defined]
    c.monitor()  # type: ignore[attr-defined]
