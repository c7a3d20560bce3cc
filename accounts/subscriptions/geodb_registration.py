"""When geoDB is told of a subscriber, and when again: by a tick of the worker, until it works.

A try is claimed by a guarded update, for a while; so a tick that is lost or repeated loses
and repeats nothing, and the sweep finds whatever is due.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from hubsite.coordination.wake_up import wake_up

from ..models import GeodbRegistration, Subscription
from . import geodb

LEASE_S = 120
"""Longer than a try takes: a token, a POST and a PATCH, 10 s each."""
FIRST_PAUSE_S = 30
LONGEST_PAUSE_S = 6 * 3600

State = GeodbRegistration.State


def register_soon(subscription: Subscription) -> None:
    """Have geoDB told what is in the subscription now, once this is committed."""
    registration, is_new = GeodbRegistration.objects.get_or_create(subscription=subscription)
    if not is_new:
        GeodbRegistration.objects.filter(pk=registration.pk).update(
            state=State.PENDING,
            revision=F("revision") + 1,
            attempts=0,
            error="",
            due_at=timezone.now(),
        )
    wake_up("accounts.tasks.register_in_geodb", registration.pk)


def register(pk: int) -> bool:
    """One try, if it is due; whether geoDB knows the subscriber now."""
    if not geodb.is_configured():
        return False
    until = timezone.now() + timedelta(seconds=LEASE_S)
    due = GeodbRegistration.objects.due().filter(pk=pk)
    if not due.update(claimed_until=until, attempts=F("attempts") + 1):
        return False
    registration = GeodbRegistration.objects.select_related("subscription__user").get(pk=pk)
    try:
        geodb.register(registration.subscription)
    except geodb.GeodbError as error:
        pause = timedelta(seconds=pause_s(registration.attempts))
        end = {"state": State.FAILING, "error": str(error)[:500], "due_at": timezone.now() + pause}
    else:
        end = {"state": State.REGISTERED, "error": "", "registered_at": timezone.now()}
    rows = GeodbRegistration.objects.filter(pk=pk, claimed_until=until)
    is_last_word = rows.filter(revision=registration.revision).update(**end, claimed_until=None)
    if not is_last_word:
        rows.update(claimed_until=None)  # it changed meanwhile: the sweep tells geoDB the rest
    return bool(is_last_word) and end["state"] == State.REGISTERED


def due_registrations(most: int = 100) -> list[int]:
    """Those that a tick should try now; none where there is no geoDB."""
    if not geodb.is_configured():
        return []
    rows = GeodbRegistration.objects.due().order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:most])


def pause_s(attempts: int) -> int:
    """How long to wait after the so-many-th failure: ever longer, up to six hours."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempts - 1, 20))
