"""Whether the task queue is healthy, in words: who works, what is late, what has failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django_q.models import Failure, OrmQ

from hubsite.coordination import queues, ticks

from .heartbeat import Heard, heard

MOST_FAILURES = 20
LATE_AFTER = timedelta(seconds=60)
"""So much later than its interval a tick may be asked for; the observer looks once a minute."""


@dataclass(frozen=True)
class Queue:
    """One of the two queues: its worker, and how many tasks wait."""

    name: str
    words: str
    told: Heard
    waiting: int

    @property
    def is_long(self) -> bool:
        return self.waiting >= queues.QUEUE_IS_LONG


@dataclass(frozen=True)
class TickState:
    """A tick: what it does, how often, and when it was last asked for."""

    task: str
    words: str
    every_s: float | None
    queue: str
    asked_at: datetime | None
    is_late: bool


@dataclass(frozen=True)
class FailedTask:
    task: str
    at: datetime
    sentence: str
    text: str


@dataclass(frozen=True)
class QueueHealth:
    """Everything that the page shows. `faults` is empty if the queue is healthy."""

    queues: list[Queue]
    ticks: list[TickState]
    failures: list[FailedTask]
    faults: list[str]


def look(now: datetime) -> QueueHealth:
    """Read it; six queries, however much waits."""
    waiting = list(OrmQ.objects.order_by().values_list("key", flat=True)[:1000])
    found = [
        Queue(
            queues.PROMPT,
            _("launches jobs and starts services"),
            heard("worker"),
            waiting.count(queues.PROMPT),
        ),
        Queue(
            queues.OUTSIDE,
            _("talks to other systems, and keeps house"),
            heard("outside"),
            waiting.count(queues.OUTSIDE),
        ),
    ]
    states = _ticks(now)
    failures = [_failed(row) for row in Failure.objects.order_by("-stopped")[:MOST_FAILURES]]
    return QueueHealth(found, states, failures, _faults(found, states))


def _ticks(now: datetime) -> list[TickState]:
    asked = dict(ticks.Tick.objects.values_list("task", "asked_at"))
    states = [
        TickState(
            tick.task,
            words_of(tick.task),
            tick.every_s,
            tick.queue,
            asked.get(tick.task),
            _is_late(tick.every_s, asked.get(tick.task), now),
        )
        for tick in ticks.registered()
    ]
    return sorted(states, key=lambda state: (not state.is_late, state.every_s or 0, state.task))


def _is_late(every_s: float | None, asked_at: datetime | None, now: datetime) -> bool:
    if every_s is None:
        return False  # it runs only on request
    return asked_at is None or now - asked_at > 2 * timedelta(seconds=every_s) + LATE_AFTER


def words_of(task: str) -> str:
    """What the task does: the first line of its docstring."""
    return (import_string(task).__doc__ or "").strip().partition("\n")[0].rstrip(".")


def _failed(row: Failure) -> FailedTask:
    text = str(row.result or "")
    lines = [line for line in text.splitlines() if line.strip()]
    return FailedTask(row.func, row.stopped, lines[-1][:300] if lines else "", text[:20_000])


def _faults(found: list[Queue], states: list[TickState]) -> list[str]:
    faults = []
    for queue in found:
        if not queue.told.is_alive:
            faults.append(
                _("The worker of the queue “%(name)s” is silent: start it, and look at its log.")
                % {"name": queue.name}
            )
        if queue.is_long:
            faults.append(
                _("The queue “%(name)s” is full: nothing more is put into it.")
                % {"name": queue.name}
            )
    if late := [state.task for state in states if state.is_late]:
        faults.append(
            _("Late: %(tasks)s. Look whether the follower (`manage.py observe`) runs.")
            % {"tasks": ", ".join(late[:10])}
        )
    return faults
