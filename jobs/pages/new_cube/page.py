"""The page "New cube": a form with a live price, for a new request or one like an earlier job."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views import View
from django.views.decorators.cache import never_cache

from accounts.roles import permissions_of
from accounts.scopes import PROCESS_CUBEGENS
from hubsite import switches
from hubsite.configuration.site import hub
from hubsite.refusals import Refused
from jobs.settings import hub as jobs_hub

from ...models import XCUBE_GEN, Job, JobDocument, State
from ...queue.waiting import waiting_of_new
from ...stores.catalogue import load_catalogue
from ...stores.stores_file import StoresFileError
from ...submission import admission
from ..cubes import check_may_generate, own_job
from .copies import copies_of
from .form import SHOWN, NewCubeForm, differences, initial_of, name_of, next_name
from .quoting import offer_of


class _FormView(View):
    """What the page and its live price have in common."""

    like: Job | None = None
    """The earlier job that the form changes."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        check_may_generate(request.user)
        self.like, self.base = _earlier(request)
        return super().dispatch(request, *args, **kwargs)

    def form(self, said: QueryDict | None = None) -> NewCubeForm:
        asked = self.request.GET
        initial = initial_of(self.base)
        if self.like is not None:
            initial["name"] = _name_like(self.like, initial["name"])
        initial |= {name: asked[name] for name in NewCubeForm.base_fields if name in asked}
        if "variables" in asked:
            initial["variables"] = asked.getlist("variables")
        return NewCubeForm(said, initial=initial, stores=_stores(), base=self.base)

    def submission(self, document: dict[str, Any]) -> admission.Submission:
        like = self.like
        has_failed = like is not None and like.state in (State.FAILED, State.CANCELLED)
        return admission.Submission(
            user=self.request.user,
            client_id="",
            may_run_code=PROCESS_CUBEGENS in permissions_of(self.request.user),
            document=document,
            retry_of=like if has_failed else None,
        )


@method_decorator([never_cache, login_required], name="dispatch")
class NewCubePage(_FormView):
    """The form; `?like=JOB_ID` fills it with an earlier request, `?dataset=…` with these values."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(self.form())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        document = form.request_document()
        if not form.cleaned_data["name"]:
            document["output_config"]["data_id"] = name_of(
                form.cleaned_data["dataset"], timezone.now()
            )
        try:
            job = admission.admit(self.submission(document))
        except Refused as refused:
            form.add_faults(refused.errors, otherwise=str(refused))
            return self._page(form, status=422)
        messages.success(request, _("Your request is accepted. You can close this page meanwhile."))
        return redirect("cube", job_id=job.job_id)

    def _page(self, form: NewCubeForm, *, status: int = 200) -> HttpResponse:
        context = {
            "form": form,
            "like": self.like,
            "hidden_parts": _hidden_parts(self.base),
            "suspension": switches.suspension(XCUBE_GEN),
        }
        return render(self.request, "jobs/new_cube.html", context, status=status)


@method_decorator([never_cache, login_required], name="dispatch")
class NewCubePrice(_FormView):
    """The part of the page that says what the cube would cost. Always 200: it is shown in place."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form(request.POST)
        context: dict[str, Any] = {"form": form}
        if form.is_valid():
            document = form.request_document()
            try:
                context["offer"] = offer_of(self.submission(document))
            except Refused as refused:
                form.add_faults(refused.errors, otherwise=str(refused))
            else:
                context["would_start"] = waiting_of_new(request.user.pk, jobs_hub.engine)
                context["copies"] = copies_of(
                    document, f"{hub.public_url}/{settings.API_PATH}".rstrip("/")
                )
                context["differences"] = differences(self.base, document) if self.base else []
        return render(request, "jobs/new_cube_price.html", context)


def _earlier(request: HttpRequest) -> tuple[Job | None, dict[str, Any]]:
    """The caller's job that the form changes, and its request."""
    job_id = request.GET.get("like", "")
    if not job_id:
        return None, {}
    job = own_job(request, job_id)
    if job.uses_own_store or job.has_user_code:
        raise Http404(
            "This job used your own store or code, of which the hub keeps no keys. Submit it again "
            "by the program that you used."
        )
    document = JobDocument.objects.filter(job=job).values_list("request", flat=True).first()
    return job, document or {}


def _name_like(like: Job, name: str) -> str:
    """The proposed name of a cube like an earlier one, whose own name may be taken."""
    if name.startswith(like.job_id):
        return ""
    return name if like.state in (State.FAILED, State.CANCELLED) else next_name(name)


def _stores() -> list[Any]:
    try:
        return list(load_catalogue())
    except StoresFileError:
        return []


def _hidden_parts(document: dict[str, Any]) -> list[str]:
    """The parts of an earlier request that the form keeps without showing them."""
    parts = [
        f"{part}.{name}"
        for part in ("input_config", "cube_config", "output_config")
        for name in document.get(part) or {}
        if f"{part}.{name}" not in SHOWN
    ]
    more = len(document.get("input_configs") or [0]) - 1
    further = ngettext("%(n)d further input", "%(n)d further inputs", more) % {"n": more}
    return parts + ([further] if more else [])
