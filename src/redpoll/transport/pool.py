"""Connections leased for one call each: for commands that would hold up, or be held up by, the shared connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from redpoll.errors import PoolTimeout

from .connection import Connection


class Leases:
    """At most ``most`` connections, dialled when needed and kept idle in between. Waiting is in order."""

    __slots__ = ("_address", "_dial", "_idle", "_most", "_used", "_waiting")

    def __init__(self, most: int, address: str, dial: Callable[[], Awaitable[Connection]]) -> None:
        """Begin with none.

        Args:
            most: how many may be leased at a time.
            address: the server's, for errors.
            dial: makes a connection; it is awaited in the task of the one that asks.
        """
        self._most = most
        self._address = address
        self._dial = dial
        self._idle: list[Connection] = []
        self._used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def used(self) -> int:
        """How many are leased now."""
        return self._used

    async def acquire(self, command: str, limit: float | None) -> Connection:
        """Lease a connection.

        Args:
            command: the command's name, for errors.
            limit: seconds to wait for a free one; None for no limit.

        Raises:
            PoolTimeout: none became free in time.
            ConnectionFailed: it could not be dialled.
        """
        if self._used >= self._most or self._waiting:
            await self._wait(command, limit)
        else:
            self._used += 1
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.closing:
                    return connection
            return await self._dial()
        except BaseException:
            self._free()
            raise

    def release(self, connection: Connection) -> None:
        """Give a connection back; it must be in step, with nothing in flight."""
        if not connection.closing:
            self._idle.append(connection)
        self._free()

    def discard(self, connection: Connection) -> None:
        """Close a leased connection."""
        connection.abort()
        self._free()

    def abandon(self) -> list[Connection]:
        """Take out the idle ones without closing them; return them."""
        idle, self._idle = self._idle, []
        return idle

    async def _wait(self, command: str, limit: float | None) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(limit):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._free()  # it was granted meanwhile: pass it on
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                message = f"all {self._most} leased connections were in use for {limit:g} s (option max_leased)"
                raise PoolTimeout(message, outcome="not_run", address=self._address, command=command) from None
            raise

    def _free(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # the place goes from hand to hand, so `used` stays
                return
        self._used -= 1
