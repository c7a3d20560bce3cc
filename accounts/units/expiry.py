"""Units with an expiry date: counts how many are left, and removes expired ones.

Spent units are taken from those that expire soonest. The ledger's movements do not do this;
`_count` locks the user's balance and goes through the entries since its last call. Units that
are reserved for jobs are taken from the same units, because they may be spent; these do not
expire until the jobs have ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from ..models import ExpiringUnits, LedgerEntry, User
from . import ledger


def take(remaining: list[int], units: int) -> list[int]:
    """The units left in each row, soonest expiry first, after `units` were spent."""
    left = []
    for there in remaining:
        taken = min(there, units)
        units -= taken
        left.append(there - taken)
    return left


def end_of(last: date) -> datetime:
    """When units end whose last day this is; of the last day that there is, as it begins."""
    following = last if last == date.max else last + timedelta(days=1)
    return datetime.combine(following, time(), UTC)


@transaction.atomic
def grant_expiring(
    user: User,
    units: int,
    *,
    expires_at: datetime,
    key: str,
    reason: str = "",
    actor: User | str | None = None,
) -> LedgerEntry:
    """Grant `units` that expire at `expires_at`. A repeated `key` has no effect."""
    ledger.locked_balance(user)
    rows = _count(user)
    is_new = not LedgerEntry.objects.filter(idempotency_key=key).exists()
    entry = ledger.grant(user, units, key=key, reason=reason, actor=actor)
    if is_new:
        ExpiringUnits.objects.create(
            user=user, grant=entry, expires_at=expires_at, remaining=units, counted_to=entry.pk
        )
        _set_counted([row.pk for row in rows], entry.pk)
    return entry


def expire_due(*, now: datetime | None = None) -> int:
    """Take the units that have expired by now; returns how many. Idempotent.

    What was taken too early, because the clock was ahead, is given back first.
    """
    now = now or timezone.now()
    _restore_early(now)
    due = ExpiringUnits.objects.filter(closed_at=None, expires_at__lte=now)
    users = User.objects.filter(pk__in=due.order_by().values("user"))
    return sum(_expire(user, now) for user in users)


def _restore_early(now: datetime) -> None:
    """Give back what expired while the clock was ahead: the units last longer than until now."""
    early = LedgerEntry.objects.filter(
        user=OuterRef("user"), kind=LedgerEntry.Kind.EXPIRE, created_at__gt=now
    )
    rows = ExpiringUnits.objects.filter(Exists(early), expires_at__gt=now)
    for user in User.objects.filter(pk__in=rows.order_by().values("user")):
        _restore(user, now)


@transaction.atomic
def _restore(user: User, now: datetime) -> None:
    ledger.locked_balance(user)
    _count(user)
    last = 0
    for row in ExpiringUnits.objects.filter(user=user, expires_at__gt=now):
        taken = LedgerEntry.objects.filter(
            user=user, idempotency_key__startswith=f"expire:{row.pk}:"
        )
        for entry in taken.filter(created_at__gt=now):
            key = f"restore:{entry.pk}"
            if LedgerEntry.objects.filter(idempotency_key=key).exists():
                continue
            reason = f"lasts until {row.expires_at:%Y-%m-%d}: the clock was ahead"
            last = ledger.correct(user, entry.units, key=key, reason=reason, actor="hub").pk
            row.remaining += entry.units
            row.closed_at = None
        row.save(update_fields=["remaining", "closed_at"])
    if last:
        open_rows = ExpiringUnits.objects.filter(user=user, closed_at=None)
        _set_counted(list(open_rows.values_list("pk", flat=True)), last)


@transaction.atomic
def _expire(user: User, now: datetime) -> int:
    balance = ledger.locked_balance(user)
    rows = _count(user)
    available, gone, last = balance.available, 0, 0
    free = take([row.remaining for row in rows], balance.reserved)
    for row, not_reserved in zip(rows, free, strict=True):
        units = min(not_reserved, available) if row.expires_at <= now else 0
        if units:
            entry = ledger.expire(
                user,
                units,
                key=f"expire:{row.pk}:{row.remaining}:{row.counted_to}",
                reason=f"lasted until {row.expires_at:%Y-%m-%d}",
            )
            last = entry.pk
            row.remaining -= units
            available -= units
            gone += units
        if not row.remaining:
            row.closed_at = now
        row.save(update_fields=["remaining", "closed_at"])
    if last:
        _set_counted([row.pk for row in rows], last)
    return gone


def _count(user: User) -> list[ExpiringUnits]:
    """The user's open rows, soonest expiry first, with the units that are left now."""
    rows = list(
        ExpiringUnits.objects.filter(user=user, closed_at=None).order_by("expires_at", "pk")
    )
    if not rows:
        return []
    entries = LedgerEntry.objects.filter(user=user, pk__gt=rows[0].counted_to)
    last = entries.aggregate(last=Max("pk"))["last"]
    if last is None:
        return rows
    spent: Iterable[int] = entries.filter(delta_total__lt=0).values_list("delta_total", flat=True)
    left = take([row.remaining for row in rows], -sum(spent))
    for row, units in zip(rows, left, strict=True):
        row.remaining, row.counted_to = units, last
        row.save(update_fields=["remaining", "counted_to"])
    return rows


def _set_counted(pks: list[int], entry: int) -> None:
    ExpiringUnits.objects.filter(pk__in=pks).update(counted_to=entry)


def expiring_next(user: User) -> list[tuple[datetime, int]]:
    """When and how many of the user's units will expire if no more are spent. Read-only."""
    return [(row.expires_at, units) for row, units in left_of(user) if units]


def left_of(user: User) -> list[tuple[ExpiringUnits, int]]:
    """The user's open rows, soonest expiry first, each with what is left of it. Read-only."""
    rows = list(
        ExpiringUnits.objects.filter(user=user, closed_at=None).order_by("expires_at", "pk")
    )
    if not rows:
        return []
    spent = LedgerEntry.objects.filter(
        user=user, pk__gt=rows[0].counted_to, delta_total__lt=0
    ).values_list("delta_total", flat=True)
    left = take([row.remaining for row in rows], -sum(spent))
    return list(zip(rows, left, strict=True))
