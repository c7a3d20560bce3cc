"""The numbers of cube generation: what waits and runs where, why jobs fail, what takes long."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Subquery
from django.http import HttpRequest
from django.utils import timezone

from jobs.settings import hub

from ..models import EngineLook, Job, JobEvent, Reason, State
from ..operators import failures
from ..operators.history import Waits
from ..running import overdue
from . import charts, widgets

LATEST = 2_000
"""Failures are those among at most so many of the latest failed jobs."""
DAYS = 7
HOLDERS = 5
OVERDUE = 5
QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True)
class AtEngine:
    """What an engine does: jobs by state, its places, and how long its jobs waited."""

    name: str
    waiting: int
    held: int
    places: int | None
    waited: tuple[float | None, ...]
    """By `QUANTILES`, in seconds, of the jobs launched in the last day."""
    launched: int


@dataclass(frozen=True)
class Failure:
    """Why jobs failed, how many did, and how many of them nobody has submitted again."""

    reason: str
    title: str
    count: int
    open: int


def may_see(user: Any) -> bool:
    """Whether the user sees the jobs of all: operators and support."""
    return user.is_staff and user.reads_hub


def cursor(user: Any) -> str:
    """What changes with each step of any job, and when an engine showed what someone asked for.

    Nothing for who sees only own jobs. One query, by two indexes.
    """
    if not may_see(user):
        return ""
    looks = EngineLook.objects.filter(looked_at__isnull=False).order_by("-looked_at")
    steps = JobEvent.objects.order_by("-pk").annotate(
        looked=Subquery(looks.values("looked_at")[:1])
    )
    return " ".join(map(str, steps.values_list("pk", "looked").first() or ()))


def of_jobs(request: HttpRequest) -> dict[str, Any] | None:
    """The panels of cube generation, for who sees all jobs. At most nine queries."""
    if not may_see(request.user):
        return None
    now = timezone.now()
    live = Job.objects.filter(is_live=True).order_by()
    rows = list(live.values_list("engine", "state").annotate(n=Count("pk")))
    states: Counter[str] = Counter()
    for _, state, count in rows:
        states[state] += count
    queued = states[State.QUEUED]
    oldest = Job.objects.due().aggregate(at=Min("created_at"))["at"] if queued else None
    holders = Job.objects.placed().order_by().values("owner_id", "owner__email")
    span = charts.span_of(request.GET.get("span", ""))
    drawn = charts.of_time(
        span, queued=queued, active=states[State.LAUNCHED] + states[State.RUNNING]
    )
    late, found = overdue.overdue(now), _failures(now)
    return {
        "waiting": queued,
        "starting": states[State.LAUNCHED],
        "running": states[State.RUNNING],
        "ending": sum(n for state, n in states.items() if state not in _UNDER_WAY),
        "oldest_wait": now - oldest if oldest else None,
        "holders": list(holders.annotate(n=Count("pk")).order_by("-n")[:HOLDERS]),
        "engines": _engines(rows, drawn.waits_of_day),
        "failures": found,
        "failures_at_most": LATEST if sum(one.count for one in found) >= LATEST else None,
        "days": DAYS,
        "late": late[:OVERDUE],
        "late_count": len(late),
        "charts": drawn.charts,
        "spans": [(name, title, name == span.name) for name, title in charts.titles()],
        "widgets": widgets.of_user(request),
    }


_UNDER_WAY = (State.QUEUED, State.LAUNCHED, State.RUNNING)


def _engines(rows: list[tuple[str, str, int]], waits: dict[str, Waits]) -> list[AtEngine]:
    """The engine of the settings, and those that have jobs."""
    places = {"local": hub.local_runs, "kubernetes": hub.pod_places}
    found = []
    for name in sorted({hub.engine, *(engine for engine, *_ in rows), *waits}):
        its_states = {state: n for engine, state, n in rows if engine == name}
        waiting = its_states.pop(State.QUEUED, 0)
        its_waits = waits.get(name, Waits({}))
        quantiles = tuple(its_waits.quantile(part) for part in QUANTILES)
        held = sum(its_states.values())
        found.append(AtEngine(name, waiting, held, places.get(name), quantiles, its_waits.jobs))
    return found


def _failures(now: datetime) -> list[Failure]:
    """Of the last days, the most frequent first."""
    rows = (
        Job.objects.filter(state=State.FAILED)
        .order_by("-pk")
        .values_list("reason", "created_at", failures.is_dealt_with())[:LATEST]
    )
    counts: Counter[str] = Counter()
    opened: Counter[str] = Counter()
    for reason, created, is_settled in rows:
        if created >= now - timedelta(days=DAYS):
            counts[reason] += 1
            opened[reason] += not is_settled
    titles = dict(Reason.choices)
    return [
        Failure(reason, titles.get(reason, reason), count, opened[reason])
        for reason, count in counts.most_common()
    ]
