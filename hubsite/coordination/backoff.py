"""Back-off: wait longer after each failure, up to a limit."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubles the pause with each failure in a row.

    BACKOFF = Backoff(first_s=0.5, longest_s=15, jitter=0.5)
    time.sleep(BACKOFF.pause_s(failures=3))     # between 1 and 2 s
    """

    first_s: float
    longest_s: float
    jitter: float = 0.0
    """The random part of a pause, so that many clients do not retry at the same moment."""

    def pause_s(self, failures: int) -> float:
        """Seconds to wait after this many failures in a row (1: after the first)."""
        pause = min(self.longest_s, self.first_s * 2 ** min(max(failures, 1) - 1, 60))
        return pause * (1 - random.uniform(0, self.jitter))  # noqa: S311
