"""A bounded number of connections that are leased one at a time and kept idle in between.

Whoever asks beyond the bound waits in order. A ``Lease`` is a place under the bound together with the connection that
fills it: the place is given back exactly once, however often the lease is ended, and goes from hand to hand to the
first that waits. A lease may have its connection replaced without losing its place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

from redpoll.errors import CommandTimeout, NotSent, PoolTimeout, RedisError

from .connection import Connection

MAX_IDLE: Final = 60.0
"""Seconds that a connection is kept idle."""

SURE: Final = 1.0
"""Seconds for which an idle connection is taken to stand without a look: servers close those that are idle."""

_SOONEST: Final = 1.0  # seconds between two looks at the idle ones


class Lease:
    """A place in the pool, and the connection that fills it.

    Attributes:
        connection: the connection, the holder's alone until the lease ends.
    """

    __slots__ = ("_leases", "connection")

    def __init__(self, leases: Leases, connection: Connection) -> None:
        self._leases: Leases | None = leases
        self.connection = connection

    def end(self, *, keep: bool) -> None:
        """Give the place back. A second time does nothing.

        Args:
            keep: keep the connection for the next; it must be in step, with nothing in flight. Else close it.
        """
        leases, self._leases = self._leases, None
        if leases is not None:
            leases.take_back(self.connection, keep)

    @property
    def ended(self) -> bool:
        """Whether the place was given back."""
        return self._leases is None

    async def renew(self, command: str, limit: float | None) -> None:
        """Close the connection and dial another one in its place. If that fails the lease stands, on a closed one.

        Args:
            command: the command's name, for errors.
            limit: seconds for it; None for no limit but the connection's own.

        Raises:
            CommandTimeout: the time is up.
            ConnectionFailed: it could not be dialled.
        """
        leases = self._leases
        self.connection.abort()
        if leases is not None:
            self.connection = await leases.dial(command, limit)
            if self._leases is None:  # ended meanwhile
                self.connection.abort()


class Leases:
    """The pool of one server's leased connections."""

    __slots__ = ("_address", "_check", "_closed", "_dial", "_idle", "_most", "_timer", "_used", "_waiting")

    def __init__(
        self,
        most: int,
        address: str,
        dial: Callable[[], Awaitable[Connection]],
        check: Callable[[Connection], Awaitable[bool]] | None = None,
    ) -> None:
        """Begin with none.

        Args:
            most: how many may be leased at a time.
            address: the server's, for errors.
            dial: makes a connection; it is awaited in the task of the one that asks.
            check: says whether a connection that was idle for ``SURE`` seconds still stands.
        """
        self._check = check
        self._most = most
        self._address = address
        self._dial = dial
        self._idle: deque[tuple[float, Connection]] = deque()  # since when, oldest first
        self._used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def used(self) -> int:
        """How many are leased now, those that are being dialled included."""
        return self._used

    @property
    def idle(self) -> list[Connection]:
        """The connections that nobody has."""
        return [connection for _, connection in self._idle]

    async def acquire(self, command: str, limit: float | None) -> Lease:
        """Lease a connection.

        Args:
            command: the command's name, for errors.
            limit: seconds to wait for a free one and to dial; None for no limit but dialling's own.

        Raises:
            PoolTimeout: none became free in time.
            CommandTimeout: the time was up while one was dialled.
            ConnectionFailed: it could not be dialled.
            NotSent: the pool was closed meanwhile.
        """
        begin = monotonic()
        if self._used >= self._most or self._waiting:
            await self._wait(command, limit)
        else:
            self._used += 1
        try:
            connection = await self._take_idle()
            if connection is None:
                left = None if limit is None else max(0.0, limit - (monotonic() - begin))
                connection = await self.dial(command, left)
        except BaseException:
            self._free()
            raise
        return Lease(self, connection)

    async def dial(self, command: str, limit: float | None) -> Connection:
        """Make a connection. Its errors are the command's own: nothing of it was sent."""
        reason: RedisError
        limited = asyncio.timeout(limit)
        try:
            async with limited:
                connection = await self._dial()
        except RedisError as error:
            reason = error
        except TimeoutError:
            if not limited.expired():
                raise
            reason = CommandTimeout(f"no connection within {limit:g} s")
        else:
            if not self._closed:
                return connection
            connection.abort()
            reason = NotSent("the client was closed")
        raise type(reason)(reason.message, outcome="not_run", address=self._address, command=command)

    def take_back(self, connection: Connection, keep: bool) -> None:
        """Take a connection from a lease that ends."""
        if keep and not self._closed and not connection.closing:
            self._idle.append((monotonic(), connection))
            if self._timer is None:
                self._look_in(MAX_IDLE)
        else:
            connection.abort()
        self._free()

    def close(self) -> None:
        """End the waiting and refuse the dialled; the idle ones stay, for ``abandon``."""
        self._closed = True
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            if not turn.done():
                turn.set_exception(NotSent("the client was closed", address=self._address))

    def abandon(self) -> list[Connection]:
        """Take out the idle ones without closing them; return them."""
        idle = self.idle
        self._idle.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return idle

    async def _take_idle(self) -> Connection | None:
        while self._idle:
            since, connection = self._idle.pop()  # the one used last is the surest to stand
            try:
                sure = self._check is None or monotonic() - since < SURE or await self._check(connection)
            except BaseException:
                connection.abort()
                raise
            if sure and not connection.closing:
                return connection
            connection.abort()
        return None

    def _look_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._close_idle)

    def _close_idle(self) -> None:
        self._timer = None
        now = monotonic()
        while self._idle and (self._idle[0][0] <= now - MAX_IDLE or self._idle[0][1].closing):
            self._idle.popleft()[1].abort()
        if self._idle:
            self._look_in(max(_SOONEST, self._idle[0][0] + MAX_IDLE - now))

    async def _wait(self, command: str, limit: float | None) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(limit):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._free()  # it was granted meanwhile: pass it on
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, NotSent):
                error.command = command
            elif isinstance(error, TimeoutError):
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
