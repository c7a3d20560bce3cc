"""Which running jobs take longer than expected: longer than nearly all jobs like them took."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from .models import Job, State

LATEST = 2_000
"""Durations are those of so many of the latest successful jobs."""
FEWEST = 5
"""With fewer successful jobs like it, nothing is expected of a job."""
PART = 0.95
LEEWAY = 1.5
"""So many times as long as `PART` of the jobs took is long; and nothing below LEAST is."""
LEAST = timedelta(minutes=5)
MOST = 1_000


@dataclass(frozen=True)
class Overdue:
    """A running job, how long it has been running, and how long it should have at most."""

    pk: int
    job_id: str
    output_data_id: str
    owner_email: str
    running: timedelta
    expected: timedelta


def overdue(now: datetime | None = None) -> list[Overdue]:
    """Those that are running too long, the worst first. Two queries."""
    now = now or timezone.now()
    running = (
        Job.objects.filter(is_live=True, state=State.RUNNING, started_at__lt=now - LEAST)
        .order_by("pk")
        .values_list(
            "engine",
            "input_store",
            "started_at",
            "pk",
            "job_id",
            "output_data_id",
            "owner__email",
        )[:MOST]
    )
    rows = list(running)
    if not rows:
        return []
    limits = _limits()
    late = [
        Overdue(pk, job_id, name, email, now - started, limit)
        for engine, store, started, pk, job_id, name, email in rows
        if (limit := limits.get((engine, store))) is not None and now - started > limit
    ]
    return sorted(late, key=lambda one: one.expected - one.running)


def _limits() -> dict[tuple[str, str], timedelta]:
    """How long a job may run before it is long, by engine and store of its input."""
    durations: dict[tuple[str, str], list[timedelta]] = defaultdict(list)
    ended = Job.objects.filter(state=State.SUCCEEDED).order_by("-pk")
    for engine, store, started, finished in ended.values_list(
        "engine", "input_store", "started_at", "finished_at"
    )[:LATEST]:
        if started is not None and finished is not None:
            durations[engine, store].append(finished - started)
    return {
        kind: max(LEAST, LEEWAY * sorted(took)[min(len(took) - 1, int(PART * len(took)))])
        for kind, took in durations.items()
        if len(took) >= FEWEST
    }
