"""Jobs in the admin: operators see all fields and can cancel jobs, but edit nothing."""

from __future__ import annotations

import json
import re
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.html import format_html

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.paging import UncountedPaginator
from hubsite.configuration.table import SETTINGS

from . import job_csv, lifecycle, logs, repeating
from .models import Job, JobDocument, JobEvent, State
from .tasks import remove_soon

SHOWN_LOG_LINES = 200

_USER_ID = re.compile(r"a[0-9a-f]{32}")
_JOB_ID = re.compile(rf"{_USER_ID.pattern}-[0-9a-f-]{{18}}")


class EngineFilter(admin.SimpleListFilter):
    """Filter by engine. It lists the known engines, because reading them from the rows is slow."""

    title = parameter_name = "engine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        (setting,) = (row for row in SETTINGS if row.name == "XCUBE_HUB_ENGINE")
        return [(name, name) for name in setting.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(engine=self.value()) if self.value() else queryset


class DealtWithFilter(admin.SimpleListFilter):
    """Failed jobs that nobody has submitted again, or that somebody has."""

    title = "failures"
    parameter_name = "failures"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "not dealt with"), ("again", "submitted again")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        if self.value() == "open":
            return repeating.not_dealt_with(queryset)
        if self.value() == "again":
            return queryset.filter(state=State.FAILED, pk__in=Subquery(_repeated()))
        return queryset


def _repeated() -> QuerySet:
    return Job.objects.filter(retry_of__isnull=False).order_by().values("retry_of")


class JobEventInline(admin.TabularInline):
    model = JobEvent
    fields = readonly_fields = ["at", "from_state", "to_state", "reason", "message", "actor"]
    extra = 0
    can_delete = False
    verbose_name_plural = "Events"

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return True  # for everyone who may see the job

    def has_add_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = [
        "state_badge",  # first: what a phone shows
        "job_id",
        "owner",
        "reason_code",
        "units",
        "output",
        "created_at",
    ]
    list_display_links = ["job_id"]
    list_filter = ["state", "reason", DealtWithFilter, EngineFilter]
    list_select_related = ["owner"]
    list_per_page = 50
    search_fields = ["job_id", "owner__email", "output_data_id"]
    search_help_text = "A job's id, its owner's e-mail or user id, or a part of the output's name."
    ordering = ["-id"]
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = UncountedPaginator
    actions = ["cancel", "run_again", "export"]
    inlines = [JobEventInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "job_id",
                    "owner",
                    "client_id",
                    "state_badge",
                    "reason",
                    "message",
                    "units",
                    "output",
                    "retry_of",
                ]
            },
        ),
        (
            "Times",
            {
                "fields": [
                    "created_at",
                    "launched_at",
                    "made_at",
                    "seen_at",
                    "started_at",
                    "finished_at",
                    "hidden_at",
                ]
            },
        ),
        (
            "Run",
            {
                "fields": [
                    "engine",
                    "attempt",
                    "is_live",
                    "has_user_code",
                    "can_remove_output",
                    "removal_due_at",
                    "removal_tries",
                    "deadline_s",
                    "memory_bytes",
                    "progress_document",
                ]
            },
        ),
        (
            "Documents",
            {"fields": ["request_document", "estimate_document", "result_document"]},
        ),
        ("Log", {"fields": ["log_tail"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> list[str]:
        return [name for _, options in self.fieldsets for name in options["fields"]]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and match.url_name == "jobs_job_changelist"
        return jobs.defer("progress", "result", "message") if is_list else jobs

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
        return queryset.filter(output_data_id__icontains=term), False

    @admin.display(description="state", ordering="state")
    def state_badge(self, job: Job) -> str:
        return format_html(
            '<span class="state state-{}">{}</span>', job.state, job.get_state_display()
        )

    @admin.display(description="reason", ordering="reason")
    def reason_code(self, job: Job) -> str:
        if not job.reason:
            return ""
        return format_html('<span title="{}">{}</span>', job.get_reason_display(), job.reason)

    @admin.display()
    def output(self, job: Job) -> str:
        return f"{job.output_store}/{job.output_data_id}"

    @admin.display(description="progress")
    def progress_document(self, job: Job) -> str:
        return _pretty(job.progress)

    @admin.display(description="request, its credentials starred out")
    def request_document(self, job: Job) -> str:
        return _pretty(_of_document(job, "request"))

    @admin.display(description="estimate")
    def estimate_document(self, job: Job) -> str:
        return _pretty(_of_document(job, "estimate"))

    @admin.display(description="result")
    def result_document(self, job: Job) -> str:
        return _pretty(job.result)

    @admin.display(description=f"last {SHOWN_LOG_LINES} lines")
    def log_tail(self, job: Job) -> str:
        lines = logs.last_lines(job, SHOWN_LOG_LINES)
        return _preformatted("\n".join(lines)) if lines else "-"

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Cancel the chosen jobs, as their owners could; the worker ends their runs."""
        cancelled = [
            job for job in queryset.active() if lifecycle.cancel(job, actor=request.user.username)
        ]
        remove_soon(job for job in cancelled if job.is_live)
        jobs = "job was" if len(cancelled) == 1 else "jobs were"
        self.message_user(
            request,
            f"{len(cancelled)} {jobs} cancelled.",
            messages.SUCCESS if cancelled else messages.WARNING,
        )

    @admin.action(description="Run the failed ones again", permissions=["operate"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Submit the failed ones again for their owners; the worker does it one by one."""
        count = repeating.ask_for(queryset, actor=request.user.username)
        jobs = "job is" if count == 1 else "jobs are"
        self.message_user(
            request,
            f"{count} failed {jobs} submitted again, which may take a while."
            if count
            else "None of them failed and still waits to be submitted again.",
            messages.SUCCESS if count else messages.WARNING,
        )

    @admin.action(description="Export as CSV", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Job]) -> StreamingHttpResponse:
        """The chosen jobs as a file for spreadsheets."""
        response = StreamingHttpResponse(job_csv.lines(queryset), content_type="text/csv")
        response["Content-Disposition"] = 'attachment; filename="jobs.csv"'
        return response


def _of_document(job: Job, name: str) -> Any:
    """One column of the job's document; uploaded code, in another column, has up to 10 MB."""
    return JobDocument.objects.filter(job=job).values_list(name, flat=True).first()


def _pretty(document: Any) -> str:
    if document in (None, {}):
        return "-"
    return _preformatted(json.dumps(document, indent=2, ensure_ascii=False))


def _preformatted(text: str) -> str:
    return format_html('<pre class="document" tabindex="0">{}</pre>', text)
