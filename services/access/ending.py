"""Ends the sessions of browsers at services, for operators."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from hubsite import audit

from ..models import EdgeSession

MOST_TOLD = 50
"""Of sessions that are ended together, so many have an entry in the audit."""


def end_sessions(rows: QuerySet[EdgeSession]) -> int:
    """End those that are open; the edge refuses them within seconds. Returns how many."""
    with transaction.atomic():
        found = list(rows.filter(ended_at=None).select_related("instance__owner"))
        EdgeSession.objects.filter(pk__in=[row.pk for row in found]).update(ended_at=timezone.now())
        for row in found[:MOST_TOLD]:
            audit.record("session.ended", on=row, about=row.instance.owner)
        if len(found) > MOST_TOLD:
            audit.record("session.ended", detail=f"and {len(found) - MOST_TOLD} more")
    return len(found)
