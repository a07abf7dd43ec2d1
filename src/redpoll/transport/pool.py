"""A bounded number of connections that are leased one at a time and kept idle in between.

Whoever asks beyond the bound waits in order. A ``Lease`` is a place under the bound together with the connection that
fills it: the place is given back exactly once, however often the lease is ended, and goes from hand to hand to the
first that waits. A lease may have its connection replaced without losing its place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Final

from redpoll.errors import CommandTimeout, ConnectionFailed, NotSent, PoolTimeout, RedisError

from .connection import Connection

SURE: Final = 1.0
"""Seconds for which an idle connection is taken to stand without a look: servers close those that are idle."""

_SOONEST: Final = 1.0  # seconds between two looks at the idle ones


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections there may be, and for how long nobody needs to have them.

    Attributes:
        most: how many may be leased at a time.
        least: how many are kept open though nobody has them.
        max_idle: seconds that those beyond ``least`` are kept open without an owner; None for ever.
        option: the option that says ``most``, for errors.
    """

    most: int
    least: int = 0
    max_idle: float | None = 60.0
    option: str = "max_leased"


class Lease:
    """A place in the pool, and the connection that fills it.

    Attributes:
        connection: the connection, the holder's alone until the lease ends.
    """

    __slots__ = ("_leases", "connection")

    def __init__(self, leases: Leases, connection: Connection) -> None:
        self._leases: Leases | None = leases
        self.connection: Connection = connection

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
            leases.closed += 1
            self.connection = await leases.dial(command, limit)
            if self._leases is None:  # ended meanwhile
                leases.drop(self.connection)


class Leases:
    """The pool of one server's leased connections.

    Attributes:
        opened: how many were dialled so far.
        closed: how many of them were closed or found lost.
        timeouts: how often nobody gave one back in time.
        on_missing: called when one was closed and there may be fewer than the least.
    """

    __slots__ = (
        "_address",
        "_bounds",
        "_check",
        "_closed",
        "_dial",
        "_idle",
        "_timer",
        "_used",
        "_waiting",
        "closed",
        "on_missing",
        "opened",
        "timeouts",
    )

    def __init__(
        self,
        bounds: Bounds,
        address: str,
        dial: Callable[[], Awaitable[Connection]],
        check: Callable[[Connection, float], Awaitable[bool]] | None = None,
    ) -> None:
        """Begin with none.

        Args:
            bounds: how many there may be.
            address: the server's, for errors.
            dial: makes a connection; it is awaited in the task of the one that asks.
            check: says within some seconds whether a connection that was idle for ``SURE`` seconds still stands.
        """
        self._check = check
        self._bounds = bounds
        self._address = address
        self._dial = dial
        self._idle: deque[tuple[float, Connection]] = deque()  # since when, oldest first
        self._used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self.opened: int = 0
        self.closed: int = 0
        self.timeouts: int = 0
        self.on_missing: Callable[[], object] = _nothing

    @property
    def used(self) -> int:
        """How many are leased now, those that are being dialled included."""
        return self._used

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return sum(not turn.done() for turn in self._waiting)

    @property
    def missing(self) -> int:
        """How many there are too few."""
        return 0 if self._closed else max(0, self._bounds.least - self._used - len(self._idle))

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
        if self._used >= self._bounds.most or self._waiting:
            await self._wait(command, limit)
        else:
            self._used += 1
        try:
            end = inf if limit is None else begin + limit
            connection = await self._take_idle(end)
            if connection is None:
                connection = await self.dial(command, limit, max(0.0, end - monotonic()))
        except BaseException:
            self._free()
            self.on_missing()
            raise
        return Lease(self, connection)

    async def dial(self, command: str, limit: float | None, left: float = inf) -> Connection:
        """Make a connection, within the ``left`` of ``limit``. Its errors are the command's own: nothing of it was sent."""
        reason: RedisError
        limited = asyncio.timeout(None if limit is None else min(limit, left))
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
                self.opened += 1
                return connection
            connection.abort()
            reason = NotSent("the client was closed")
        failed = type(reason)(reason.message, outcome="not_run", address=self._address, command=command)
        if isinstance(reason, ConnectionFailed) and isinstance(failed, ConnectionFailed):
            failed.final = reason.final
        raise failed

    async def fill(self) -> None:
        """Open connections until there are as many as the least.

        Raises:
            ConnectionFailed: one could not be dialled.
            NotSent: the pool was closed meanwhile.
        """
        while self.missing:
            connection = await self.dial("POOL", None)
            if self.missing:
                self._keep(connection)
            else:
                self.drop(connection)  # those who asked meanwhile dialled enough

    def take_back(self, connection: Connection, keep: bool) -> None:
        """Take a connection from a lease that ends."""
        kept = keep and not self._closed and not connection.closing and monotonic() < connection.expires
        if kept:
            self._keep(connection)
        else:
            self.drop(connection)
        self._free()
        if not kept:
            self.on_missing()

    def drop(self, connection: Connection) -> None:
        """Close a connection of this pool."""
        connection.abort()
        self.closed += 1

    def _keep(self, connection: Connection) -> None:
        self._idle.append((monotonic(), connection))
        connection.on_lost = self._on_idle_lost
        if self._timer is None and (longest := self._bounds.max_idle) is not None:
            self._look_in(longest)

    def _on_idle_lost(self, connection: Connection, _pending: Sequence[object], _reason: RedisError) -> None:
        kept = [item for item in self._idle if item[1] is not connection]
        if len(kept) < len(self._idle):
            self._idle = deque(kept)
            self.closed += 1
            self.on_missing()

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

    async def _take_idle(self, end: float) -> Connection | None:
        """Return an idle connection that stands; None where there is none, or none answered until ``end``."""
        while self._idle and monotonic() < end:
            since, connection = self._idle.pop()  # the one used last is the surest to stand
            try:
                sure = (
                    self._check is None
                    or monotonic() - since < SURE
                    or await self._check(connection, end - monotonic())
                )
            except BaseException:
                self.drop(connection)
                raise
            if sure and not connection.closing and monotonic() < connection.expires:
                return connection
            self.drop(connection)
        return None

    def _look_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._close_idle)

    def _close_idle(self) -> None:
        self._timer = None
        now, longest = monotonic(), self._bounds.max_idle
        if longest is None:
            return
        while self._idle and self._used + len(self._idle) > self._bounds.least and self._idle[0][0] <= now - longest:
            self.drop(self._idle.popleft()[1])
        if self._idle:
            due = self._idle[0][0] + longest - now
            self._look_in(longest if due <= 0 else max(_SOONEST, due))

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
                self.timeouts += 1
                message = f"all {self._bounds.most} leased connections were in use for {limit:g} s (option {self._bounds.option})"
                raise PoolTimeout(message, outcome="not_run", address=self._address, command=command) from None
            raise

    def _free(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # the place goes from hand to hand, so `used` stays
                return
        self._used -= 1


def _nothing() -> None:
    pass
