"""Monthly grants of units: made by the hourly tick, once in each month."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.db.models import Q
from django.utils import timezone

from ..models import LedgerEntry, MonthlyGrant
from . import ledger
from .expiry import grant_expiring


def grant_due(*, today: date | None = None) -> int:
    """Make this month's grants that were not made yet; returns how many.

    If the hub was stopped for a whole month, the grants of that month are not made later.
    """
    today = today or timezone.now().date()
    first, after = month_of(today)
    grants = (
        MonthlyGrant.objects.filter(Q(last_month=None) | Q(last_month__gte=first))
        .filter(first_month__lt=after, user__is_active=True)
        .select_related("user")
    )
    keys = {grant.pk: f"monthly:{grant.pk}:{first:%Y-%m}" for grant in grants}
    done = set(
        LedgerEntry.objects.filter(idempotency_key__in=list(keys.values())).values_list(
            "idempotency_key", flat=True
        )
    )
    due = [grant for grant in grants if keys[grant.pk] not in done]
    for grant in due:
        _grant(grant, key=keys[grant.pk], month=first, until=after)
    return len(due)


def month_of(day: date) -> tuple[date, date]:
    """The first day of its month, and of the next month."""
    first = day.replace(day=1)
    if first.month == 12:
        return first, date(first.year + 1, 1, 1)
    return first, first.replace(month=first.month + 1)


def _grant(grant: MonthlyGrant, *, key: str, month: date, until: date) -> None:
    reason = f"{grant.reason} {month:%Y-%m}"
    if grant.expires:
        expires_at = datetime(until.year, until.month, 1, tzinfo=UTC)
        grant_expiring(grant.user, grant.units, expires_at=expires_at, key=key, reason=reason)
    else:
        ledger.grant(grant.user, grant.units, key=key, reason=reason)
