"""Lets services fall asleep that nobody uses, and stops those that are too old or not paid.

Used is what the edge lets through, and what is still open there: `last_used_at` follows it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from hubsite.coordination.clock import SKEW

from .. import lifecycle, metering, notices
from ..models import Reason, ServiceInstance, State

ACTOR = "hub"
WARNED_BEFORE = timedelta(hours=1)
WARNED_OF_UNITS_BEFORE = metering.BLOCK_MINUTES * metering.MINUTE / 2
MOST_AT_ONCE = 500
_SINCES = ("ready_since", "last_used_at", "metered_until")


def look(now: datetime | None = None) -> None:
    """Do what is due for all services. A few queries, and more only for those that are due."""
    now = now or timezone.now()
    _bring_back_from_the_future(now)
    _stop_of_inactive_owners()
    _stop_the_old(now)
    _put_to_sleep(now)
    _charge(now)


def last_activity(instance: ServiceInstance) -> datetime | None:
    """When the instance was used last, or became ready; None if it is not ready."""
    if instance.ready_since is None:
        return None
    return max(instance.ready_since, instance.last_used_at or instance.ready_since)


def sleeps_at(instance: ServiceInstance) -> datetime | None:
    """When it will fall asleep unless somebody uses it; None if it is not awake."""
    used = last_activity(instance)
    if instance.state != State.READY or used is None:
        return None
    at = used + timedelta(seconds=instance.profile.idle_s)
    return max(at, instance.kept_until) if instance.kept_until else at


def ends_at(instance: ServiceInstance) -> datetime:
    """When it will be stopped because of its age."""
    return max(instance.stops_at, instance.kept_until or instance.stops_at)


def _bring_back_from_the_future(now: datetime) -> None:
    """A "since" from a clock that was ahead counts as now, or it would neither sleep nor cost."""
    ahead = {f"{field}__gt": now + SKEW for field in _SINCES}
    rows = ServiceInstance.objects.live()
    if not rows.filter(Q(**ahead, _connector=Q.OR)).exists():
        return
    for field in _SINCES:
        rows.filter(**{f"{field}__gt": now + SKEW}).update(**{field: now})


def _stop_of_inactive_owners() -> None:
    rows = ServiceInstance.objects.live().active().filter(owner__is_active=False)
    for instance in rows.select_related("owner")[:MOST_AT_ONCE]:
        lifecycle.stop(instance, actor=ACTOR, reason=Reason.ACCOUNT)


def _stop_the_old(now: datetime) -> None:
    ending = ServiceInstance.objects.live().active().filter(stops_at__lte=now + WARNED_BEFORE)
    for instance in ending.select_related("owner").order_by("stops_at")[:MOST_AT_ONCE]:
        if ends_at(instance) <= now:
            lifecycle.stop(instance, actor=ACTOR, reason=Reason.AGE)
        elif ends_at(instance) <= now + WARNED_BEFORE and instance.warned_at is None:
            _warn_of_age(instance, now)


def _put_to_sleep(now: datetime) -> None:
    ready = ServiceInstance.objects.live().filter(state=State.READY)
    for instance in ready.select_related("owner", "profile"):
        at = sleeps_at(instance)
        if at is not None and at <= now:
            _sleep_unless_used(instance, now)


def _sleep_unless_used(instance: ServiceInstance, now: datetime) -> None:
    """Look again under the row's lock, because a request may have come meanwhile."""
    with transaction.atomic():
        rows = ServiceInstance.objects.select_for_update(of=("self",))
        locked = rows.select_related("owner", "profile").filter(pk=instance.pk).first()
        if locked is None or (at := sleeps_at(locked)) is None or at > now:
            return
        used = last_activity(locked)
        message = f"Nobody used it since {used:%H:%M} UTC; the next request wakes it."
        lifecycle.sleep(locked, actor=ACTOR, reason=Reason.IDLE, message=message)


def _charge(now: datetime) -> None:
    """Settle the minutes that are used up, and reserve the next ones."""
    ready = ServiceInstance.objects.live().filter(
        state=State.READY, units_per_hour__gt=0, metered_until__isnull=False
    )
    for row in ready.select_related("owner__balance"):
        until = metering.paid_until(row)
        if until is None:
            continue
        if until <= now:
            _charge_one(row.pk, now)
        elif until <= now + WARNED_OF_UNITS_BEFORE:
            _warn_of_units(row, now)


def _charge_one(pk: int, now: datetime) -> None:
    with transaction.atomic():
        rows = ServiceInstance.objects.select_for_update(of=("self",))
        instance = rows.select_related("owner").get(pk=pk)
        if instance.state != State.READY or metering.go_on(instance, now):
            return
    lifecycle.stop(instance, actor=ACTOR, reason=Reason.UNITS)


def _warn_of_units(row: ServiceInstance, now: datetime) -> None:
    """Warn once, and again only after there were units enough in between. Usually no query."""
    balance = getattr(row.owner, "balance", None)
    is_short = metering.next_block_units(row) > (balance.available if balance else 0)
    if is_short == (row.units_warned_at is not None):
        return
    warned_at = now if is_short else None
    with transaction.atomic():
        ServiceInstance.objects.filter(pk=row.pk).update(units_warned_at=warned_at)
        if is_short:
            message = "Its owner's processing units will soon be used up."
            lifecycle.note(row, message, actor=ACTOR)
            notices.warn_of_units(row)


def _warn_of_age(instance: ServiceInstance, now: datetime) -> None:
    at = ends_at(instance)
    with transaction.atomic():
        ServiceInstance.objects.filter(pk=instance.pk).update(warned_at=now)
        lifecycle.note(instance, f"It will be stopped at {at:%H:%M} UTC.", actor=ACTOR)
        notices.warn_of_age(instance, at)
