"""Jobs in the admin: operators see all of them, act on them, and edit no field."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Substr
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.paging import UncountedPaginator
from accounts.admin.searching import among_newest

from ..models import Job, State
from ..operators import failures
from ..submission import repeating
from . import job_page, one_job
from .actions import Actions
from .columns import MOST_OF_MESSAGE, Columns
from .fields import Documents
from .filters import FILTERS

_USER_ID = re.compile(r"a[0-9a-f]{32}")
_JOB_ID = re.compile(rf"{_USER_ID.pattern}-[0-9a-f-]{{18}}")
_SHORT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}")


@admin.register(Job)
class JobAdmin(Columns, Actions, Documents, ReadOnlyAdmin):
    list_display = [
        "state_badge",  # first: what a phone shows
        "short_id",
        "owner_name",
        "dataset",
        "output",
        "submitted",
        "waited",
        "took",
        "price",
        "reason_code",
        "short_message",
    ]
    list_display_links = ["short_id"]
    list_filter = FILTERS
    list_select_related = ["owner"]
    list_per_page = 50
    list_max_show_all = 0
    sortable_by = ["submitted"]
    search_fields = ["job_id", "owner__email", "output_data_id"]
    search_help_text = _("A job's id, its owner's e-mail or id, or a part of its output's name.")
    ordering = ["-id"]
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = UncountedPaginator
    change_list_template = "admin/jobs/job/change_list.html"
    change_form_template = "admin/jobs/job/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs = super().get_queryset(request)
        match = request.resolver_match
        if match is None or match.url_name != "jobs_job_changelist":
            return jobs.select_related("owner")
        return jobs.defer("progress", "result", "message", "usage").annotate(
            message_begin=Substr("message", 1, MOST_OF_MESSAGE),
            progress_part=KT("progress__state__progress"),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Search one indexed column, chosen by the kind of text; `OR` would read every row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term and not term.startswith("@"):
            return queryset.filter(owner__email__iexact=term), False
        if _JOB_ID.fullmatch(term):
            return queryset.filter(job_id=term), False
        if _USER_ID.fullmatch(term):
            return queryset.filter(owner__username=term), False
        newest = queryset.filter(among_newest(Job))  # no index has parts of names
        if _SHORT_ID.fullmatch(term):
            return newest.filter(job_id__endswith=term), False
        return newest.filter(output_data_id__icontains=term), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        owner = request.GET.get("owner__id__exact", "")
        if owner:  # links of other pages
            query = request.GET.copy()
            del query["owner__id__exact"]
            query["owner"] = owner
            return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")
        titled = {"title": self.opts.verbose_name_plural.capitalize(), **(extra_context or {})}
        answer = super().changelist_view(request, titled)
        context = getattr(answer, "context_data", None) or {}
        if "cl" in context:
            context.update(self._about_list(request, context["cl"]))
        return answer

    def _about_list(self, request: HttpRequest, changes: Any) -> dict[str, Any]:
        specs = changes.filter_specs
        chosen = [
            {
                "title": spec.title,
                "value": spec.shown,
                "without": changes.get_query_string(remove=[spec.parameter_name, "p"]),
            }
            for spec in specs
            if spec.value()
        ]
        return {
            "filters": specs,
            "chosen": chosen,
            "open_failures": self._open_failures(request, changes),
            "stays": [(key, value) for key, value in changes.params.items() if key == "o"],
        }

    def _open_failures(self, request: HttpRequest, changes: Any) -> int:
        """How many failures in this list the caller could run again."""
        asks = {spec.parameter_name: spec.value() for spec in changes.filter_specs}
        is_failures = (
            asks.get("state__exact") == State.FAILED
            or asks.get("reason__exact")
            or asks.get("failures") == "open"
        )
        if not is_failures or not changes.result_count or not self.has_operate_permission(request):
            return 0
        waiting = failures.not_dealt_with(changes.queryset.order_by()).exclude(rerun__refused="")
        return waiting.values("pk")[: repeating.MOST_AT_ONCE].count()

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Any, name: str) -> URLPattern:
            def wrapped(request: HttpRequest, object_id: int) -> HttpResponse:
                return view(self, request, object_id)

            return path(route, self.admin_site.admin_view(wrapped), name=f"jobs_job_{name}")

        return [
            own("<int:object_id>/act/", one_job.act, "act"),
            own("<int:object_id>/look/", one_job.look, "look"),
            own("<int:object_id>/refund/", one_job.refund, "refund"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        job = options.get("obj")
        if job is not None:
            context["title"] = job.output_data_id
            context.update(
                job_page.about(request, job, may_act=self.has_operate_permission(request))
            )
        return super().render_change_form(request, context, *args, **options)
