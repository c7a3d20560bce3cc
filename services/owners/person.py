"""What the admin's page of a user shows of services."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.models import User

from ..models import ServiceInstance

SHOWN = 6


def of_person(request: HttpRequest, person: User) -> dict[str, Any] | None:
    """The panel "Services" for who may see them, first what is not stopped. One query."""
    if not request.user.reads_hub:
        return None
    rows = ServiceInstance.objects.owned_by(person)
    return {"instances": list(rows.order_by("-is_live", "-id")[:SHOWN])}
