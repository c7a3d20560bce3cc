"""How long threads computed or waited for a processor, and so not for others.

A limit on how long others may take must not count this time. Otherwise, on a busy machine, a
server that answers at once would seem slow.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

_THREADS = Path("/proc/self/task")


def busy_ns(threads: Collection[int | None] | None = None) -> dict[int, int]:
    """Nanoseconds by thread of this process, of these or all; without those that have ended."""
    found = {}
    for thread in map(int, os.listdir(_THREADS)) if threads is None else threads:
        try:
            computed, queued, _ = (_THREADS / str(thread) / "schedstat").read_text().split()
        except (OSError, ValueError):
            continue
        found[thread] = int(computed) + int(queued)
    return found


def busy_s_since(before: dict[int, int], now: dict[int, int]) -> float:
    """Seconds of all threads together between two looks."""
    return sum(ns - before.get(thread, 0) for thread, ns in now.items()) / 1e9


def is_queued(thread: int | None) -> bool:
    """Whether it computes or waits for a processor now, which is counted only afterwards."""
    try:
        return (_THREADS / str(thread) / "stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False
