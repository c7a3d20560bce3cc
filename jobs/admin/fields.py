"""All columns of a job, and its documents, as the end of its page shows them."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from ..models import Job, JobDocument


class Documents:
    """The read-only fields of a job; a part of `JobAdmin`."""

    fieldsets = [
        (
            None,
            {
                "fields": [
                    "job_id",
                    "owner",
                    "client_id",
                    "reason",
                    "message",
                    "units",
                    "dataset",
                    "output",
                    "retry_of",
                ]
            },
        ),
        (
            _("Times"),
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
            _("Run"),
            {
                "fields": [
                    "engine",
                    "priority",
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
            _("Documents"),
            {"fields": ["request_document", "estimate_document", "result_document"]},
        ),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> list[str]:
        return [name for _title, options in self.fieldsets for name in options["fields"]]

    @admin.display(description=_("progress"))
    def progress_document(self, job: Job) -> str:
        return _pretty(job.progress)

    @admin.display(description=_("request, its credentials starred out"))
    def request_document(self, job: Job) -> str:
        return _pretty(_of_document(job).get("request"))

    @admin.display(description=_("estimate"))
    def estimate_document(self, job: Job) -> str:
        return _pretty(_of_document(job).get("estimate"))

    @admin.display(description=_("result"))
    def result_document(self, job: Job) -> str:
        return _pretty(job.result)


def _of_document(job: Job) -> dict[str, Any]:
    """The job's documents, read once; uploaded code, in another column, has up to 10 MB."""
    if not hasattr(job, "shown_documents"):
        row = JobDocument.objects.filter(job=job).values("request", "estimate").first()
        job.shown_documents = row or {}
    return job.shown_documents


def _pretty(document: Any) -> str:
    if document in (None, {}):
        return "-"
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return format_html('<pre class="document" tabindex="0">{}</pre>', text)
