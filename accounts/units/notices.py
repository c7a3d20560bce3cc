"""Notices about processing units: few are left, or some expire soon.

A user is told once each time the units fall below the limit, and once of each day on which units
expire.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import CharField, Exists, F, OuterRef, Q
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils import timezone

from accounts.settings import hub

from ..models import Balance, ExpiringUnits, LedgerEntry, Notice, User
from ..notices import kinds
from ..notices.telling import tell
from .expiry import left_of

SOON = timedelta(days=7)
AT_ONCE = 500


def is_low(balance: Balance) -> bool:
    """Whether its user should get a notice; never a user who never had units."""
    return balance.pk is not None and balance.available < hub.low_units


def notify_low(most: int = AT_ONCE) -> int:
    """Tell the users whose units have become few; returns how many."""
    threshold = hub.low_units
    is_enough = Q(total__gte=F("reserved") + threshold)
    Balance.objects.filter(is_enough).exclude(low_noticed_at=None).update(low_noticed_at=None)
    if not threshold:
        return 0
    had_some = LedgerEntry.objects.filter(user=OuterRef("user"), delta_total__gt=0)
    low = Balance.objects.filter(
        Exists(had_some),
        ~is_enough,
        low_noticed_at=None,
        user__is_active=True,
        user__is_service_account=False,
    )
    return sum(_tell_low(balance) for balance in low.order_by("pk")[:most])


@transaction.atomic
def _tell_low(balance: Balance) -> bool:
    now = timezone.now()
    rows = Balance.objects.filter(pk=balance.pk, low_noticed_at=None)
    if not rows.update(low_noticed_at=now):
        return False  # another process was first
    tell(
        balance.user_id,
        kinds.UNITS_LOW.name,
        "",
        "Few processing units are left",
        f"You have {balance.available} processing units left. Jobs that cost more are refused "
        "until you have more.",
        occasion=f"{now:%Y-%m-%dT%H:%M:%S.%f}",
        path=reverse("account"),
        details={"available": balance.available},
    )
    return True


def notify_expiring(now: datetime | None = None, most: int = AT_ONCE) -> int:
    """Tell the users whose units expire within a week; returns how many notices there are."""
    now = now or timezone.now()
    told = Notice.objects.filter(
        user=OuterRef("user"),
        kind=kinds.UNITS_EXPIRE.name,
        subject=Cast(OuterRef("pk"), CharField()),
    )
    rows = ExpiringUnits.objects.filter(
        ~Exists(told), closed_at=None, remaining__gt=0, expires_at__gt=now
    ).filter(expires_at__lte=now + SOON, user__is_active=True, user__is_service_account=False)
    users = User.objects.filter(pk__in=rows.order_by().values("user")).order_by("pk")
    return sum(_tell_expiring(user, now) for user in users[:most])


def _tell_expiring(user: User, now: datetime) -> int:
    count = 0
    for row, units in left_of(user):
        if units and now < row.expires_at <= now + SOON:
            tell(
                user,
                kinds.UNITS_EXPIRE.name,
                str(row.pk),
                "Processing units expire soon",
                f"{units} processing units last until {row.expires_at:%Y-%m-%d %H:%M} UTC, if you "
                "spend none of them.",
                path=reverse("account"),
                details={"units": units, "expires_at": f"{row.expires_at:%Y-%m-%dT%H:%M:%SZ}"},
            )
            count += 1
    return count
