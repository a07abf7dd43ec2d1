"""The one timer of a client: it ends the calls whose time is up and wakes whoever else waits for a moment.

Also words what a failed call says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from math import inf
from time import monotonic
from typing import Protocol

from redpoll.errors import CommandTimeout, ConnectionFailed, Outcome, RedisError
from redpoll.protocol.calls import Call

from .deadlines import Deadlines


class Source(Protocol):
    """Someone with a moment to come."""

    def due(self, now: float, /) -> float | None:
        """Return the moment, by ``time.monotonic``; None for none. It may be too early, not too late."""
        ...

    def wake(self, now: float, /) -> None:
        """Do what is to be done, if the moment has come."""
        ...


class Watch:
    """The deadlines of one client's calls, and other moments.

    Attributes:
        at: when the timer runs out; infinite where it does not run.
        sources: who else is to be woken. After adding one, or where a moment comes nearer, call ``arm``.
        on_late: is given the calls whose time is up, and may end some of them; the others get a ``CommandTimeout``.
    """

    __slots__ = ("_address", "_deadlines", "_on_expired", "_timer", "at", "on_late", "sources")

    def __init__(
        self,
        address: str,
        on_expired: Callable[[], None],
        default: float | None = None,
        flows: Callable[[], Iterable[Iterable[Call]]] = tuple,
    ) -> None:
        """Begin with none.

        Args:
            address: the server's, for errors.
            on_expired: called after calls were ended.
            default: the timeout of the calls that are found in the flows.
            flows: see ``Deadlines``.
        """
        self._address = address
        self._on_expired = on_expired
        self._deadlines = Deadlines(default, flows)
        self._timer: asyncio.TimerHandle | None = None
        self.at: float = inf
        self.sources: list[Source] = []
        self.on_late: Callable[[list[Call]], None] = _nothing_to_say

    def add(self, call: Call) -> None:
        """Watch a call with a timeout of its own."""
        self._deadlines.add(call)
        if call.deadline < self.at:
            self.arm(call.deadline)

    def arm(self, when: float) -> None:
        """See to it that the timer runs out at a moment, or before it."""
        if when < self.at:
            self.stop()
            self.at = when
            self._timer = asyncio.get_running_loop().call_later(max(0.0, when - monotonic()), self._expire)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.at = inf

    def _expire(self) -> None:
        self.stop()
        now = monotonic()
        expired = self._deadlines.expired(now)
        if expired:
            self.on_late(expired)
        for call in expired:
            if not call.done():  # nor is it there twice
                outcome: Outcome = "unknown" if call.given else "not_run"
                fail(call, CommandTimeout, f"no reply within {call.timeout:g} s", self._address, outcome)
        for source in tuple(self.sources):
            source.wake(now)
        if expired:
            self._on_expired()
        dues = [self._deadlines.due(now), *(source.due(now) for source in self.sources)]
        self.arm(min((due for due in dues if due is not None), default=inf))


def fail(
    call: Call,
    kind: type[RedisError],
    message: str,
    address: str,
    outcome: Outcome | None = None,
    final: bool = False,
) -> None:
    """End a call with an error of its own.

    Args:
        call: one that has not ended.
        kind: the error's class.
        message: what went wrong.
        address: the server's.
        outcome: whether the command ran; by default what the class says.
        final: dialling again will hardly help.
    """
    elapsed = None if call.timeout is None else max(0.0, monotonic() - (call.deadline - call.timeout))
    error = kind(
        message,
        outcome=outcome,
        address=address,
        command=call.spec.name,
        attempt=max(call.given, 1),
        elapsed=elapsed,
    )
    if final and isinstance(error, ConnectionFailed):
        error.final = True
    call.future.set_exception(error)


def _nothing_to_say(_calls: list[Call]) -> None:
    pass
