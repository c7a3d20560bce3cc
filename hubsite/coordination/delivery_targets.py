"""Delivery to many targets side by side: one that hangs or refuses delays no other.

`delivery.py` sends the rows of one other system. Here each row belongs to a target of its own,
such as an address that a user gave:

    class Webhook(Target): ...
    class WebhookDelivery(TargetDelivery):
        webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE)

    deliver_to_each(WebhookDelivery.objects.all(), "webhook", prepare, on_failure=note)

`prepare` gets a row and returns the call that sends it. Calls are made in threads and use no
database. A target that fails rests with all its rows, longer after each failure in a row; a
success ends that. Each target is claimed by one process, which sends its rows one after another.
The order of rows is not promised, and a row may be sent twice if a process is killed.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..storable import storable
from .backoff import Backoff
from .clock import is_over
from .delivery import CLAIM, FAILING, PENDING, Delivery, DeliveryQuerySet, NotDelivered

logger = logging.getLogger(__name__)

REST = Backoff(first_s=30, longest_s=6 * 3600, jitter=0.2)
"""How long a target rests after failures in a row, and a row after its own."""
AT_ONCE = 32
ROWS_AT_ONCE = 20
"""Rows of one target that are claimed together."""
SECONDS = 20.0
"""After this time a tick begins with no further target."""
BATCH_S = 6.0
"""After this time a target's next row waits for its next turn."""

Call = Callable[[], dict[str, Any]]
"""Sends one row; returns columns to set if it was accepted. Raises NotAccepted."""


class Target(models.Model):
    """Base class: where rows of a delivery are sent, and whether that works."""

    failures = models.PositiveIntegerField(default=0, help_text=_("Tries that failed in a row."))
    failing_since = models.DateTimeField(
        null=True, blank=True, help_text=_("When the first of these failed.")
    )
    rests_until = models.DateTimeField(
        null=True, blank=True, help_text=_("Nothing is sent before; or it is being tried.")
    )
    tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class TargetDelivery(Delivery):
    """Base class: one row to be sent to its target. After some failures it is given up."""

    GIVEN_UP = "given_up"
    ENDED = ("delivered", GIVEN_UP)

    class State(models.TextChoices):
        PENDING = PENDING, "To be sent"
        DELIVERED = "delivered", "Accepted"
        FAILING = FAILING, "Failed; it is tried again"
        GIVEN_UP = "given_up", "Failed for good"

    state = models.CharField(max_length=10, choices=State, default=PENDING)
    tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class NotAccepted(NotDelivered):
    """The target did not accept the row; `columns` are to be set in it."""

    def __init__(self, message: str, **columns: Any) -> None:
        super().__init__(message)
        self.columns = columns


@dataclass
class _Turn:
    """Some rows of one claimed target, and how far its thread has come."""

    target: Any
    rows: Sequence[Any]
    calls: Sequence[Call]
    began: float = field(default_factory=time.monotonic)
    accepted: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    failed: tuple[Any, NotAccepted] | None = None
    is_abandoned: bool = False

    def run(self, done: queue.SimpleQueue[_Turn]) -> None:
        """Send rows until one fails. Runs in a thread of its own."""
        for row, call in zip(self.rows, self.calls, strict=True):
            if self.is_abandoned or time.monotonic() > self.began + BATCH_S:
                break
            try:
                columns = call()
            except NotAccepted as error:
                self.failed = row, error
            except Exception:
                logger.exception("%s cannot be delivered", row)
                self.failed = row, NotAccepted("an unforeseen error; see the log")
            if self.failed is not None:
                break
            self.accepted.append((row, columns))
        done.put(self)


def deliver_to_each(
    rows: DeliveryQuerySet,
    target: str,
    prepare: Callable[[Any], Call],
    *,
    longest_call_s: float,
    most_tries: int,
    on_failure: Callable[[Any], None] = lambda target: None,
) -> int:
    """Send due rows to their targets for some seconds; returns how many were accepted.

    `target` is the field of a row that leads to its target. A row that failed `most_tries` times
    is given up. `on_failure` gets the target as it was stored,
    in the same transaction. A call that takes longer than `longest_call_s` counts as failed.
    """
    kind = rows.model._meta.get_field(target).related_model
    until = time.monotonic() + SECONDS
    done: queue.SimpleQueue[_Turn] = queue.SimpleQueue()
    running: dict[int, _Turn] = {}
    accepted = 0
    while True:
        if time.monotonic() < until:
            for turn in _claim(kind, rows, target, prepare, most=AT_ONCE - len(running)):
                running[turn.target.pk] = turn
                threading.Thread(target=turn.run, args=[done], daemon=True).start()
        if not running:
            return accepted
        for turn in _finished(done, running, longest_call_s):
            del running[turn.target.pk]
            accepted += _record(turn, most_tries, on_failure)


