"""How many jobs there were, and how long they waited, hour by hour.

A tick counts the events of the hours that are not complete yet into one row for each hour
(`JobHour`). It counts them anew each time, so a tick that was lost, repeated or killed changes
nothing. An event is written when the hub makes the step, never afterwards, so an hour that ended
`SETTLED_AFTER` ago is complete. Pages read these rows: their cost does not grow with the jobs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F
from django.utils import timezone

from ..models import ACTIVE_STATES, FINAL_STATES, JobEvent, JobHour, State

HOUR = timedelta(hours=1)
SETTLED_AFTER = timedelta(minutes=10)
"""No transaction that writes an event lasts this long."""
MOST_HOURS = 200
"""A tick counts at most so many hours; after a long pause the next ticks go on."""
KEPT = timedelta(days=400)
GROWTH = 1.1
"""Each class of waiting times is a tenth longer than the one before: 1 s, 1.1 s, 1.21 s, ..."""


def count_hours() -> int:
    """Count the hours since the last complete one; returns how many."""
    now = timezone.now()
    hour = _first_open(now)
    counted = 0
    while hour is not None and hour <= now and counted < MOST_HOURS:
        _count(hour)
        hour += HOUR
        counted += 1
    return counted


def _first_open(now: datetime) -> datetime | None:
    """The earliest hour that may still change; None if nothing ever happened.

    The one before the newest row is counted again too: it may have been counted last before it
    was complete.
    """
    newest = JobHour.objects.filter(hour__lte=now).order_by("-hour").values_list("hour").first()
    if newest is not None:
        return min(newest[0] - HOUR, begin_of(now - SETTLED_AFTER))
    oldest = JobEvent.objects.order_by("at").values_list("at", flat=True).first()
    return None if oldest is None else max(begin_of(oldest), begin_of(now - KEPT))


def begin_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _count(hour: datetime) -> None:
    events = JobEvent.objects.filter(at__gte=hour, at__lt=hour + HOUR).order_by()
    steps = events.exclude(from_state=F("to_state")).values_list("from_state", "to_state")
    launched = events.filter(to_state=State.LAUNCHED).values_list(
        "job__engine", "job__created_at", "at"
    )
    waits: dict[str, Counter[str]] = {}
    for engine, created, at in launched.iterator(chunk_size=2000):
        waits.setdefault(engine, Counter())[str(class_of(at - created))] += 1
    values = {
        "steps": {f"{origin}>{to}": n for origin, to, n in steps.annotate(n=Count("pk"))},
        "waits": waits,
    }
    JobHour.objects.update_or_create(hour=hour, defaults=values)


def class_of(wait: timedelta) -> int:
    """The number of the shortest class that holds this wait; `longest` gives its limit."""
    seconds = wait.total_seconds()
    return math.ceil(math.log(seconds, GROWTH) - 1e-9) if seconds > 1 else 0


def longest(number: int) -> float:
    """The longest wait of a class, in seconds."""
    return GROWTH**number


@dataclass(frozen=True)
class Waits:
    """How long launched jobs had waited: by class, how many."""

    counts: Mapping[int, int]

    @classmethod
    def sum(cls, parts: Iterable[Mapping[str, int]]) -> Waits:
        total: Counter[int] = Counter()
        for part in parts:
            for number, count in part.items():
                total[int(number)] += count
        return cls(total)

    @property
    def jobs(self) -> int:
        return sum(self.counts.values())

    def quantile(self, part: float) -> float | None:
        """So many of the jobs waited at most this long, in seconds; a tenth too long at most."""
        needed, seen = part * self.jobs, 0
        for number in sorted(self.counts):
            seen += self.counts[number]
            if seen >= needed:
                return longest(number)
        return None


@dataclass(frozen=True)
class Period:
    """An hour, or a day: what ended in it, what came, and how many there were at its end."""

    begin: datetime
    came: int
    ended: Mapping[str, int]
    queued: int
    active: int
    waits: Mapping[str, Mapping[str, int]]


def periods(since: datetime, *, now_queued: int, now_active: int) -> list[Period]:
    """The hours since then, oldest first, hours without any event among them. One query.

    How many jobs there were at the end of an hour follows from those that there are now, less
    all later steps.
    """
    rows = {row.hour: row for row in JobHour.objects.filter(hour__gte=since)}
    queued, active = now_queued, now_active
    found: list[Period] = []
    hour = begin_of(timezone.now())
    while hour >= since:
        row = rows.get(hour)
        steps = [(*key.split(">"), n) for key, n in (row.steps if row else {}).items()]
        ended = Counter(dict.fromkeys(FINAL_STATES, 0))
        for _, to, n in steps:
            if to in FINAL_STATES:
                ended[to] += n
        came = sum(n for origin, _, n in steps if not origin)
        found.append(Period(hour, came, ended, queued, active, row.waits if row else {}))
        queued = max(0, queued - _balance(steps, {State.QUEUED}))
        active = max(0, active - _balance(steps, ACTIVE_STATES - {State.QUEUED}))
        hour -= HOUR
    return found[::-1]


def _balance(steps: Iterable[tuple[str, str, int]], states: Iterable[str]) -> int:
    """By how much the steps change the number of jobs in these states."""
    inside = set(states)
    return sum(((to in inside) - (origin in inside)) * n for origin, to, n in steps)


def forget_old() -> int:
    """Delete hours that are older than `KEPT`."""
    return JobHour.objects.filter(hour__lt=timezone.now() - KEPT).delete()[0]
