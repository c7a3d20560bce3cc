"""Services in the page "Overview": what serves now, and when it sleeps or stops."""

from __future__ import annotations

from django.http import HttpRequest

from hubsite.console.overview import Shown

from ..models import ServiceInstance
from .viewers import summary

SHOWN = 5


def services_panel(request: HttpRequest) -> Shown:
    """The caller's services that are not over. One query."""
    rows = ServiceInstance.objects.owned_by(request.user).listed().active()
    found = list(rows.select_related("profile").order_by("-pk")[: SHOWN + 1])
    context = {
        "services": [summary(row) for row in found[:SHOWN]],
        "has_more": len(found) > SHOWN,
    }
    return Shown(context)
