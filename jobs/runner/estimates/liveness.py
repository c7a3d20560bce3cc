"""How the estimators are, in a piece of memory that two processes share.

Written by the one that has them, read by the one that is asked for it.
"""

from __future__ import annotations

import mmap
import struct
import time

STILL_S = 30.0
"""A loop that turns every second and has not for so long does not turn any more."""

_TIMES = struct.Struct("dd")


class Liveness:
    def __init__(self, *, busy_s: float):
        """`busy_s`: for how long at most an estimator is rightly busy."""
        self._busy_s = busy_s
        self._memory = mmap.mmap(-1, _TIMES.size)

    def beat(self, *, is_free: bool) -> None:
        """The loop turns. `is_free`: an estimator waits for work."""
        now = time.monotonic()
        _, free = _TIMES.unpack_from(self._memory)
        _TIMES.pack_into(self._memory, 0, now, now if is_free else free)

    @property
    def are_ready(self) -> bool:
        """An estimator is free, or all are busy for no longer than they may: whoever asks now
        is answered in a while. Else all would be sent elsewhere as soon as it gets lively."""
        beat, free = _TIMES.unpack_from(self._memory)
        return self.are_alive and free > 0 and beat - free < self._busy_s

    @property
    def are_alive(self) -> bool:
        """The loop turns, or has not begun to: xcube is being imported."""
        beat, _ = _TIMES.unpack_from(self._memory)
        return beat == 0 or time.monotonic() - beat < STILL_S