def _claim(
    kind: Any, rows: DeliveryQuerySet, target: str, prepare: Callable[[Any], Call], *, most: int
) -> list[_Turn]:
    """Claim targets that have due rows and do not rest; those tried longest ago first."""
    if most <= 0:
        return []
    longest = max(timedelta(seconds=REST.longest_s), CLAIM)
    ready = is_over("rests_until", longest=longest)
    due = rows.due().filter(**{target: OuterRef("pk")})
    turns = []
    for found in kind._default_manager.filter(ready, Exists(due)).order_by(
        F("tried_at").asc(nulls_first=True), "pk"
    )[:most]:
        now = timezone.now()
        claim = kind._default_manager.filter(ready, pk=found.pk)
        if not claim.update(rests_until=now + CLAIM, tried_at=now):
            continue
        found.rests_until = now + CLAIM
        mine = list(rows.due().filter(**{target: found}).order_by("due_at", "pk")[:ROWS_AT_ONCE])
        turns.append(_Turn(found, mine, [_prepared(prepare, row) for row in mine]))
    return turns


def _prepared(prepare: Callable[[Any], Call], row: Any) -> Call:
    try:
        return prepare(row)
    except NotAccepted as error:
        refusal = error

    def refuse() -> dict[str, Any]:
        raise refusal

    return refuse


def _finished(
    done: queue.SimpleQueue[_Turn], running: dict[int, _Turn], longest_call_s: float
) -> list[_Turn]:
    """Wait for the next turn that ends, or that takes too long."""
    overdue_at = min(turn.began for turn in running.values()) + BATCH_S + longest_call_s + 1
    try:
        turns = [done.get(timeout=max(0.0, overdue_at - time.monotonic()))]
    except queue.Empty:
        turns = []
        now = time.monotonic()
        for turn in running.values():
            if now >= turn.began + BATCH_S + longest_call_s + 1:
                turn.is_abandoned = True
                turns.append(turn)
    return [turn for turn in turns if running.get(turn.target.pk) is turn]


def _record(turn: _Turn, most_tries: int, on_failure: Callable[[Any], None]) -> int:
    """Write how the rows of a turn ended, and free its target or let it rest."""
    accepted, failed = list(turn.accepted), turn.failed
    if turn.is_abandoned and failed is None and len(accepted) < len(turn.rows):
        failed = turn.rows[len(accepted)], NotAccepted("no answer in time")
    now = timezone.now()
    kind = type(turn.target)
    with transaction.atomic():
        for row, columns in accepted:
            _write(row, {**columns, **row.on_delivered(), "state": row.DELIVERED, "error": ""})
        if failed is not None:
            row, error = failed
            state = row.GIVEN_UP if row.attempts + 1 >= most_tries else FAILING
            due_at = now + timedelta(seconds=REST.pause_s(row.attempts + 1))
            columns = {"state": state, "error": storable(str(error)[:500]), "due_at": due_at}
            _write(row, {**error.columns, **columns})
        mine = kind._default_manager.filter(pk=turn.target.pk, rests_until=turn.target.rests_until)
        before = 0 if accepted else turn.target.failures
        since = None if accepted else turn.target.failing_since
        if failed is None:
            mine.update(failures=0 if accepted else before, failing_since=since, rests_until=None)
        else:
            rest = timedelta(seconds=REST.pause_s(before + 1))
            news = {
                "failures": before + 1,
                "failing_since": since or now,
                "rests_until": now + rest,
            }
            if mine.update(**news):
                for name, value in news.items():
                    setattr(turn.target, name, value)
                on_failure(turn.target)
    return len(accepted)


def _write(row: Any, columns: dict[str, Any]) -> None:
    """Write the end of a try, unless the row has ended since."""
    rows = type(row)._default_manager.filter(pk=row.pk)
    open_rows = rows.exclude(state__in=row.ended_states())
    open_rows.update(**columns, attempts=F("attempts") + 1, tried_at=timezone.now())
