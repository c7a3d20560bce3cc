"""What the admin's first page says of cube generation. Its cost does not grow with the jobs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef
from django.http import HttpRequest
from django.utils import timezone

from jobs.settings import hub

from .models import Job, JobEvent, Reason, State

LATEST = 5_000
"""Times and reasons are those of at most so many of the latest jobs."""
HOURS = 24
DAYS = 7
HOLDERS = 5
BAR_HEIGHT = 60


@dataclass(frozen=True)
class Hour:
    """A bar of the chart: how many jobs ended in this hour. Lengths are in pixels of the chart."""

    x: int
    succeeded: int
    failed: int
    cancelled: int
    good_height: float
    bad_height: float

    @property
    def good_y(self) -> float:
        return BAR_HEIGHT - self.good_height

    @property
    def bad_y(self) -> float:
        return self.good_y - self.bad_height

    @property
    def ago(self) -> int:
        return HOURS - 1 - self.x // 10


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
    """What changes with each step of any job; nothing for who sees only own ones. One query."""
    if not may_see(user):
        return ""
    return str(JobEvent.objects.order_by("-pk").values_list("pk", flat=True).first())


def of_jobs(request: HttpRequest) -> dict[str, Any] | None:
    """The panel "Cube generation", for who may see jobs. Five queries."""
    if not request.user.reads_hub:
        return None
    now = timezone.now()
    live = Job.objects.filter(is_live=True).order_by()
    states = dict(live.values_list("state").annotate(n=Count("pk")))
    oldest = Job.objects.due().aggregate(at=Min("created_at"))["at"]
    holders = Job.objects.placed().order_by().values("owner_id", "owner__email")
    latest = list(
        Job.objects.order_by("-pk").values_list(
            "state", "created_at", "launched_at", "finished_at"
        )[:LATEST]
    )
    waits = _waits(latest, now)
    return {
        "waiting": states.get(State.QUEUED, 0),
        "starting": states.get(State.LAUNCHED, 0),
        "running": states.get(State.RUNNING, 0),
        "ending": sum(n for state, n in states.items() if state not in _UNDER_WAY),
        "places": hub.local_runs if hub.engine == "local" else hub.pod_places,
        "held": sum(n for state, n in states.items() if state != State.QUEUED),
        "oldest_wait": now - oldest if oldest else None,
        "holders": list(holders.annotate(n=Count("pk")).order_by("-n")[:HOLDERS]),
        "median_wait": _quantile(waits, 0.5),
        "long_wait": _quantile(waits, 0.9),
        "longest_wait": waits[-1] if waits else None,
        "hours": _hours(latest, now),
        "failures": _failures(now),
        "days": DAYS,
        "chart_height": BAR_HEIGHT,
    }


_UNDER_WAY = (State.QUEUED, State.LAUNCHED, State.RUNNING)


def _waits(rows: list[tuple], now: datetime) -> list[timedelta]:
    """How long the jobs of the last day waited for their launch, shortest first."""
    since = now - timedelta(hours=HOURS)
    return sorted(
        max(launched - created, timedelta())
        for _, created, launched, _ in rows
        if launched is not None and launched >= since
    )


def _quantile(values: list[timedelta], part: float) -> timedelta | None:
    return values[min(len(values) - 1, int(part * len(values)))] if values else None


def _hours(rows: list[tuple], now: datetime) -> list[Hour]:
    """The last day, an hour each, oldest first."""
    ended: Counter[tuple[int, str]] = Counter()
    for state, _, _, finished in rows:
        if finished is not None:
            ended[HOURS - 1 - int((now - finished) / timedelta(hours=1)), state] += 1
    highest = max(
        (
            sum(ended[hour, state] for state in (State.SUCCEEDED, State.FAILED, State.CANCELLED))
            for hour in range(HOURS)
        ),
        default=0,
    )
    scale = BAR_HEIGHT / highest if highest else 0

    def bar(hour: int) -> Hour:
        good, bad = ended[hour, State.SUCCEEDED], ended[hour, State.FAILED]
        cancelled = ended[hour, State.CANCELLED]
        heights = round(good * scale, 1), round(bad * scale, 1)
        return Hour(10 * hour, good, bad, cancelled, *heights)

    return [bar(hour) for hour in range(HOURS)]


def _failures(now: datetime) -> list[Failure]:
    """Of the last days, the most frequent first."""
    retries = Job.objects.filter(retry_of=OuterRef("pk")).order_by()
    rows = (
        Job.objects.filter(state=State.FAILED)
        .order_by("-pk")
        .values_list("reason", "created_at", Exists(retries))[:LATEST]
    )
    counts: Counter[str] = Counter()
    opened: Counter[str] = Counter()
    for reason, created, is_repeated in rows:
        if created >= now - timedelta(days=DAYS):
            counts[reason] += 1
            opened[reason] += not is_repeated
    titles = dict(Reason.choices)
    return [
        Failure(reason, titles.get(reason, reason), count, opened[reason])
        for reason, count in counts.most_common()
    ]
