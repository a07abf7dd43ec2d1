"""When a client dials, how often, and what its callers are told while there is no connection.

One dial at a time, in a task that no caller's cancellation reaches, and only while somebody wants a connection. After a
failure the policy says how long to wait; a connection that was lost before it answered anything counts as a failure, so
that a server that hangs up on everybody is not dialled in a circle. Some failures are final, such as a wrong password:
these are told at once, and tried again at most once a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from typing import Any, Final, Protocol

from redpoll.errors import AuthenticationFailed, ConnectionFailed, NotSent, ProtocolViolation, RedisError
from redpoll.options import Settings
from redpoll.transport.connection import Connection

_log: Final = logging.getLogger("redpoll")
_FINAL: Final = 1.0  # seconds between two dials where the failure will hardly pass


class Owner(Protocol):
    """Whom a dialler works for."""

    def dial(self) -> Awaitable[Connection]:
        """Make one connection."""
        ...

    def use(self, connection: Connection, /) -> None:
        """Take a new connection."""
        ...

    def refuse(self, reason: RedisError, /) -> None:
        """Fail what waits for a connection: none is to come now."""
        ...

    def wants(self) -> bool:
        """Tell whether anybody waits for a connection."""
        ...

    def failed(self, error: RedisError, /) -> None:
        """Take note of a failure to connect."""
        ...


class Gate:
    """Keeps a client from dialling in a circle where that will hardly help: one failure of that kind a second."""

    __slots__ = ("_reason", "_until")

    def __init__(self) -> None:
        self._reason: RedisError | None = None
        self._until = 0.0

    def shut(self, reason: RedisError) -> bool:
        """Take note of a failure; return whether it is of that kind."""
        if not _is_final(reason):
            return False
        self._reason, self._until = reason.with_traceback(None), monotonic() + _FINAL
        return True

    def open(self) -> None:
        """Take note of a success."""
        self._reason = None

    def refusal(self) -> RedisError | None:
        """Return why not to dial now; None to go on. The error is the gate's own: it is not to be raised."""
        return self._reason if monotonic() < self._until else None


class Dialer:
    """Makes the shared connection, and makes it again.

    Attributes:
        reason: why there is no connection; None where none was made yet, or the last one was not lost.
        lived: there was a connection before.
    """

    __slots__ = (
        "_failures",
        "_gate",
        "_not_before",
        "_owner",
        "_settings",
        "_since",
        "_sleeps",
        "_task",
        "lived",
        "reason",
    )

    def __init__(self, settings: Settings, owner: Owner, gate: Gate) -> None:
        self._settings = settings
        self._owner = owner
        self._gate = gate
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._sleeps = False
        self._since = 0.0  # when the connection was taken into use
        self.reason: RedisError | None = None
        self.lived: bool = False

    def ensure(self, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]) -> RedisError | None:
        """See to it that a connection is being made; return why not, where none is to come."""
        reason = self.reason
        impatient = self._settings.offline == "fail"
        if self._task is not None:
            return reason if impatient and self._sleeps else None
        if reason is not None:
            if self.lived and self._settings.reconnect is None:
                return NotSent(f"there is no connection any more (option reconnect): {reason.message}")
            if impatient and monotonic() < self._not_before:
                return reason
        if (refusal := self._gate.refusal()) is not None:
            return refusal
        self._task = spawn(self._dial())
        return None

    def lost(self, connection: Connection, reason: RedisError) -> None:
        """Take note that the connection in use was lost."""
        if isinstance(reason, AuthenticationFailed):  # its user changed, or is gone: the next dial fares no better
            self.reason = reason
            self._failed()
            return
        self.reason = NotSent(reason.message)
        if connection.liveness.heard > self._since:
            self._failures = 0
            self._not_before = 0.0
        else:
            self._failed()

    def stop(self) -> None:
        """Stop dialling."""
        if self._task is not None:
            self._task.cancel()

    def _failed(self) -> bool:
        """Count a failure; return whether to go on."""
        self._failures += 1
        policy, reason = self._settings.reconnect, self.reason
        delay = None if policy is None else policy.delay(self._failures)
        if reason is not None and self._gate.shut(reason):
            return False
        if delay is None:
            self._failures = 0
            return False
        self._not_before = monotonic() + delay
        return True

    async def _dial(self) -> None:
        try:
            while True:
                wait = self._not_before - monotonic()
                if wait > 0:
                    self._sleeps = True
                    await asyncio.sleep(wait)
                    self._sleeps = False
                try:
                    connection = await self._owner.dial()
                except RedisError as error:
                    self.reason = error.with_traceback(None)
                except Exception as error:
                    _log.exception("cannot connect")
                    self.reason = ConnectionFailed(f"cannot connect: {type(error).__name__}")
                else:
                    self._gate.open()
                    self.reason, self.lived, self._since = None, True, monotonic()
                    self._task = None
                    self._owner.use(connection)
                    return
                go_on = self._failed()
                self._owner.failed(self.reason)
                if not go_on or self._settings.offline == "fail":
                    self._owner.refuse(self.reason)
                if not go_on or not self._owner.wants():
                    return
        finally:
            self._sleeps = False
            if self._task is asyncio.current_task():
                self._task = None


def _is_final(reason: RedisError) -> bool:
    return isinstance(reason, ProtocolViolation) or (isinstance(reason, ConnectionFailed) and reason.final)
