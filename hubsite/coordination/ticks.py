"""Ticks: tasks that the worker repeats, each for a few seconds.

An app registers its ticks when it is ready:

    ticks.every(5, "jobs.tasks.sweep")
    ticks.housekeeping("accounts.tasks.delete_expired_tokens", deletes=True)
    ticks.on_demand("jobs.tasks.launch_due")

A tick may be lost or repeated, so its function finds by itself what is due. While a tick waits in
the queue it is not added again, by any process, because one call serves all. Each tick has a
database row, so after a restart an hourly tick is neither forgotten nor repeated.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import models, transaction
from django.db.models.functions import Now

from . import clock_jumps, queues

HOUR_S = 3600.0
LOOK_EVERY_S = 60.0
"""How often a process reads the row of a tick that is rarely due."""


class Tick(models.Model):
    """When a tick was last put into the queue, and the id of its row there."""

    task = models.CharField(max_length=200, primary_key=True)
    asked_at = models.DateTimeField(null=True)
    queue_row = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return self.task


@dataclass(frozen=True)
class Registered:
    task: str
    every_s: float | None = None
    """The interval; None if it only runs on request (wake_up.py)."""
    queue: str = queues.PROMPT
    deletes: bool = False
    """It deletes what is old. Such ticks are queued before the others, so that data is deleted
    first, and they wait while the clock may be wrong (clock_jumps.py)."""


_registered: dict[str, Registered] = {}


def every(seconds: float, task: str, *, queue: str = queues.PROMPT) -> None:
    """Run `task`, the dotted name of a function without arguments, at this interval."""
    _register(Registered(task, seconds, queue))


def housekeeping(task: str, *, deletes: bool = False) -> None:
    """Run `task` once an hour in the outside queue, where it delays no launch.

    Each step is a tick of its own, so a step that fails or hangs does not stop the others.
    """
    _register(Registered(task, HOUR_S, queues.OUTSIDE, deletes))


def on_demand(task: str, *, queue: str = queues.PROMPT) -> None:
    """Run `task` only on request. Only such a task may have arguments."""
    _register(Registered(task, None, queue))


def _register(tick: Registered) -> None:
    if _registered.setdefault(tick.task, tick) != tick:
        raise ValueError(f"{tick.task} is registered twice, differently")


def registered() -> list[Registered]:
    """All ticks, those that delete first."""
    return sorted(_registered.values(), key=lambda tick: not tick.deletes)


def find(task: str) -> Registered:
    """The tick of a task. Raises LookupError if no app registered it, which is a bug."""
    try:
        return _registered[task]
    except KeyError:
        raise LookupError(f"{task} is not registered; see hubsite/coordination/ticks.py") from None


def ask(task: str) -> bool:
    """Ask the worker to run the task soon. False if the queue is too long.

    A task that is already waiting in the queue is not added again.
    """
    tick = find(task)
    row = Tick.objects.filter(task=task)
    if queues.is_waiting(row.values("queue_row")):
        return True
    with transaction.atomic():
        Tick.objects.select_for_update().get_or_create(task=task)
        if queues.is_waiting(row.values("queue_row")):
            return True
        if queues.is_long(tick.queue):
            return False
        row.update(queue_row=queues.put(tick.queue, task), asked_at=Now())
    return True


class Ticker:
    """Puts ticks into the queue when they are due. Several processes may do so at once."""

    def __init__(self) -> None:
        self._look_at: dict[str, float] = {}
        self._look_at_clock = 0.0
        self._may_delete = False

    def ask_due(self) -> None:
        """Call it every second or so; most calls do nothing."""
        now = time.monotonic()
        if now >= self._look_at_clock:
            self._may_delete = clock_jumps.is_trusted()
            self._look_at_clock = now + LOOK_EVERY_S
        for tick in registered():
            if tick.every_s is not None and now >= self._look_at.get(tick.task, 0.0):
                self._look_at[tick.task] = now + min(tick.every_s, LOOK_EVERY_S)
                may_run = self._may_delete or not tick.deletes
                if may_run and not _was_asked_for(tick, tick.every_s):
                    ask(tick.task)


def _was_asked_for(tick: Registered, every_s: float) -> bool:
    """Whether it was queued in the last interval; a time in the future does not count."""
    almost = timedelta(seconds=0.9 * every_s)
    rows = Tick.objects.filter(asked_at__gt=Now() - almost, asked_at__lte=Now() + almost)
    return rows.filter(task=tick.task).exists()
