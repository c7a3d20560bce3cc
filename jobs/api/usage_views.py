"""What the caller spent, by month and store."""

from __future__ import annotations

from datetime import date

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hubsite.api.schema import component
from hubsite.refusals import Refused

from .. import usage

_COUNT = {"type": "integer", "minimum": 0}
USAGE = component(
    "Usage",
    {
        "type": "object",
        "required": ["email", "month", "store", "jobs", "succeeded", "failed", "cancelled"],
        "properties": {
            "email": {"type": "string"},
            "month": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
            "store": {"type": "string", "description": "Where the cubes were written."},
            "jobs": {**_COUNT, "description": "Jobs that ended in the month."},
            "succeeded": _COUNT,
            "failed": _COUNT,
            "cancelled": _COUNT,
            "units": {**_COUNT, "description": "Processing units that were charged."},
        },
    },
)
_EXAMPLE = {
    "email": "ann@example.org",
    "month": "2026-11",
    "store": "@cubes",
    "jobs": 3,
    "succeeded": 2,
    "failed": 1,
    "cancelled": 0,
    "units": 384,
}


def _month(name: str, which: str) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
        description=f"The {which} month.",
    )


class MyUsageView(APIView):
    @extend_schema(
        operation_id="users_me_usage",
        summary="What I spent",
        description="Your jobs and processing units by month and store, as JSON or, with "
        "`?format=csv`, as CSV for spreadsheets.",
        parameters=[
            _month("from", "first"),
            _month("to", "last"),
            OpenApiParameter("format", {"type": "string", "enum": ["json", "csv"]}),
        ],
        responses={
            (200, "application/json"): OpenApiResponse(
                {"type": "array", "items": USAGE},
                description="By month, then store.",
                examples=[OpenApiExample("One month", value=[_EXAMPLE])],
            ),
            (200, "text/csv"): OpenApiResponse(
                {"type": "string"},
                description="The same, one line a row, with a line of names.",
                examples=[
                    OpenApiExample(
                        "One month",
                        value=",".join(_EXAMPLE)
                        + "\r\n"
                        + ",".join(str(v) for v in _EXAMPLE.values()).replace(",@", ",'@")
                        + "\r\n",
                        media_type="text/csv",
                    )
                ],
            ),
        },
    )
    def get(self, request: Request) -> Response | HttpResponse:
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
