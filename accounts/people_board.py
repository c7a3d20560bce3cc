"""What the admin's first page offers about people: find one, and what waits for an operator."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .models import Identity, PersonDeletion

SHOWN = 5


def of_people(request: HttpRequest) -> dict[str, Any] | None:
    """The panel "People". Two queries."""
    if not request.user.reads_hub:
        return None
    waiting = Identity.objects.filter(user=None)[: SHOWN + 1].count()
    open_ones = PersonDeletion.objects.filter(done_at=None).select_related("user")
    return {"waiting": waiting, "is_many": waiting > SHOWN, "deletions": list(open_ones[:SHOWN])}
