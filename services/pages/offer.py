"""What the hub's home page says of its services."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from ..cate import offered as cate
from ..models import Kind, ServiceProfile

SHOWN = 6


def offered_services(request: HttpRequest, **slot: Any) -> dict[str, Any] | None:
    """The profiles that everybody may use, with their prices; None if there are none. One query."""
    rows = ServiceProfile.objects.filter(is_enabled=True, roles=None)
    if not cate.is_configured():
        rows = rows.exclude(kind=Kind.CATE_WEBAPI)
    profiles = list(rows[:SHOWN])
    return {"profiles": profiles} if profiles else None
