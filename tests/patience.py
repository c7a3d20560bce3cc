"""How long tests wait for what must come, and how they tell slow work from quick work.

A test waits for an event, and the event ends the wait at once. Giving up is for an event that
never comes, so that time is generous and the same everywhere: how fast the machine is, and what
else it does, decides no test. Work is compared with other work of the same moment, or counted.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 600.0
"""A hub starts within 3 to 5 minutes on two processors that 30 others want."""

T = TypeVar("T")


def wait_for(look: Callable[[], T], what: str = "what was waited for", *, pause_s=0.02) -> T:
    """What `look` finds, as soon as it finds something."""
    give_up = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < give_up, f"no {what}"
        time.sleep(pause_s)
    return found


def pause(waited_s: float, *, least_s=0.05, most_s=0.5) -> None:
    """Sleep a tenth of what was waited so far: for looks that take processor time of servers."""
    time.sleep(min(max(least_s, waited_s / 10), most_s))


def comes_back(work: Callable[[], object]) -> None:
    """Do `work` and fail if it does not come back."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it did not come back"
    if faults:
        raise faults[0]


def calls(work: Callable[[], object]) -> int:
    """How many functions `work` calls in this thread: the same on every machine."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def times_the_work(work: Callable[[], object], of: Callable[[], object], *, rounds: int = 3):
    """The processor time of `work` as a multiple of that `of` other work, best of some rounds."""
    mine, least = zip(*[(_cpu_s(work), _cpu_s(of)) for _ in range(rounds)], strict=True)
    return min(mine) / max(min(least), 1e-9)


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
