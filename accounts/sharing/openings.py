"""Records who used a share, for its owner: one row for each person and hour, and a bound.

Nothing is kept about where somebody came from.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from ..models import Share, ShareOpening

MOST_OPENINGS = 100
"""Of one share; older ones are deleted."""
TOGETHER = timedelta(hours=1)
COUNTED_AGAIN_AFTER = timedelta(seconds=60)
"""A page that loads pictures, or a client that polls, counts once in this time."""


def note_opening(share: Share, user: Any = None) -> None:
    """Record that this user, or whoever has the link, used the share now."""
    now = timezone.now()
    user = user if user is not None and user.is_authenticated else None
    last = share.openings.filter(user=user, at__gt=now - TOGETHER).order_by("-id").first()
    if last is None:
        ShareOpening.objects.create(share=share, user=user, at=now, until=now)
        _prune(share)
    elif last.until < now - COUNTED_AGAIN_AFTER:
        ShareOpening.objects.filter(pk=last.pk).update(until=now, times=F("times") + 1)


def _prune(share: Share) -> None:
    rows = share.openings.order_by("-id").values_list("pk", flat=True)
    if old := list(rows[MOST_OPENINGS : MOST_OPENINGS + 50]):
        ShareOpening.objects.filter(pk__in=old).delete()
