"""Heartbeats: every few seconds, a working part of the hub writes so into a database row.

The web process reads the rows, so no request has to ask another process. All times are the
database's, because the parts may run on machines whose clocks differ.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, models
from django.db.models import F
from django.db.models.functions import Now

STALE_AFTER = timedelta(seconds=30)
"""A part without a heartbeat for this long counts as stopped. A tick of the worker or a turn of
the follower takes seconds, and is repeated every five seconds."""
EVERY_S = 4.0


class Heartbeat(models.Model):
    """The last heartbeat of a part: `worker`, or `follower` and `engine` with the engine's name."""

    part = models.CharField(max_length=40)
    name = models.CharField(max_length=63, blank=True)
    at = models.DateTimeField(help_text="When it was heard last.")
    since = models.DateTimeField(help_text="Since when it says the same without a gap.")
    problem = models.CharField(
        max_length=500, blank=True, help_text="What keeps it from its work; empty: nothing."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["part", "name"], name="one_heartbeat_per_part")
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.name}".strip()


class Pulse:
    """Writes the heartbeat of one part, at most every few seconds.

    pulse = Pulse("follower", "local")
    while True:
        look_once()
        pulse.beat()
    """

    def __init__(self, part: str, name: str = "") -> None:
        self._part, self._name = part, name
        self._next = 0.0
        self._problem: str | None = None

    def beat(self, problem: str = "") -> None:
        """Record that the part works, or why it cannot. Raises DatabaseError."""
        if problem == self._problem and time.monotonic() < self._next:
            return
        beat(self._part, self._name, problem=problem)
        self._problem, self._next = problem, time.monotonic() + EVERY_S


class FollowerPulse:
    """The heartbeats that a follower writes: its own, and that of its engine.

    `of`: what it follows, if not runs, as a first word of the parts' names, e.g. "service ".
    """

    def __init__(self, engine: str, *, of: str = "") -> None:
        self._follower = Pulse(f"{of}follower", engine)
        self._engine = Pulse(f"{of}engine", engine)

    def turn(self) -> None:
        """Record that a turn begins. Raises DatabaseError."""
        self._follower.beat()

    def engine_answers(self) -> None:
        self._engine.beat()

    def engine_fails(self, problem: str) -> None:
        """Record that the engine did not answer. A database error is ignored."""
        with contextlib.suppress(DatabaseError, InterfaceError):
            self._engine.beat(problem)


def beat(part: str, name: str = "", *, problem: str = "") -> None:
    """Write one heartbeat; `since` stays as long as the same is reported without a gap."""
    problem = problem[:500]
    row = Heartbeat.objects.filter(part=part, name=name)
    goes_on = row.filter(problem=problem, at__gt=Now() - STALE_AFTER, at__lte=Now())
    if not goes_on.update(at=Now()):
        Heartbeat.objects.update_or_create(
            part=part, name=name, defaults={"at": Now(), "since": Now(), "problem": problem}
        )


class Heard:
    """The health of a part according to its heartbeat, by the database's clock."""

    def __init__(self, row: Heartbeat | None) -> None:
        self.problem = row.problem if row else ""
        self.was_ever = row is not None
        age: timedelta | None = row.age if row else None
        # A heartbeat from the future was written while a clock was wrong. It proves nothing. If
        # the part works, its next heartbeat replaces this one within seconds.
        self.is_alive = age is not None and timedelta(0) <= age <= STALE_AFTER
        self.silent_since: datetime | None = row.at if row and age and age > STALE_AFTER else None
        self.since: datetime | None = row.since if row and self.is_alive else self.silent_since


def heard(part: str, name: str = "") -> Heard:
    age = models.ExpressionWrapper(Now() - F("at"), output_field=models.DurationField())
    return Heard(Heartbeat.objects.filter(part=part, name=name).annotate(age=age).first())
