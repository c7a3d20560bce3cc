"""The follower of one engine's runs, with the ticks that it asks the worker for."""

from __future__ import annotations

import time
from collections.abc import Callable

from hubsite.coordination.lease import Lease
from hubsite.coordination.wake_up import ask
from hubsite.engines.base import Engine, RunFact
from hubsite.engines.following import Follower
from hubsite.health.heartbeat import FollowerPulse

from .book import JobBook

SWEEP_EVERY_S = 5.0
HOUSEKEEPING_EVERY_S = 3600.0
FIRST_HOUSEKEEPING_S = 60.0


def make_follower(engine: Engine, *, is_stopping: Callable[[], bool]) -> Follower[RunFact]:
    """What `manage.py observe` runs."""
    return Follower(
        engine.runs,
        JobBook(engine),
        name=f"{engine.name} engine",
        lease=Lease(f"observer-{engine.name}", seconds=15),
        is_stopping=is_stopping,
        every_turn=Ticks().ask,
        pulse=FollowerPulse(engine.name),
    )


class Ticks:
    """Asks for the worker's ticks that come by themselves, but not while its queue is long."""

    def __init__(self) -> None:
        self._next_sweep = 0.0
        self._next_housekeeping = time.monotonic() + FIRST_HOUSEKEEPING_S

    def ask(self) -> None:
        now = time.monotonic()
        if now >= self._next_sweep and ask("jobs.tasks.sweep"):
            self._next_sweep = now + SWEEP_EVERY_S
        if now >= self._next_housekeeping and ask("jobs.tasks.housekeeping"):
            self._next_housekeeping = now + HOUSEKEEPING_EVERY_S
