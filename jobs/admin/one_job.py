"""What operators do with one job, by the forms of its page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from accounts.units import ledger
from hubsite.refusals import Refused
from hubsite.translations.sentences import translated

from ..models import Job
from ..operators.charging_back import checked_reason
from ..running import engine_looks

ACTS = ("cancel", "run_again", "deal_with", "reopen", "urgent", "normal", "later")


def act(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel a job, run it again, deal with its failure, change its priority: as in the list."""
    job = _of_post(model_admin, request, pk)
    if isinstance(job, HttpResponse):
        return job
    wanted = request.POST.get("do", "")
    jobs: QuerySet[Job] = Job.objects.filter(pk=job.pk)
    if wanted in ACTS:
        getattr(model_admin, wanted)(request, jobs)
    elif wanted == "move":
        model_admin.move(request, jobs, request.POST.get("engine", "")[:40])
    else:
        raise Http404
    return redirect("admin:jobs_job_change", pk)


def look(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the engine for the job's objects; also for those who only read."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    engine_looks.ask_for(get_object_or_404(Job, pk=pk))
    return redirect("admin:jobs_job_change", pk)


def refund(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Give back units that the job was charged, all or a part, once for each form."""
    job = _of_post(model_admin, request, pk)
    if isinstance(job, HttpResponse):
        return job
    fault = _give_back(request, job)
    if fault:
        messages.error(request, fault)
    return redirect("admin:jobs_job_change", pk)


def _give_back(request: HttpRequest, job: Job) -> str:
    """Do it; returns what is wrong with the form."""
    units, key = request.POST.get("units", "").strip(), request.POST.get("key", "")
    if not units.isdecimal() or not units.isascii() or len(units) > 12 or int(units) < 1:
        return _("Units: a whole number of at least 1 is expected.")
    try:
        reason = checked_reason(request.POST.get("reason", ""))
    except Refused as refused:
        return translated(str(refused))
    if len(key) != 32 or not key.isalnum() or not key.isascii():
        return _("This form is not complete: open the page again.")
    try:
        entry = ledger.refund(
            job.job_id,
            int(units),
            key=f"refund:{job.pk}:{key}",
            reason=reason,
            actor=request.user,
        )
    except ledger.MoreThanCharged as more:
        return _("Units: at most %(n)d can be given back.") % {"n": more.left}
    except ledger.NoReservation:
        return _("This job was never charged.")
    text = _("%(n)d units were given back to %(who)s.")
    messages.success(request, text % {"n": entry.units, "who": job.owner.email})
    return ""


def _of_post(model_admin: Any, request: HttpRequest, pk: int) -> Job | HttpResponse:
    """The job that is to be changed. Raises PermissionDenied, Http404."""
    if not model_admin.has_operate_permission(request):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    return get_object_or_404(Job.objects.select_related("owner"), pk=pk)
