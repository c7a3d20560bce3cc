"""The pages "My cubes": a user's jobs, and one of them with all that is known about it."""

from __future__ import annotations

import json
import time
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.roles import permissions_of
from accounts.scopes import MANAGE_CUBEGENS
from hubsite.refusals import Refused

from .. import known_errors
from ..api.presentation import message_of
from ..api.quicklook_views import answer
from ..job_rows import find_job
from ..models import FINAL_STATES, Job, State
from ..output import quicklooks
from ..queue.waiting import waiting_of, waiting_of_each
from ..running import logs
from ..stores.catalogue import load_catalogue
from ..stores.stores_file import StoresFileError
from ..submission import admission, cancelling
from ..submission.repeating import repetition
from . import compared, filters, log_part, timeline, wording
from .pictures import folder_of, pictures_of, thumbnails
from .request_in_words import in_words
from .using import how_to_use

ON_A_PAGE = 25
LINES_AT_ONCE = 1000
PLACE_EVERY_S = 20
"""How often pages show the place and the predicted start of waiting jobs anew."""
MOST_EVENTS = 100
ICONS = {
    State.SUCCEEDED: "favicon-done.svg",
    State.FAILED: "favicon-failed.svg",
    State.CANCELLED: "favicon.svg",
}
"""What a tab shows of a job that has ended."""


@method_decorator([never_cache, login_required], name="dispatch")
class CubesPage(View):
    """The caller's jobs. The URL says which (`filters.py`), and where the list goes on."""

    def get(self, request: HttpRequest) -> HttpResponse:
        asked, faults = filters.read(request.GET)
        found = filters.find(Job.objects.owned_by(request.user).listed(), asked, most=ON_A_PAGE)
        pictures = thumbnails(found.jobs)
        waits = waiting_of_each([job for job in found.jobs if job.state == State.QUEUED])
        shown = [
            {**summary(job), "picture": pictures.get(job.pk), "waiting": waits.get(job.pk)}
            for job in found.jobs
        ]
        after = found.goes_on_after
        context = {
            "cubes": shown,
            "asked": asked,
            "faults": faults,
            "chips": asked.chips(),
            "states": _state_chips(asked),
            "all_states": [(key, title) for key, (title, _) in filters.STATES.items()],
            "sorts": list(filters.SORTS.items()),
            "stores": _store_names(asked),
            "first": asked.query(),
            "next": asked.query(before=after) if after is not None else "",
            "looked_to": found.looked_to,
            "looked_at": filters.LOOKED_AT,
            "may_submit": MANAGE_CUBEGENS in permissions_of(request.user),
        }
        return render(request, "jobs/cubes.html", context)


def _state_chips(asked: filters.Filters) -> list[tuple[str, Any, bool]]:
    """For the chips above the list: the URL's query, the words, and whether it is chosen."""
    rest = {"without": ("state",)}
    chips = [(asked.query(**rest), _("All"), not asked.state)]
    for key in filters.FIRST_STATES:
        words = filters.STATES[key][0]
        chips.append((asked.query(**rest, state=key), words, asked.state == key))
    return chips


def _store_names(asked: filters.Filters) -> list[tuple[str, str]]:
    """The stores to choose from: those of the hub, and the chosen one."""
    try:
        known = {f"@{store.name}": store.title for store in load_catalogue()}
    except StoresFileError:
        known = {}
    if asked.store:
        known.setdefault(asked.store, "")
    return [(name, title or name) for name, title in known.items()]


@method_decorator([never_cache, login_required], name="dispatch")
class CubePage(View):
    """One job of the caller's."""

    def get(self, request: HttpRequest, job_id: str) -> HttpResponse:
        job = _whole_job(request, job_id)
        document, record = getattr(job, "document", None), getattr(job, "record", None)
        related = _related(job)
        log = log_part.read(job, request.GET)
        told = document.request if document else {}
        advice = wording.advice(job, lambda: logs.last_lines(job, known_errors.LOG_LINES))
        context = {
            "job": job,
            "cube": summary(job),
            "steps": timeline.steps_of(job, job.events.all()[:MOST_EVENTS]),
            "said": in_words(told),
            "request_text": json.dumps(told, indent=2),
            "shape": shape_of(document.estimate if document else {}),
            "compared": compared.rows_of(job, document, record),
            "waiting": waiting_of(job),
            "advice": advice,
            "needs_change": advice is not None and advice.fault == known_errors.Fault.REQUEST,
            "costs_nothing": wording.costs_nothing(job),
            "log": log,
            "levels": list(log_part.LEVELS.items()),
            "use": how_to_use(request, job),
            "successor": next((it for it in related if it.pk != job.retry_of_id), None),
            "predecessor": next((it for it in related if it.pk == job.retry_of_id), None),
            "keeps_request": not (job.uses_own_store or job.has_user_code),
            "pictures": pictures_of(job, folder_of(job)) if job.state == State.SUCCEEDED else [],
        }
        return render(request, "jobs/cube.html", context)


