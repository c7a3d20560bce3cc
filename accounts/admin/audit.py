"""The audit in the admin: who did what when, with filters, and as CSV."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _

from hubsite import audit
from hubsite.audit import export, searching
from hubsite.audit.actions import ACTIONS
from hubsite.audit.entry import AuditEntry, Via
from hubsite.audit.presenting import shown
from hubsite.refusals import Refused

from .base import ReadOnlyAdmin

PARAMETERS = tuple(searching.Search.__dataclass_fields__)


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin):
    """The list is our own page: Django's counts all rows and pages by offset."""

    fields = readonly_fields = [name.removesuffix("__email") for name in export.COLUMNS]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export)
        return [path("export/", view, name="hubsite_auditentry_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        refusal, search = "", searching.Search()
        try:
            search = searching.read(request.GET)
            page = searching.page(
                search, before=_id(request, "before"), after=_id(request, "after")
            )
        except Refused as refused:
            refusal, page = str(refused), searching.Page([])
        chosen = {name: request.GET.get(name, "") for name in PARAMETERS}
        context = {
            **self.admin_site.each_context(request),
            "title": _("Audit: who did what"),
            "opts": self.model._meta,
            "chosen": chosen,
            "times": {name: _is_time(chosen[name]) for name in ("since", "until")},
            "query": urlencode({name: text for name, text in chosen.items() if text}),
            "is_filtered": any(chosen.values()),
            "actions": ACTIONS.items(),
            "places": Via.choices,
            "page": page,
            "entries": shown(page.entries),
            "refusal": refusal,
            "most_rows": export.MOST_ROWS,
        }
        status = 400 if refusal else 200
        return TemplateResponse(request, "admin/hubsite/audit.html", context, status=status)

    def export(self, request: HttpRequest) -> HttpResponse:
        """The entries that the filters choose, as CSV; that is itself in the audit."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = searching.found(searching.read(request.GET))
        except Refused as refused:
            return HttpResponse(str(refused), status=400, content_type="text/plain; charset=utf-8")
        audit.record("audit.exported", detail=request.GET.urlencode())
        response = StreamingHttpResponse(export.lines(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response


def _is_time(text: str) -> bool:
    """Whether it is no date, so that a field for dates could not show it."""
    return bool(text) and not re.fullmatch(r"\d{4}-\d\d-\d\d", text)


def _id(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
