"""Delivery: sends rows to another system, with retries until it has accepted them.

A subclass is the table of one such system. Each row says what must be sent, and the state of
that. A tick of the outside queue tries the rows that are due:

    class GeodbRegistration(Delivery):
        subscription = models.OneToOneField(Subscription, on_delete=models.CASCADE)

    def register_due() -> int:
        return deliver_due(GeodbRegistration.objects.all(), send, cool_down=COOL_DOWN, target=host)

`send` gets a row. It raises NotDelivered if the system refuses the row; then the next row is
tried. It raises Unreachable if the system does not answer; then the others wait until the
cool-down has ended. Each try first claims its row by a guarded update, so nothing is lost or
sent twice if a tick is lost or repeated.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..storable import storable
from .backoff import Backoff
from .clock import is_over
from .cool_down import CoolDown

logger = logging.getLogger(__name__)

CLAIM = timedelta(seconds=120)
"""Longer than a tick may take. After this time the process that claimed the row is dead."""
BACKOFF = Backoff(first_s=30, longest_s=6 * 3600)
SECONDS = 20.0
"""After this time a tick begins no further try."""

PENDING, FAILING = "pending", "failing"


class NotDelivered(Exception):
    """The other system refused the row. The message says why and contains no secret."""


class Unreachable(NotDelivered):
    """The other system does not answer, so nothing else can be delivered to it either."""


class DeliveryQuerySet(models.QuerySet):
    def due(self) -> DeliveryQuerySet:
        """Rows to be tried now that no tick has claimed."""
        return self.exclude(state__in=self.model.ended_states()).filter(
            is_over("claimed_until", longest=CLAIM),
            is_over("due_at", longest=timedelta(seconds=BACKOFF.longest_s)),
        )

    def renew(self) -> int:
        """The rows have changed: deliver them again."""
        return self.update(
            state=PENDING, revision=F("revision") + 1, attempts=0, error="", due_at=timezone.now()
        )


class Delivery(models.Model):
    """Base class: one row to be sent. `state` is pending, failing, or `DELIVERED`."""

    DELIVERED = "delivered"
    ENDED: tuple[str, ...] = ()
    """States in which a row is not tried again, if these are more than `DELIVERED`."""

    class State(models.TextChoices):
        PENDING = PENDING, "To be delivered"
        DELIVERED = "delivered", "Delivered"
        FAILING = FAILING, "Failed; it is tried again"

    state = models.CharField(max_length=10, choices=State, default=PENDING)
    revision = models.PositiveIntegerField(
        default=0, help_text=_("Counts what there is to tell: an answer to an older one is no end.")
    )
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    claimed_until = models.DateTimeField(
        null=True, blank=True, help_text=_("A tick is trying, or was stopped in it.")
    )
    error = models.CharField(max_length=500, blank=True, default="")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        abstract = True

    @classmethod
    def ended_states(cls) -> tuple[str, ...]:
        return cls.ENDED or (cls.DELIVERED,)

    def on_delivered(self) -> dict[str, Any]:
        """Further columns to set when the row is delivered."""
        return {}


def deliver_due(
    rows: DeliveryQuerySet,
    send: Callable[[Any], None],
    *,
    cool_down: CoolDown,
    target: str,
) -> int:
    """Try due rows, the oldest first, for some seconds; returns how many were delivered.

    Only one process does this at a time, and none during the target's cool-down.
    """
    delivered, tried, until = 0, [], time.monotonic() + SECONDS
    if not rows.due().exists():
        return 0
    try:
        with cool_down.attempt(target) as is_ours:
            while is_ours and time.monotonic() < until:
                row = rows.due().exclude(pk__in=tried).order_by("due_at").first()
                if row is None:
                    break
                tried.append(row.pk)
                delivered += _try(rows, row.pk, send)
    except Unreachable as error:
        logger.warning("%s; it is left alone for %g s", error, cool_down.seconds)
    return delivered


def _try(rows: DeliveryQuerySet, pk: int, send: Callable[[Any], None]) -> bool:
    """Try one row once. Raises Unreachable after the failure was recorded in the row."""
    until = timezone.now() + CLAIM
    if not rows.due().filter(pk=pk).update(claimed_until=until, attempts=F("attempts") + 1):
        return False
    row = rows.get(pk=pk)
    unreachable: Unreachable | None = None
    try:
        send(row)
    except NotDelivered as error:
        unreachable = error if isinstance(error, Unreachable) else None
        end = _failure(row, str(error))
    except Exception:
        logger.exception("%s cannot be delivered", row)
        end = _failure(row, "an unforeseen error; see the log")
    else:
        end = {"state": row.DELIVERED, "error": "", **row.on_delivered()}
    claimed = type(row)._default_manager.filter(pk=pk, claimed_until=until)
    is_last_word = claimed.filter(revision=row.revision).update(**end, claimed_until=None)
    if not is_last_word:
        claimed.update(claimed_until=None)  # it changed meanwhile; the next try sends the rest
    if unreachable is not None:
        raise unreachable
    return bool(is_last_word) and end["state"] == row.DELIVERED


def _failure(row: Delivery, error: str) -> dict[str, Any]:
    pause = timedelta(seconds=BACKOFF.pause_s(row.attempts))
    return {"state": FAILING, "error": storable(error[:500]), "due_at": timezone.now() + pause}
