"""The pages of a user's services; and the button that opens a finished cube in a viewer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.roles import permissions_of
from accounts.scopes import MANAGE_CUBEGENS
from hubsite import audit
from hubsite.refusals import Kind, Refused
from hubsite.templatetags.console import duration
from hubsite.web.leading import lead_on
from jobs.job_rows import find_job
from jobs.models import Job
from jobs.models import State as JobState
from jobs.pages.timeline import who

from .. import lifecycle
from ..metering import charged_units
from ..models import OVER_STATES, InstanceDocument, Reason, ServiceInstance, State
from ..models import Kind as ServiceKind
from ..running import idle, live_log
from ..running.keeping import keep
from ..xcube_server import cubes
from ..xcube_server.condition import broken_datasets
from ..xcube_server.shown import dataset_ids
from . import starting
from .opening import way_in

SHOWN = 50
MOST_EVENTS = 50
KEEP_HOURS = (1, 8, 24, 72, 168)
STATE_WORDS: dict[str, Any] = {
    State.REQUESTED: gettext_lazy("Waits to start"),
    State.STARTING: gettext_lazy("Starting"),
    State.READY: gettext_lazy("Awake"),
    State.ASLEEP: gettext_lazy("Asleep"),
    State.STOPPING: gettext_lazy("Stopping"),
    State.STOPPED: gettext_lazy("Stopped"),
    State.FAILED: gettext_lazy("Failed"),
}
EVENT_WORDS: dict[str, Any] = {**STATE_WORDS, State.REQUESTED: gettext_lazy("Requested")}
USED_BY: dict[str, Any] = {
    "a page": gettext_lazy("a page"),
    "a request": gettext_lazy("a request"),
    "a tile request": gettext_lazy("a tile request"),
}
"""What the edge calls the use of a service (`services/edge/targets.py`)."""
STATE_SENTENCES: dict[str, Any] = {
    State.REQUESTED: gettext_lazy("It starts within seconds."),
    State.STARTING: gettext_lazy(
        "It starts. It can be opened already, and answers when it is ready."
    ),
    State.READY: gettext_lazy("It can be used."),
    State.ASLEEP: gettext_lazy("It costs nothing now, and wakes within seconds when it is opened."),
    State.STOPPING: gettext_lazy("It is being stopped."),
    State.STOPPED: gettext_lazy("It has ended and does not come back. Start a new one."),
    State.FAILED: gettext_lazy("It has ended and does not come back. Start a new one."),
}


@method_decorator([never_cache, login_required], name="dispatch")
class ServicesPage(View):
    """The caller's services, those that serve first."""

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = ServiceInstance.objects.owned_by(request.user).listed().select_related("profile")
        services = [summary(row) for row in rows.order_by("-pk")[:SHOWN]]
        context = {
            "services": sorted(services, key=lambda one: one["is_over"]),
            "offers": starting.offers_of(request.user),
        }
        return render(request, "services/services.html", context)


@method_decorator([never_cache, login_required], name="dispatch")
class ServicePage(View):
    """One service of the caller's: its times, what it shows, what happened, its last log."""

    def get(self, request: HttpRequest, instance_id: str) -> HttpResponse:
        instance = own_service(request, instance_id)
        document = InstanceDocument.objects.get(instance=instance)
        instance.document = document
        live_log.want(instance)
        context = {
            "service": summary(instance),
            "datasets": dataset_ids(document.configuration),
            "broken": broken_datasets(instance),
            "events": [
                {
                    "row": event,
                    "state": EVENT_WORDS.get(event.to_state),
                    "who": who(event.actor, request.user.username),
                }
                for event in reversed(instance.events.order_by("-pk")[:MOST_EVENTS])
            ],
            "log": document.log,
            "on_page": True,
            "charged": charged_units(instance.minutes, instance.units_per_hour),
        }
        return render(request, "services/service.html", context)


