"""What a server refuses to run for now is tried again, within the call's time.

Only refusals that precede execution count: the server loads its data, runs a script, has lost its primary. A script's
error reply proves nothing, as a script may make up any after it has written. Refused calls are parked for a short time
that grows, and then go to the head of the queue in their order.

READONLY means that the primary is another server now. The name may lead to it already, so a new connection is made
before the old one is given up, at most once a second; the same answer there is the caller's. Meanwhile only reads go
out, and the writes wait until the old connection has answered what it was given: so writes keep their order. If the
server refused a write and ran a later one, as it became a primary in between, the refused one's error is the caller's:
sent again, it would undo the later one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from hiredis import ReplyError

from redpoll.errors import SCRIPTS, Ask, Moved, RedisError, Refused, ServerError, server_error
from redpoll.protocol.calls import Call, Group

_UNPROVEN: Final = SCRIPTS | {"EXEC"}  # EXEC's reply may hold its commands' errors
_ELSEWHERE: Final = (Moved, Ask)  # another node's business: only a cluster can follow them
_SHORTEST: Final = 0.005  # seconds
_LONGEST: Final = 0.5
_TIMES: Final = 240  # at least a minute, for a call without a time limit


class Refusals:
    """The refused calls of one core, until they are tried again.

    Attributes:
        parked: the calls, in their order, and what each was refused with.
        resume_at: when they go out again; None while nothing is parked, or a new connection is waited for.
    """

    __slots__ = ("_counts", "_resume", "parked", "resume_at", "waits")

    def __init__(self, resume: Callable[[list[Call]], None]) -> None:
        """Begin with none.

        Args:
            resume: puts calls at the head of the queue.
        """
        self._resume = resume
        self._counts: dict[Call, int] = {}
        self.parked: list[tuple[Call, ServerError]] = []
        self.resume_at: float | None = None
        self.waits: bool = False  # for a new connection

    def park(self, call: Call, error: ServerError, now: float, *, elsewhere: bool = False) -> bool:
        """Keep a refused call for another try; return False where it is to end now.

        Args:
            call: the call, which was given to a connection.
            error: what it was refused with.
            now: the time.
            elsewhere: it goes out on a new connection as soon as that is there.
        """
        if not retryable(call, error):
            return False
        count = self._counts.get(call, 0)
        delay = min(_LONGEST, _SHORTEST * 2.0 ** min(count, 16)) * random.uniform(0.5, 1.0)
        if count >= _TIMES or (call.timeout is not None and now + delay >= call.deadline):
            return False
        if count == 0:
            call.future.add_done_callback(lambda _: self._counts.pop(call, None))
        self._counts[call] = count + 1
        call.given -= 1  # it is known not to have run
        self.parked.append((call, error))
        if elsewhere:
            self.waits = True
            self.resume_at = None
        elif not self.waits and (self.resume_at is None or now + delay < self.resume_at):
            self.resume_at = now + delay
        return True

    def follow(self, calls: list[Call]) -> None:
        """Park what was not sent yet and must not overtake the call that was parked last."""
        error = self.parked[-1][1]
        self.parked += [(call, error) for call in calls]

    def overtaken(self, given: Sequence[Call]) -> list[Call]:
        """End what is parked and stands before a write that ran; return it.

        Args:
            given: calls in the order in which they were given to one connection.
        """
        last = max((at for at, call in enumerate(given) if _wrote(call)), default=0)
        before = set(map(id, given[:last]))
        found: list[Call] = []
        for call, error in self.parked:
            if id(call) in before and not call.done():
                call.future.set_exception(error)
                found.append(call)
        return found

    def calls(self) -> Iterator[Call]:
        """Yield the parked calls."""
        return (call for call, _ in self.parked)

    def go_on(self) -> None:
        """Let all that is parked go out."""
        calls = [call for call, _ in self.parked if not call.done()]
        self.parked.clear()
        self.resume_at, self.waits = None, False
        if calls:
            self._resume(calls)

    def due(self, _now: float) -> float | None:
        """Return when to ``wake`` it."""
        return self.resume_at

    def wake(self, now: float) -> None:
        """Let what is parked go out if it is time."""
        if self.resume_at is not None and now >= self.resume_at:
            self.go_on()


def _wrote(call: Call) -> bool:
    """Return whether a call is known to have run, and may have changed something."""
    future = call.future
    if call.spec.replay or not future.done() or future.cancelled():
        return False
    error = future.exception()
    if error is not None:
        return isinstance(error, RedisError) and error.outcome == "ran"
    return not isinstance(call, Group) or call.applied()


def retryable(call: Call, error: ServerError) -> bool:
    """Return whether a refusal proves that the call did not run, and may pass."""
    return isinstance(error, Refused) and not isinstance(error, _ELSEWHERE) and call.spec.name not in _UNPROVEN


def refused_tail(group: Group) -> tuple[int, Refused] | None:
    """Return where the part of a batch begins of which every command was refused, and the first of these errors.

    None where the last command was not refused, or the part cannot be sent on its own.
    """
    first: Refused | None = None
    start = len(group.replies)
    while start > 0 and group.replies[start - 1].__class__ is ReplyError:
        error = server_error(str(group.replies[start - 1]), command=group.spec.name)
        if not isinstance(error, Refused) or isinstance(error, _ELSEWHERE):
            break
        first = error
        start -= 1
    if first is None or (group.sizes is None and start > 0):
        return None
    return start, first
