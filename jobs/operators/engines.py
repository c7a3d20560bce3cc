"""The engines as operators see them: places, who holds them, since when away, drained or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from hubsite.engines import NAMES, draining, find_engine, run_places
from hubsite.health.heartbeat import heard
from jobs.settings import hub

from ..models import Job, State


@dataclass(frozen=True)
class EngineStatus:
    """One engine. `answers` is None if this hub does not use it: it was never heard of."""

    engine: str
    is_default: bool
    answers: bool | None
    problem: str
    since: datetime | None
    places: int
    taken: int
    waiting: int
    drain: draining.Drain | None

    @property
    def is_drained(self) -> bool:
        return self.drain is not None

    @property
    def message(self) -> str:
        return self.drain.message if self.drain else ""

    @property
    def drained_since(self) -> datetime | None:
        return self.drain.since if self.drain else None

    @property
    def is_used(self) -> bool:
        return self.is_default or self.answers is not None or bool(self.taken or self.waiting)


@dataclass(frozen=True)
class Holder:
    """A user who holds places of an engine."""

    user_pk: int
    email: str
    places: int
    waiting: int


def statuses() -> list[EngineStatus]:
    """All engines that this version knows, each with three queries."""
    drains = draining.Drain.objects.in_bulk()
    return [_status(name, drains.get(name)) for name in NAMES]


def _status(name: str, drain: draining.Drain | None) -> EngineStatus:
    told, engine = heard("engine", name), find_engine(name)
    jobs = Job.objects.on(name).filter(is_live=True).order_by()
    counts = jobs.aggregate(
        taken=Count("pk", filter=~Q(state=State.QUEUED)),
        waiting=Count("pk", filter=Q(state=State.QUEUED)),
    )
    problem = told.problem
    if told.was_ever and not told.is_alive:
        problem = "its follower is silent, so it is not known"
    return EngineStatus(
        engine=name,
        is_default=name == hub.engine,
        answers=told.is_alive and not told.problem if told.was_ever else None,
        problem=problem,
        since=told.since,
        places=run_places(engine),
        drain=drain,
        **counts,
    )


def holders(engine: str, *, most: int = 20) -> list[Holder]:
    """Who holds most places of the engine, or waits for one."""
    rows = (
        Job.objects.on(engine)
        .filter(is_live=True)
        .order_by()
        .values_list("owner_id", "owner__email")
        .annotate(
            places=Count("pk", filter=~Q(state=State.QUEUED)),
            waiting=Count("pk", filter=Q(state=State.QUEUED)),
        )
        .order_by("-places", "-waiting", "owner_id")
    )
    return [Holder(*row) for row in rows[:most]]
