"""What the admin's first page says of services."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Sum
from django.http import HttpRequest

from .models import ServiceInstance, State

SHOWN = (State.REQUESTED, State.STARTING, State.READY, State.ASLEEP, State.STOPPING)


def of_services(request: HttpRequest) -> dict[str, Any] | None:
    """The panel "Services", for who may see them. One query."""
    if not request.user.reads_hub:
        return None
    live = ServiceInstance.objects.live().order_by().values("state")
    rows = {
        row["state"]: row for row in live.annotate(n=Count("pk"), m=Sum("profile__memory_bytes"))
    }
    awake = (State.STARTING, State.READY)
    return {
        "states": [(state, state.label, rows.get(state, {}).get("n", 0)) for state in SHOWN],
        "memory_bytes": sum(rows.get(state, {}).get("m") or 0 for state in awake),
    }