@method_decorator([never_cache, login_required], name="dispatch")
class ServiceActions(View):
    """Stop, sleep, keep, or remove from the list: each by a form of the page."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, instance_id: str, action: str) -> HttpResponse:
        instance, actor = own_service(request, instance_id), request.user.username
        try:
            said = self._act(request, instance, action, actor)
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, said)
        if action != "remove" and request.POST.get("back") == "page":
            return redirect("service", instance_id=instance_id)
        return redirect("services")

    def _act(self, request: HttpRequest, instance: ServiceInstance, action: str, actor: str) -> str:
        match action:
            case "stop":
                lifecycle.stop(instance, actor=actor, reason=Reason.OWNER)
                return _("The service is stopped.")
            case "sleep":
                slept = lifecycle.sleep(
                    instance, actor=actor, reason=Reason.OWNER, message="Its owner let it sleep."
                )
                if not slept:
                    raise Refused(_why_not_to_sleep(instance), kind=Kind.CONFLICT)
                return _("The service sleeps. The next time you open it, it wakes.")
            case "keep":
                hours = request.POST.get("hours", "")
                if hours == "0":
                    keep(instance, None, actor=actor)
                    return _("The service is no longer kept awake.")
                if hours not in map(str, KEEP_HOURS):
                    raise Refused(f"one of {KEEP_HOURS} is expected", field="hours")
                keep(instance, timezone.now() + timedelta(hours=int(hours)), actor=actor)
                words = duration(int(hours) * 3600)
                return _("The service is kept awake for %(time)s.") % {"time": words}
            case "remove":
                lifecycle.stop(instance, actor=actor, reason=Reason.OWNER)
                with transaction.atomic():
                    ServiceInstance.objects.filter(pk=instance.pk).update(hidden_at=timezone.now())
                    audit.record("instance.hidden", actor=actor, on=instance)
                return _("The service is removed from your list.")
        raise Http404


def _why_not_to_sleep(instance: ServiceInstance) -> str:
    """Why a service that was asked to sleep did not, for its owner."""
    instance.refresh_from_db(fields=["state"])
    if instance.state == State.ASLEEP:
        return _("The service sleeps already.")
    if instance.state in OVER_STATES:
        return _("The service has ended. An ended service does not sleep.")
    return _("The service has not started yet. Wait until it is ready, or stop it.")


@never_cache
@login_required
@require_POST
def open_in_viewer(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show a finished cube in the caller's viewer, and lead there."""
    job = find_job(owner_id=request.user.pk, job_id=job_id)
    if job is None or job.hidden_at is not None:
        raise Http404("You have no job of this id.")
    try:
        instance, url = cubes.open_cube(request.user, job)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("cube", job_id=job.job_id)
    way = way_in(request, instance, onward=onward_of(url))
    return lead_on(request, way, title=_("Opening the viewer"))


def onward_of(url: str) -> str:
    """The path and query of this URL of a service, below the service's own base."""
    parts = urlsplit(url)
    path = parts.path[parts.path.index("/viewer/") :]
    return path + (f"?{parts.query}" if parts.query else "")


def own_service(request: HttpRequest, instance_id: str) -> ServiceInstance:
    """The caller's service of that id. Raises Http404."""
    rows = ServiceInstance.objects.owned_by(request.user).listed()
    found = rows.select_related("profile", "owner").filter(instance_id=instance_id).first()
    if found is None:
        raise Http404("You have no service of this id.")
    return found


def summary(instance: ServiceInstance) -> dict[str, Any]:
    """What lists and the head of the page show."""
    kept = instance.kept_until
    longest_h = instance.profile.age_s / 3600
    return {
        "row": instance,
        "state": STATE_WORDS[instance.state],
        "sentence": STATE_SENTENCES[instance.state],
        "kept_until": kept if kept and kept > timezone.now() else None,
        "keep_choices": [(h, duration(h * 3600)) for h in KEEP_HOURS if h <= longest_h],
        "title": _title(instance),
        "has_viewer": instance.kind == ServiceKind.XCUBE_SERVER,
        "is_over": instance.state in OVER_STATES,
        "is_awake": instance.state in (State.STARTING, State.READY),
        "used_by": USED_BY.get(instance.last_used_by, instance.last_used_by),
        "sleeps_at": idle.sleeps_at(instance),
        "stops_at": None if instance.state in OVER_STATES else idle.ends_at(instance),
        "message": instance.message,
    }


def _title(instance: ServiceInstance) -> str:
    """What its owner called it; in the reader's language what the hub called it."""
    if instance.title == cubes.TITLE:
        return _("Your cubes")
    return instance.title or str(instance.get_kind_display())


def viewer_button(request: HttpRequest, *, job: Job) -> dict[str, Any] | None:
    """The context of the button beside a job: only for a cube that is ready."""
    if job.state != JobState.SUCCEEDED or MANAGE_CUBEGENS not in permissions_of(request.user):
        return None
    return {}


def cursor(user: Any) -> str:
    """What changes when any service of the user's does: for the console's live pages."""
    listed = ServiceInstance.objects.owned_by(user).listed()
    newest = listed.order_by("-pk").values("pk")[:1]
    told = ("pk", "state", "message", "last_used_at", "kept_until", "document__logged_at")
    active = listed.active().order_by("pk").annotate(newest=Subquery(newest))
    rows = list(active.values_list(*told, "newest")[:100])
    return repr(rows or list(newest))
