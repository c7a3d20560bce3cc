"""Stored times that survive a wrong clock: an "until" or a "since" from the future.

A machine's clock may be a day ahead for a while, e.g. after a restart without a network. What
was stored meanwhile must not stop anything for a day after the clock was corrected:

- An "until" has a longest length. One that lies further ahead than that counts as over.
- A "since" that lies in the future counts as now.

Comparisons that decide something between processes use the database's clock (`Now()`), because
all processes share it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

SKEW = timedelta(seconds=60)
"""Clocks of two machines may differ by this much without being wrong."""


def lies_ahead(field: str, *, longest: timedelta) -> Q:
    """For a query: the "until" in column `field` is not over yet."""
    return Q(**{f"{field}__gt": Now(), f"{field}__lte": Now() + longest})


def is_over(field: str, *, longest: timedelta) -> Q:
    """For a query: the "until" in column `field` is over, or was never set."""
    return (
        Q(**{f"{field}__isnull": True})
        | Q(**{f"{field}__lte": Now()})
        | Q(**{f"{field}__gt": Now() + longest})
    )


def is_earlier(moment: datetime, than: datetime, *, now: datetime | None = None) -> bool:
    """Whether `moment` was before `than`. One in the future came from a wrong clock: earlier."""
    return moment < than or moment > (now or timezone.now()) + SKEW


def since(moment: datetime, *, now: datetime | None = None) -> datetime:
    """A stored "since": now, if it lies in the future."""
    return min(moment, now or timezone.now())
