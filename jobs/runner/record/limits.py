"""Deadline and memory limit of a run, which the supervisor watches.

Memory is what the run and its descendants share with no other process. It is sampled about
once a second, more often near the limit. Address space is not limited, because xcube's
libraries reserve far more than they use.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..system import linux
from .outcome import DEADLINE, OUT_OF_MEMORY, Kill


def run_memory(supervisor: int) -> int:
    """Private bytes of everything below the supervisor."""
    return sum(linux.private_bytes(pid) for pid in linux.descendants(supervisor))


class Limits:
    def __init__(
        self,
        *,
        deadline_s: float | None,
        memory_bytes: int | None,
        measure: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ):
        self.peak_memory_bytes = 0
        self._deadline_s = deadline_s
        self.memory_bytes = memory_bytes
        self._measure = measure
        self._clock = clock
        self._end = clock() + deadline_s if deadline_s is not None else float("inf")
        self._next_sample = clock() + 0.1

    def check(self) -> Kill | None:
        """The reason why the run must end now, or None."""
        now = self._clock()
        if now >= self._next_sample:
            used = self._measure()
            self.peak_memory_bytes = max(self.peak_memory_bytes, used)
            limit = self.memory_bytes or float("inf")
            self._next_sample = now + (
                0.1 if used > 0.5 * limit else 0.5 if used > 0.2 * limit else 1
            )
            if used > limit:
                text = f"The run used more than its {limit / 2**20:,.0f} MiB of memory."
                return Kill(OUT_OF_MEMORY, text)
        if now >= self._end:
            # Reported once: otherwise `next_check_s` would be 0 from then on.
            self._end = float("inf")
            return Kill(DEADLINE, f"The run took longer than its {self._deadline_s:g} s.")
        return None

    def wait_s(self) -> float:
        """Seconds until the next check."""
        return max(0.0, min(self._next_sample, self._end) - self._clock())
