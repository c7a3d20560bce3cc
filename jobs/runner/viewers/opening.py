"""Calls a function for many stores in parallel; waits for those that come soon.

Only the time that the stores need is limited, so one that does not answer does not hold up a
start. Time in which this machine computes is not limited: people would see a viewer without data.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence

from ..system.busy import busy_ns, busy_s_since, is_queued

SOON_S = 1.5
"""So long a start waits for stores. Datasets that come later are shown as soon as they are open."""
BUSY_S = 30.0
"""So long it waits at most for what is being computed."""
NEEDED_S = 60.0
"""So long a change waits for datasets that are served now, because no request may fail."""
AT_ONCE = 4
_LOOK_S = 0.25


def each(
    call: Callable[[str], None], groups: Iterable[Sequence[str]], *, needed: Collection[str]
) -> None:
    """Call for each name, with a few threads for each group, and wait for those that come soon.

    Waits for `needed` names for NEEDED_S. Each group, a store, has its own threads, so that one
    that does not answer delays no other. They are daemon threads, so that it does not delay the
    end of the process, either.
    """
    left, threads, change = set(), [], threading.Condition()

    def work(todo: deque[str]) -> None:
        while True:
            try:
                name = todo.popleft()
            except IndexError:
                return
            call(name)
            with change:
                left.discard(name)
                change.notify_all()

    groups = [group for group in groups if group]
    for group in groups:
        left.update(group)
    for group in groups:
        todo = deque(group)
        for _ in range(min(AT_ONCE, len(group))):
            threads.append(threading.Thread(target=work, args=(todo,), daemon=True))
            threads[-1].start()
    began, waits = time.monotonic(), _Waits(threads)
    with change:
        while left:
            change.wait(_LOOK_S)
            waits.look()
            waited = time.monotonic() - began
            if left & set(needed):
                if waited >= NEEDED_S:
                    return
            elif waits.idle_s >= SOON_S or waited >= BUSY_S:
                return


class _Waits:
    """How long some threads have waited for others, and neither computed nor wanted to."""

    def __init__(self, threads: Collection[threading.Thread]) -> None:
        self.idle_s = 0.0
        self._threads = threads
        self._looked_at = time.monotonic()
        self._busy: dict[int, int] = {}

    def look(self) -> None:
        """Add the time since the last look, if they were busy for less than half of it."""
        now = time.monotonic()
        passed = now - self._looked_at
        if passed < _LOOK_S:
            return
        ids = [thread.native_id for thread in self._threads if thread.is_alive()]
        before, self._busy = self._busy, busy_ns(ids)
        busy_s = busy_s_since(before, self._busy)
        if busy_s < passed / 2 and not any(map(is_queued, ids)):
            self.idle_s += passed
        self._looked_at = now
