"""An instance's page in the admin: its state and address, steps, units and log; stop and wake."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from accounts.admin.actors import users_among
from hubsite import audit
from hubsite.audit import presenting

from .. import addresses
from ..metering import charged_units
from ..models import EdgeSession, InstanceDocument, ServiceInstance, State
from ..pages.viewers import summary

LOG_LINES = 200
MOST_EVENTS = 100
MOST_AUDITED = 20
ACTS = ("stop", "put_to_sleep", "wake")


def about(request: HttpRequest, instance: ServiceInstance, *, may_act: bool) -> dict[str, Any]:
    """The context of the page. At most six queries, however much there is."""
    newest = list(instance.events.order_by("-pk")[:MOST_EVENTS])
    events = newest[::-1]
    names = users_among(event.actor for event in events)
    document = InstanceDocument.objects.filter(instance=instance).values("log", "logged_at").first()
    log = ((document or {}).get("log") or "").splitlines()[-LOG_LINES:]
    valid = Q(ended_at=None, expires_at__gt=timezone.now())
    sessions = EdgeSession.objects.filter(instance=instance).aggregate(
        open=Count("pk", filter=valid), people=Count("user", filter=valid, distinct=True)
    )
    shown = summary(instance)
    return {
        "instance": instance,
        "shown": shown,
        "events": [(event, names.get(event.actor)) for event in events],
        "is_cut": len(newest) == MOST_EVENTS,
        "url": addresses.server_url(instance),
        "charged": charged_units(instance.minutes, instance.units_per_hour),
        "sessions": sessions,
        "log": log,
        "logged_at": (document or {}).get("logged_at"),
        "audited": presenting.shown(audit.entries_of(instance, most=MOST_AUDITED)),
        "may_act": may_act,
        "may_stop": may_act and not shown["is_over"],
        "may_sleep": may_act and shown["is_awake"],
        "may_wake": may_act and instance.state == State.ASLEEP,
    }


def act(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Stop an instance, put it to sleep or wake it, as the actions of the list do."""
    if not model_admin.has_operate_permission(request):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    wanted = request.POST.get("do", "")
    if wanted not in ACTS:
        raise Http404
    instance = get_object_or_404(ServiceInstance, pk=pk)
    getattr(model_admin, wanted)(request, ServiceInstance.objects.filter(pk=instance.pk))
    return redirect("admin:services_serviceinstance_change", pk)
