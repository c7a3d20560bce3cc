"""What the admin's first page says of processing units."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from ..models import LedgerEntry

LATEST = 5_000
"""Of the movements, at most so many of the newest are looked at."""
SHOWN = 6


def of_units(request: HttpRequest) -> dict[str, Any] | None:
    """The panel "Units this month", for who may see the ledger. One query."""
    if not request.user.reads_hub:
        return None
    begin = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = list(
        LedgerEntry.objects.order_by("-pk").values_list(
            "created_at", "kind", "delta_total", "user_id", "user__email"
        )[:LATEST]
    )
    used: Counter[tuple[int, str]] = Counter()
    granted = 0
    for created, kind, delta, user_id, email in rows:
        if created < begin:
            break
        if kind == LedgerEntry.Kind.SETTLE:
            used[user_id, email] -= delta
        elif kind == LedgerEntry.Kind.GRANT:
            granted += delta
    return {
        "used": sum(used.values()),
        "granted": granted,
        "users": [
            {"id": user_id, "email": email, "units": units}
            for (user_id, email), units in used.most_common(SHOWN)
            if units
        ],
        "is_cut": len(rows) == LATEST and rows[-1][0] >= begin,
        "latest": LATEST,
    }
