"""Which running jobs take longer than expected: longer than nearly all jobs like them took.

What to expect of a job is learnt from those of its store and size (`prediction/durations.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from ..models import Job, State
from ..prediction import durations

PART = 0.95
LEEWAY = 1.5
"""So many times as long as `PART` of the jobs like it took is long; nothing below LEAST is."""
LEAST = timedelta(minutes=5)
MOST = 1_000
"""Running jobs that are looked at, those submitted first."""


@dataclass(frozen=True)
class Overdue:
    """A running job, how long it holds its place, and how long it should have at most."""

    pk: int
    output_data_id: str
    owner_email: str
    running: timedelta
    expected: timedelta


def overdue(now: datetime | None = None) -> list[Overdue]:
    """Those that are running too long, the worst first. A query, and one for each engine."""
    now = now or timezone.now()
    rows = list(
        Job.objects.filter(is_live=True, state=State.RUNNING, launched_at__lt=now - LEAST)
        .order_by("pk")
        .values_list(
            "engine",
            "input_store",
            "size_class",
            "launched_at",
            "pk",
            "output_data_id",
            "owner__email",
        )[:MOST]
    )
    late = []
    for name in sorted({engine for engine, *_ in rows}):
        its_jobs = [row for row in rows if row[0] == name]
        kinds = {durations.kind_of(store, size) for _, store, size, *_ in its_jobs}
        limits = _limits(name, kinds)
        for _, store, size, launched, pk, output, email in its_jobs:
            limit = limits.get(durations.kind_of(store, size))
            if limit is not None and now - launched > limit:
                late.append(Overdue(pk, output, email, now - launched, limit))
    return sorted(late, key=lambda one: one.expected - one.running)


def _limits(engine: str, kinds: Iterable[str]) -> dict[str, timedelta]:
    """How long a job of each kind may hold its place before it is long."""
    found = {}
    for kind, took in durations.durations_of(kinds, durations.known(engine)).items():
        if len(took) >= durations.FEWEST:
            usual = sorted(took)[min(len(took) - 1, int(PART * len(took)))]
            found[kind] = max(LEAST, timedelta(seconds=LEEWAY * usual))
    return found
