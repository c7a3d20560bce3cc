"""The page `/services/<id>/open`: leads a signed-in browser to a service at the edge."""

from __future__ import annotations

import re
from urllib.parse import quote

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.sharing.openings import note_opening
from hubsite.web.leading import leads_elsewhere

from ..access.entering import make_ticket
from ..access.rights import right_of
from ..addresses import base_url, first_path
from ..models import OVER_STATES, ServiceInstance

_ONWARD = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")
"""A path of the service itself: nothing that a browser takes for another host."""


@leads_elsewhere
@never_cache
@login_required
@require_safe
def open_service(request: HttpRequest, instance_id: str) -> HttpResponse:
    """Redirect to the edge with a ticket, or say why the service cannot be opened."""
    rows = ServiceInstance.objects.select_related("owner")
    instance = rows.filter(instance_id=instance_id).first()
    right = None if instance is None else right_of(request.user, instance)
    if instance is None or right is None:
        return _says(request, None, status=404)
    if instance.state in OVER_STATES:
        return _says(request, instance, status=410)
    onward = request.GET.get("next", "")
    if not _ONWARD.fullmatch(onward):
        onward = first_path(instance)
    if right.share is not None:
        note_opening(right.share, request.user)
    response = HttpResponseRedirect(way_in(request, instance, onward=onward))
    response["Referrer-Policy"] = "no-referrer"
    return response


def way_in(request: HttpRequest, instance: ServiceInstance, *, onward: str) -> str:
    """The URL at the edge, with a ticket, for the signed-in user, whose right was checked."""
    ticket = make_ticket(instance, request.user, hub_session=request.session.session_key or "")
    return entering_url(instance, ticket, onward=onward)


def entering_url(instance: ServiceInstance, ticket: str, *, onward: str = "") -> str:
    """Where the edge exchanges a ticket for a session."""
    onward = onward or first_path(instance)
    return f"{base_url(instance)}/.xcube-hub/enter?ticket={ticket}&next={quote(onward)}"


def _says(request: HttpRequest, instance: ServiceInstance | None, *, status: int) -> HttpResponse:
    return render(request, "services/cannot_open.html", {"instance": instance}, status=status)
