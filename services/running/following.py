"""The follower of one engine's services."""

from __future__ import annotations

from collections.abc import Callable

from hubsite.coordination.lease import Lease
from hubsite.engines.facts import ServiceFact
from hubsite.engines.following import Follower
from hubsite.engines.place import Engine
from hubsite.health.heartbeat import FollowerPulse

from .book import ServiceBook


def make_follower(
    engine: Engine, *, is_stopping: Callable[[], bool]
) -> Follower[ServiceFact] | None:
    """The follower of this engine's services; None if it keeps none."""
    if engine.services is None:
        return None
    return Follower(
        engine.services,
        ServiceBook(engine.name, engine.services),
        name=f"{engine.name} engine, services",
        lease=Lease(f"service-observer-{engine.name}", seconds=15),
        is_stopping=is_stopping,
        pulse=FollowerPulse(engine.name, of="service "),
    )
