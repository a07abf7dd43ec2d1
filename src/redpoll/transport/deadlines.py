"""Which call's time is up: no task and no timer a call, and nothing to be kept for most of them.

Nearly all calls have the client's default timeout, so their deadlines come in the order of the calls, and the calls
stand in that order anyway: where they wait for replies, and in the queue. These ``flows`` are looked at only when a
deadline may have come: calls that have ended and calls with another timeout are passed over, and the first one whose
time is not up ends the search. Calls with another timeout stand in a heap. It is cleaned when it has doubled, so that
it does not keep ended calls and their replies for long.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Final

from redpoll.protocol.calls import Call

_CLEAN_FROM: Final = 64
_PAUSE: Final = 5e-7  # seconds between two searches for each call that the last one passed: a tenth of the CPU at most


class Deadlines:
    """The deadlines of the calls that have not ended.

    Attributes:
        scanned: how many calls the last search looked at.
    """

    __slots__ = ("_clean_at", "_count", "_default", "_flows", "_others", "scanned")

    def __init__(self, default: float | None, flows: Callable[[], Iterable[Iterable[Call]]]) -> None:
        """Begin with none.

        Args:
            default: the timeout of the calls in the flows that are to be found there; None for none of them.
            flows: gives the flows, each in the order of its deadlines.
        """
        self._default = default
        self._flows = flows
        self._others: list[tuple[float, int, Call]] = []
        self._count = 0
        self._clean_at = _CLEAN_FROM
        self.scanned: int = 0

    def add(self, call: Call) -> None:
        """Add a call with a timeout of its own, or one that stands in no flow."""
        others = self._others
        if len(others) >= self._clean_at:
            others[:] = [entry for entry in others if not entry[2].done()]
            heapq.heapify(others)
            self._clean_at = max(_CLEAN_FROM, 2 * len(others))
        self._count += 1
        heapq.heappush(others, (call.deadline, self._count, call))

    def due(self, now: float) -> float | None:
        """Return when to look again; None where no call has a deadline. Not much before it makes sense, if it costs."""
        others = self._others
        while others and others[0][2].done():
            heapq.heappop(others)
        firsts = [others[0][0]] if others else []
        _, first = self._search(now, [])
        if first is not None:
            firsts.append(first.deadline)
        return max(min(firsts), now + self.scanned * _PAUSE) if firsts else None

    def expired(self, now: float) -> list[Call]:
        """Return the calls whose deadline has passed."""
        found: list[Call] = []
        others = self._others
        while others and (others[0][0] <= now or others[0][2].done()):
            call = heapq.heappop(others)[2]
            if not call.done():
                found.append(call)
        self._search(now, found)
        return found

    def _search(self, now: float, found: list[Call]) -> tuple[list[Call], Call | None]:
        """Add the calls of the flows whose time is up; return them and the first one whose time is not."""
        default, first = self._default, None
        self.scanned = 0
        if default is None:
            return found, None
        for flow in self._flows():
            for call in flow:
                self.scanned += 1
                if call.timeout != default or call.future.done():
                    continue
                if call.deadline > now:
                    if first is None or call.deadline < first.deadline:
                        first = call
                    break
                found.append(call)
        return found, first

    def __len__(self) -> int:
        return len(self._others)
