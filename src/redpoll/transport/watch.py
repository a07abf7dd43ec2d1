"""Ends the calls whose time is up, with one timer for all of them, and words what a failed call says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from redpoll.errors import CommandTimeout, Outcome, RedisError
from redpoll.protocol.calls import Call

from .deadlines import Deadlines


class Watch:
    """The deadlines of one client's calls.

    Attributes:
        default: calls with the default timeout, in their order. Append to it directly, then see to ``armed``.
        armed: the timer runs; else call ``arm``.
    """

    __slots__ = ("_address", "_at", "_deadlines", "_on_expired", "_timer", "armed", "default")

    def __init__(self, address: str, on_expired: Callable[[], None]) -> None:
        """Begin with none.

        Args:
            address: the server's, for errors.
            on_expired: called after calls were ended.
        """
        self._address = address
        self._on_expired = on_expired
        self._deadlines = Deadlines()
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0
        self.armed = False
        self.default: deque[Call] = self._deadlines.default

    def add(self, call: Call) -> None:
        """Watch a call with a timeout of its own."""
        self._deadlines.add(call)
        if not self.armed or call.deadline < self._at:
            self.arm()

    def arm(self) -> None:
        """Set the timer to the earliest deadline."""
        self.stop()
        first = self._deadlines.first()
        if first is not None:
            self._at = first
            self._timer = asyncio.get_running_loop().call_later(max(0.0, first - monotonic()), self._expire)
            self.armed = True

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.armed = False

    def sweep(self) -> None:
        """Let go of the calls that were answered just now, and of their replies: they stand in front."""
        default = self.default
        while default and default[0].done():
            _ = default.popleft()

    def _expire(self) -> None:
        expired = self._deadlines.expired(monotonic())
        for call in expired:
            outcome: Outcome = "unknown" if call.given else "not_run"
            fail(call, CommandTimeout, f"no reply within {call.timeout:g} s", self._address, outcome)
        self.arm()
        if expired:
            self._on_expired()


def fail(call: Call, kind: type[RedisError], message: str, address: str, outcome: Outcome | None = None) -> None:
    """End a call with an error of its own.

    Args:
        call: one that has not ended.
        kind: the error's class.
        message: what went wrong.
        address: the server's.
        outcome: whether the command ran; by default what the class says.
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
    call.set_exception(error)
