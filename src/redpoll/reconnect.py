"""When to dial again after a failure."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Exponential backoff with full jitter.

    Attributes:
        initial: seconds that the first delay stays below.
        max: seconds that no delay exceeds.
        attempts: how many times to dial again after a failure; None for no limit.
    """

    initial: float = 0.05
    max: float = 1.0
    attempts: int | None = None

    def delay(self, failures: int) -> float | None:
        """Return how many seconds to wait after this many failures in a row; None to give up."""
        if self.attempts is not None and failures > self.attempts:
            return None
        return random.uniform(0, min(self.max, self.initial * 2.0 ** min(failures - 1, 32)))
