"""Liveness and readiness of the estimators, in memory that two processes share.

The process that owns the estimators writes it; the front, which answers health checks, reads it.
"""

from __future__ import annotations

import mmap
import struct
import time

STILL_S = 30.0
"""The loop turns every second. After this long without a turn it counts as dead."""

_TIMES = struct.Struct("dd")


class Liveness:
    def __init__(self, *, busy_s: float):
        """`busy_s`: the longest time for which an estimator may be busy."""
        self._busy_s = busy_s
        self._memory = mmap.mmap(-1, _TIMES.size)

    def beat(self, *, is_free: bool) -> None:
        """Note that the loop turns. `is_free`: an estimator waits for work."""
        now = time.monotonic()
        _, free = _TIMES.unpack_from(self._memory)
        _TIMES.pack_into(self._memory, 0, now, now if is_free else free)

    @property
    def are_ready(self) -> bool:
        """Whether a request that comes now will be answered soon.

        True if an estimator is free, or if all are busy for no longer than allowed: otherwise
        a load balancer would take every estimate service away as soon as there is much to do.
        """
        beat, free = _TIMES.unpack_from(self._memory)
        return self.are_alive and free > 0 and beat - free < self._busy_s

    @property
    def are_alive(self) -> bool:
        """Whether the loop turns, or has not begun to because xcube is being imported."""
        beat, _ = _TIMES.unpack_from(self._memory)
        return beat == 0 or time.monotonic() - beat < STILL_S