@method_decorator([never_cache, login_required], name="dispatch")
class CubeActions(View):
    """Cancel, delete, or run again: each by a form of the page."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, job_id: str, action: str) -> HttpResponse:
        job = own_job(request, job_id)
        check_may_generate(request.user)
        act = {"cancel": self._cancel, "delete": self._delete, "again": self._again}.get(action)
        if act is None:
            raise Http404
        return act(request, job)

    def _cancel(self, request: HttpRequest, job: Job) -> HttpResponse:
        if cancelling.cancel([job], actor=request.user.username):
            messages.success(request, _("The job is cancelled."))
        else:
            messages.info(request, _("The job had ended already."))
        return redirect("cube", job_id=job.job_id)

    def _delete(self, request: HttpRequest, job: Job) -> HttpResponse:
        cancelling.cancel([job], actor=request.user.username)
        cancelling.hide(Job.objects.filter(pk=job.pk))
        messages.success(request, _("The job is removed from your list. A finished cube stays."))
        return redirect("cubes")

    def _again(self, request: HttpRequest, job: Job) -> HttpResponse:
        try:
            made = admission.admit(repetition(request.user, job))
        except Refused as refused:
            messages.error(request, str(refused))
            return redirect("cube", job_id=job.job_id)
        messages.success(request, _("The request was submitted again."))
        return redirect("cube", job_id=made.job_id)


@never_cache
@login_required
@require_safe
def log_file(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """The whole log as a text file."""
    job = own_job(request, job_id)

    def lines() -> Any:
        offset = 0
        while found := logs.lines_from(job, offset, LINES_AT_ONCE):
            yield "".join(f"{text}\n" for _, text in found)
            offset = found[-1][0] + 1

    response = StreamingHttpResponse(lines(), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{job.job_id}.log"'
    return response


@login_required
@require_safe
def picture(request: HttpRequest, job_id: str, name: str) -> HttpResponse:
    """A quick-look of the caller's job."""
    look = quicklooks.find(own_job(request, job_id), name)
    if look is None:
        raise Http404("This job has no such picture.")
    return answer(request, look)


def check_may_generate(user: Any) -> None:
    """Raises PermissionDenied if the user may not generate cubes."""
    if MANAGE_CUBEGENS not in permissions_of(user):
        raise PermissionDenied("Your account may not generate cubes.")


def own_job(request: HttpRequest, job_id: str) -> Job:
    """The caller's job of that id. Raises Http404."""
    job = find_job(owner_id=request.user.pk, job_id=job_id)
    if job is None or job.hidden_at is not None:
        raise Http404("You have no job of this id.")
    return job


def summary(job: Job) -> dict[str, Any]:
    """What lists and the head of the page show."""
    progress = (job.progress or {}).get("state") or {}
    end = job.finished_at
    return {
        "job": job,
        "name": job.output_data_id,
        "input": job.input_data_id,
        "state": wording.STATE_WORDS[job.state],
        "sign": wording.END_SIGNS.get(job.state, ""),
        "icon": ICONS.get(job.state, "favicon-busy.svg"),
        "message": "" if _says_only_success(job) else message_of(job),
        "told": message_of(job),
        "percent": _percent(progress) if job.state == State.RUNNING else None,
        "step": progress.get("label", "") if job.state == State.RUNNING else "",
        "took": end - job.started_at if end and job.started_at else None,
        "is_queued": job.state == State.QUEUED,
        "is_final": job.state in FINAL_STATES,
    }


def _says_only_success(job: Job) -> bool:
    """Whether the message is xcube's own sentence, which the state says already."""
    text = message_of(job)
    return job.state == State.SUCCEEDED and text.startswith(known_errors.SUCCESS)


def _percent(progress: dict[str, Any]) -> int:
    try:
        return max(0, min(100, round(100 * float(progress.get("progress") or 0))))
    except (TypeError, ValueError):
        return 0


def shape_of(estimate: dict[str, Any]) -> str:
    """The dimensions of the cube as the estimate gave them; "" if it did not."""
    described = estimate.get("dataset_descriptor")
    dims = described.get("dims") if isinstance(described, dict) else None
    return " × ".join(f"{n} {name}" for name, n in dims.items()) if isinstance(dims, dict) else ""


def _whole_job(request: HttpRequest, job_id: str) -> Job:
    """The caller's job with its document and the record of its cube. Raises Http404."""
    rows = Job.objects.owned_by(request.user).listed().select_related("document", "record")
    rows = rows.defer("document__credentials", "document__code")
    job = rows.filter(job_id=job_id).first()
    if job is None:
        raise Http404("You have no job of this id.")
    job.owner = request.user
    return job


def _related(job: Job) -> list[Job]:
    """The job that this one repeats, and the newest that repeats it, if they are in the list."""
    listed = Job.objects.listed().filter(owner=job.owner_id)
    newest = listed.filter(retry_of=job).order_by("-pk").values("pk")[:1]
    rows = listed.filter(Q(pk=job.retry_of_id) | Q(pk=newest))
    return list(rows.only("job_id", "output_data_id", "state", "retry_of"))


def may_list(user: Any) -> bool:
    """Whether the user has a list of cubes: everybody who has signed in, perhaps an empty one."""
    return user.is_authenticated


def cursor(user: Any) -> str:
    """What changes when any job of the user's does: for the console's live pages."""
    live = Job.objects.owned_by(user).filter(is_live=True).order_by("pk")
    rows = live.values_list("pk", "state", "message", "progress")[:100]
    listed = Job.objects.owned_by(user).listed().order_by("-pk")
    newest = listed.values_list("pk", quicklooks.newest_of(user)).first()
    waits = any(row[1] == State.QUEUED for row in rows)
    return f"{newest} {list(rows)!r} {int(time.time() // PLACE_EVERY_S) if waits else ''}"
