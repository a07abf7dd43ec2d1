"""Whether a connection is alive: what to do after how much silence. Decisions only, no I/O and no clock.

Silence counts from the last byte received, or from when something was first outstanding after nothing was. After
``health_check`` seconds of it a PING goes out, one a silence; any answer to it, an error too, is a byte received. After
``read_timeout`` seconds with something outstanding the connection is closed. While the socket takes nothing of what is
to be written the server cannot know of it, so then only ``write_timeout`` counts, from the last byte that went out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["fine", "ask", "mute", "stuck"]
"""What to do: nothing, send a PING, close as nothing comes, close as nothing goes out."""


@dataclass(slots=True)
class Liveness:
    """The moments that count for one connection, in seconds of one clock.

    Attributes:
        read_timeout: seconds of silence, with something outstanding, until it is given up; None for ever.
        write_timeout: seconds in which nothing goes out until it is given up; None for ever.
        health_check: seconds of silence until it is asked; None for never.
        heard: when something was received last.
        asked: when something was outstanding first after nothing was.
        pinged: when the last PING was sent.
        blocked: when writing stopped, or went on a little, last; None while it flows.
        unwritten: bytes not written yet when last looked at.
    """

    read_timeout: float | None
    write_timeout: float | None
    health_check: float | None
    heard: float = 0.0
    asked: float = 0.0
    pinged: float = -1.0
    blocked: float | None = None
    unwritten: int = 0

    def due(self, outstanding: bool) -> float | None:
        """Return when to judge next; None for never."""
        if self.blocked is not None:
            return None if self.write_timeout is None else self.blocked + self.write_timeout
        since = max(self.heard, self.asked)
        moments: list[float] = []
        if outstanding and self.read_timeout is not None:
            moments.append(since + self.read_timeout)
        if self.health_check is not None and self.pinged < since:
            moments.append(since + self.health_check)
        return min(moments, default=None)

    def judge(self, now: float, outstanding: bool, unwritten: int) -> Verdict:
        """Say what to do.

        Args:
            now: the time.
            outstanding: replies are awaited.
            unwritten: bytes that the socket has not taken yet.
        """
        if self.blocked is not None:
            if unwritten != self.unwritten:
                self.unwritten, self.blocked = unwritten, now
            return "stuck" if self.write_timeout is not None and now - self.blocked >= self.write_timeout else "fine"
        since = max(self.heard, self.asked)
        if outstanding and self.read_timeout is not None and now - since >= self.read_timeout:
            return "mute"
        if self.health_check is not None and self.pinged < since and now - since >= self.health_check:
            return "ask"
        return "fine"

    def flows(self, now: float) -> None:
        """Take note that the socket takes bytes again: what it took last could not be answered before."""
        if self.blocked is not None:
            self.blocked, self.asked = None, now

    def stops(self, now: float, unwritten: int) -> None:
        """Take note that the socket takes nothing now."""
        if self.blocked is None:
            self.blocked, self.unwritten = now, unwritten
