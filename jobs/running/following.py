"""The follower of one engine's runs, which also puts due ticks into the worker's queue."""

from __future__ import annotations

from collections.abc import Callable

from hubsite.coordination.lease import Lease
from hubsite.coordination.ticks import Ticker
from hubsite.engines.facts import RunFact
from hubsite.engines.following import Follower
from hubsite.engines.place import Engine
from hubsite.health.heartbeat import FollowerPulse

from .book import JobBook


def make_follower(engine: Engine, *, is_stopping: Callable[[], bool]) -> Follower[RunFact]:
    """What `manage.py observe` runs."""
    return Follower(
        engine.runs,
        JobBook(engine),
        name=f"{engine.name} engine",
        lease=Lease(f"observer-{engine.name}", seconds=15),
        is_stopping=is_stopping,
        every_turn=Ticker().ask_due,
        pulse=FollowerPulse(engine.name),
    )
