"""The caller's usage: processing units spent, by month and store."""

from __future__ import annotations

from datetime import date

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite.refusals import Refused

from .. import usage
from . import schema


class UsageViewSet(ViewSet):
    @schema.usage
    def list(self, request: Request) -> Response | HttpResponse:
        form = request.query_params.get("format", "json")
        if form not in ("json", "csv"):
            raise Refused("json or csv is expected", field="format")
        rows = usage.usage(
            user=request.user, first=_asked(request, "from"), last=_asked(request, "to")
        )
        if form == "json":
            return Response(usage.as_documents(rows))
        return HttpResponse(
            usage.as_csv(rows),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="usage.csv"'},
        )


def _asked(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return usage.month(text)
    except ValueError:
        raise Refused("a month such as 2027-01 is expected", field=name) from None
