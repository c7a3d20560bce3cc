"""The page that starts a service: which profile, what it costs, and what a viewer shows."""

from __future__ import annotations

import re
import secrets
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache

from accounts.roles import permissions_of
from accounts.scopes import MANAGE_CUBEGENS
from hubsite import switches
from hubsite.refusals import Kind, Refused
from hubsite.visible_text import check_visible
from jobs.models import Job
from jobs.models import State as JobState

from ..cate import offered as cate
from ..cate import webapis
from ..models import Kind as ServiceKind
from ..models import ServiceInstance, ServiceProfile
from ..submission.start_request import StartRequest, start_server
from ..xcube_server import cubes

MOST_CUBES = cubes.MOST_CUBES
MOST_TITLE_CHARACTERS = 200
_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


def offers_of(user: Any) -> list[dict[str, Any]]:
    """The profiles that the user may start, each with why it cannot be started now, if so."""
    if MANAGE_CUBEGENS not in permissions_of(user):
        return []
    return [
        {"profile": profile, "why_not": _why_not(profile), "is_cate": _is_cate(profile)}
        for profile in ServiceProfile.objects.offered_to(user)
        if not _is_cate(profile) or cate.is_configured()
    ]


def _is_cate(profile: ServiceProfile) -> bool:
    return profile.kind == ServiceKind.CATE_WEBAPI


def _why_not(profile: ServiceProfile) -> str:
    """Why no service of this kind can be started now; "" if one can."""
    if suspended := switches.suspension(ServiceKind(profile.kind).switch):
        return suspended.message
    return (cate.why_not() or "") if _is_cate(profile) else ""


@method_decorator([never_cache, login_required], name="dispatch")
class StartPage(View):
    """`profile` names the profile. A viewer gets a title and some of the caller's cubes."""

    http_method_names = ["get", "head", "post"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._form(request, chosen=request.GET.get("profile", ""), key=_new_key())

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            instance = _start(request)
        except Refused as refused:
            status = 429 if refused.kind is Kind.BUSY else 422
            return self._form(
                request,
                chosen=request.POST.get("profile", ""),
                key=request.POST.get("key", ""),
                fault=str(refused),
                status=403 if refused.kind is Kind.FORBIDDEN else status,
            )
        messages.success(request, _("The service starts. This page shows when it is ready."))
        return redirect("service", instance_id=instance.instance_id)

    def _form(
        self, request: HttpRequest, *, chosen: str, key: str, fault: str = "", status: int = 200
    ) -> HttpResponse:
        offers = offers_of(request.user)
        offer = next((it for it in offers if it["profile"].name == chosen), None)
        offer = offer or next(iter(offers), None)
        ready = _ready_cubes(request.user) if offer and not offer["is_cate"] else []
        picked = request.POST.getlist("cubes") if request.method == "POST" else None
        context = {
            "offers": offers,
            "offer": offer,
            "cubes": [
                {"job": job, "is_chosen": job.job_id in picked if picked is not None else n == 0}
                for n, job in enumerate(ready)
            ],
            "present": webapis.present(request.user) if offer and offer["is_cate"] else None,
            "title": request.POST.get("title", "")[:MOST_TITLE_CHARACTERS],
            "most_title": MOST_TITLE_CHARACTERS,
            "fault": fault,
            "key": key if _KEY.fullmatch(key) else _new_key(),
        }
        return render(request, "services/start.html", context, status=status)


def _start(request: HttpRequest) -> ServiceInstance:
    """Start what the form asks for. Raises Refused."""
    user, asked = request.user, request.POST
    offers = {it["profile"].name: it for it in offers_of(user)}
    if not offers:
        raise Refused(_("Your account may start no services."), kind=Kind.FORBIDDEN)
    offer = offers.get(asked.get("profile", ""))
    if offer is None:
        raise Refused(_("Choose one of the services that are offered."))
    if offer["is_cate"]:
        return webapis.start(user, actor=user.username).instance
    title = asked.get("title", "").strip()
    if len(title) > MOST_TITLE_CHARACTERS:
        raise Refused(_("The name is too long."))
    check_visible(title, field="title")
    chosen = asked.getlist("cubes")[: MOST_CUBES + 1]
    if not chosen:
        raise Refused(_("Choose at least one cube to show."))
    if len(chosen) > MOST_CUBES:
        raise Refused(_("Choose at most %(count)d cubes.") % {"count": MOST_CUBES})
    key = asked.get("key", "")
    return start_server(
        StartRequest(
            user=user,
            configuration={"Datasets": cubes.datasets_of(user, _jobs(user, chosen))},
            actor=user.username,
            profile=offer["profile"].name,
            title=title or _("My viewer"),
            key=f"page-{key}" if _KEY.fullmatch(key) else "",
        )
    )


def _ready_cubes(user: Any) -> list[Job]:
    """The newest cubes of the user's that a viewer could show."""
    jobs = Job.objects.owned_by(user).listed().filter(state=JobState.SUCCEEDED)
    jobs = jobs.filter(output_store__startswith="@").defer("result", "progress")
    return list(jobs.order_by("-pk")[:MOST_CUBES])


def _jobs(user: Any, job_ids: list[str]) -> list[Job]:
    """The jobs of these ids, in their order. Raises Refused for one that is not the user's."""
    rows = Job.objects.owned_by(user).listed().filter(job_id__in=[it[:63] for it in job_ids])
    found = {job.job_id: job for job in rows}
    missing = [job_id for job_id in job_ids if job_id not in found]
    if missing:
        raise Refused(_("One of the cubes is not in your list any more."), field="cubes")
    return [found[job_id] for job_id in dict.fromkeys(job_ids)]


def _new_key() -> str:
    """So that a form that is sent twice starts one service."""
    return secrets.token_urlsafe(16)
