"""The yardstick: the least that asyncio and hiredis can do for a command. Frozen, so that ratios stay comparable.

One future a command, one write a turn of the event loop, replies in order. No timeouts, no cancellation, no pushes, no
errors: what it lacks is what a client's extra cost pays for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

from hiredis import Reader, pack_command


class Yardstick(asyncio.Protocol):
    """A connection that does nothing but send commands and resolve their futures."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.reader = Reader(encoding="utf-8")
        self.waiting: deque[asyncio.Future[Any]] = deque()
        self.out: list[bytes] = []
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader, waiting = self.reader, self.waiting
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            waiting.popleft().set_result(reply)

    def call(self, *words: Any) -> asyncio.Future[Any]:
        if not self.out:
            self.loop.call_soon(self.flush)
        self.out.append(pack_command(words))
        future = self.loop.create_future()
        self.waiting.append(future)
        return future

    def flush(self) -> None:
        out, self.out = self.out, []
        self.transport.write(b"".join(out))


async def connect(host: str, port: int) -> Yardstick:
    _, connection = await asyncio.get_running_loop().create_connection(Yardstick, host, port)
    return connection
