"""Switches: operators suspend a service of the hub and resume it, without a restart.

A suspended service takes no new work, and work that waits does not start. What runs goes on, or
is ended, as the operator chooses. Reading, cancelling and reports of runs are not affected.

    switches.require_open("xcube_gen")        # raises Refused with the operator's message
    switches.suspend("xcube_gen", message="Maintenance until 14:00.", actor="ann")
    switches.resume("xcube_gen", actor="ann")

The services are those that apps offer (`hubsite/offered.py`). Each process reads the
switches at most every two seconds, in one query.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from . import audit, offered
from .refusals import Kind, Refused
from .visible_text import checked_text

KEPT_S = 2.0
MOST_CHARACTERS = 500


class Switch(models.Model):
    """Whether a service is suspended. A service without a row never was."""

    service = models.CharField(max_length=40, primary_key=True)
    is_suspended = models.BooleanField(default=False)
    message = models.CharField(
        max_length=MOST_CHARACTERS,
        blank=True,
        help_text=_("What users are told: why, and until when. Everybody can read it."),
    )
    since = models.DateTimeField(null=True, blank=True)
    actor = models.CharField(max_length=100, blank=True, help_text=_("Who did it."))

    class Meta:
        verbose_name_plural = _("switches")
        ordering = ["service"]

    def __str__(self) -> str:
        return self.service


class SwitchEvent(models.Model):
    """A service was suspended or resumed; never changed."""

    service = models.CharField(max_length=40)
    at = models.DateTimeField(default=timezone.now)
    is_suspended = models.BooleanField()
    message = models.CharField(max_length=MOST_CHARACTERS, blank=True)
    ended = models.PositiveIntegerField(default=0, help_text=_("Work in progress that was ended."))
    actor = models.CharField(max_length=100)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.service} {'suspended' if self.is_suspended else 'resumed'}"


@dataclass(frozen=True)
class Suspension:
    """That a service is suspended: since when, and what users are told."""

    since: datetime | None
    message: str


_kept: tuple[float, Mapping[str, Suspension]] | None = None


def forget() -> None:
    """Forget what was read, so that the next call reads anew."""
    global _kept
    _kept = None


def suspension(service: str) -> Suspension | None:
    """The suspension of a service, None if it is open; at most two seconds old."""
    global _kept
    kept = _kept
    if kept is None or kept[0] < time.monotonic():
        rows = Switch.objects.filter(is_suspended=True)
        found = {row.service: Suspension(row.since, row.message) for row in rows}
        kept = _kept = (time.monotonic() + KEPT_S, found)
    return kept[1].get(service)


def require_open(service: str) -> None:
    """Raise Refused with the operator's message if the service is suspended."""
    if (suspended := suspension(service)) is not None:
        raise Refused(suspended.message, kind=Kind.UNSUPPORTED)


def suspend(service: str, *, message: str, actor: str, end_work: bool = False) -> int:
    """Suspend a service, or change the message. Returns how much work in progress was ended.

    Raises Refused for a service that the hub does not offer, and for an unusable message.
    """
    found = _offered(service)
    message = checked_message(message)
    with transaction.atomic():
        row, _ = Switch.objects.select_for_update().get_or_create(service=service)
        since = row.since if row.is_suspended else timezone.now()
        Switch.objects.filter(pk=service).update(
            is_suspended=True, message=message, since=since, actor=actor[:100]
        )
        event = _note(service, True, message=message, actor=actor)
    forget()
    if not end_work or found.end_work is None:
        return 0
    ended = found.end_work(actor, message)
    SwitchEvent.objects.filter(pk=event.pk).update(ended=ended)
    return ended


def checked_message(message: str) -> str:
    """The message without spaces around it. Raises Refused unless users can read it."""
    return checked_text(
        message.strip(),
        field="message",
        most=MOST_CHARACTERS,
        expected="a sentence for users is expected: why, and until when",
    )


def resume(service: str, *, actor: str) -> bool:
    """Open a suspended service again; False if it was open. Work that waits starts again."""
    found = _offered(service)
    with transaction.atomic():
        rows = Switch.objects.filter(pk=service, is_suspended=True)
        if not rows.update(is_suspended=False, message="", since=timezone.now(), actor=actor[:100]):
            return False
        _note(service, False, message="", actor=actor)
    forget()
    if found.on_resume is not None:
        found.on_resume()
    return True


def _note(service: str, is_suspended: bool, *, message: str, actor: str) -> SwitchEvent:
    audit.record(
        "service.suspended" if is_suspended else "service.resumed",
        actor=actor,
        on=("hubsite.switch", service, service),
        detail=message,
    )
    return SwitchEvent.objects.create(
        service=service, is_suspended=is_suspended, message=message, actor=actor[:100]
    )


def _offered(name: str) -> offered.Service:
    """The service as its app offers it. Raises Refused if there is none of that name."""
    services = offered.by_name()
    if name not in services:
        raise Refused(f"one of {', '.join(services)} is expected", field="service")
    return services[name]
