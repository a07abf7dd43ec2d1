"""Which call's time is up: no task and no timer a call.

Nearly all calls have the client's default timeout, so their deadlines come in the order of the calls: a FIFO. The
others stand in a heap. Calls that have ended are taken off when they reach the front; the heap is also cleaned when
it has doubled, so that it does not keep ended calls and their replies for long.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import Final

from redpoll.protocol.calls import Call

_CLEAN_FROM: Final = 64


class Deadlines:
    """The deadlines of the calls that have not ended.

    Attributes:
        default: calls with the default timeout, in their order. Append to it directly.
    """

    __slots__ = ("_clean_at", "_count", "_others", "default")

    def __init__(self) -> None:
        self.default: deque[Call] = deque()
        self._others: list[tuple[float, int, Call]] = []
        self._count = 0
        self._clean_at = _CLEAN_FROM

    def add(self, call: Call) -> None:
        """Add a call with a timeout of its own."""
        others = self._others
        if len(others) >= self._clean_at:
            others[:] = [entry for entry in others if not entry[2].done()]
            heapq.heapify(others)
            self._clean_at = max(_CLEAN_FROM, 2 * len(others))
        self._count += 1
        heapq.heappush(others, (call.deadline, self._count, call))

    def first(self) -> float | None:
        """Return the earliest deadline of a call that has not ended; None where there is none."""
        default, others = self.default, self._others
        while default and default[0].done():
            _ = default.popleft()
        while others and others[0][2].done():
            heapq.heappop(others)
        if not default:
            return others[0][0] if others else None
        return min(default[0].deadline, others[0][0]) if others else default[0].deadline

    def expired(self, now: float) -> list[Call]:
        """Take off and return the calls whose deadline has passed."""
        found: list[Call] = []
        while (first := self.first()) is not None and first <= now:
            if self.default and self.default[0].deadline == first:
                found.append(self.default.popleft())
            else:
                found.append(heapq.heappop(self._others)[2])
        return found

    def __len__(self) -> int:
        return len(self.default) + len(self._others)
