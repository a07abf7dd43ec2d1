"""A transport without a socket."""

from __future__ import annotations

import asyncio
from typing import Any


class FakeTransport(asyncio.Transport):
    """Records writes; says "full" above ``room`` bytes, as a real one does."""

    def __init__(self, protocol: asyncio.Protocol, room: int = 1 << 40) -> None:
        super().__init__()
        self.protocol = protocol
        self.room = room
        self.writes: list[bytes] = []
        self.buffered = 0
        self.closed = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))
        self.buffered += len(data)
        if self.buffered > self.room:
            self.protocol.pause_writing()

    def drain(self) -> None:
        self.buffered = 0
        self.protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def lose(self, error: Exception | None = None) -> None:
        self.closed = True
        self.protocol.connection_lost(error)

    @property
    def sent(self) -> bytes:
        return b"".join(self.writes)
