"""What the hub's home page says of its services."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from ..models import ServiceProfile

SHOWN = 6


def offered_services(request: HttpRequest, **slot: Any) -> dict[str, Any] | None:
    """The profiles that everybody may use, with their prices; None if there are none. One query."""
    profiles = list(ServiceProfile.objects.filter(is_enabled=True, roles=None)[:SHOWN])
    return {"profiles": profiles} if profiles else None
