"""Quick-looks over HTTP: the list of a job's pictures, and each of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import HasScope
from hubsite.refusals import Kind, Refused

from ..models import QuickLook
from ..output import quicklooks
from ..results.rights import find_job
from . import quicklook_schema as schema
from .views import SwitchableViewSet

PNG_POLICY = "default-src 'none'; sandbox"
"""A picture loads and runs nothing, also if a browser shows it as a page."""


class QuickLookViewSet(SwitchableViewSet):
    """Pictures of the variables of one cube."""

    permission_classes = [HasScope("manage:cubegens")]

    @schema.list_quicklooks
    def list(self, request: Request, job_id: str) -> Response:
        job = find_job(request, job_id)
        address = request.build_absolute_uri(request.path)
        return Response([shown(look, address) for look in quicklooks.all_of(job)])

    @schema.get_quicklook
    def picture(self, request: Request, job_id: str, name: str) -> HttpResponse:
        job = find_job(request, job_id)
        if (look := quicklooks.find(job, name)) is None:
            raise Refused(f"This job has no quick-look {name[:100]}.", kind=Kind.NOT_FOUND)
        return answer(request, look)


def shown(look: QuickLook, address: str) -> dict[str, Any]:
    """A quick-look as the API describes it; `address` is that of the job's pictures."""
    has_range = look.vmin is not None and look.vmax is not None
    return {
        "variable": look.variable,
        "title": look.title,
        "units": look.units,
        "url": f"{address}/{look.name}.png" if look.width else None,
        "width": look.width,
        "height": look.height,
        "time": look.time or None,
        "at": look.at,
        "value_range": [look.vmin, look.vmax] if has_range else None,
        "colors": look.colors,
        "classes": [{"color": color, "label": label} for color, label in look.classes],
        "bbox": look.bbox,
        "note": look.note,
    }


def answer(request: HttpRequest | Request, look: QuickLook) -> HttpResponse:
    """The picture, or 304 if the caller has it. Nothing but image/png is ever served."""
    etag = f'"{look.digest[:32]}"'
    plain = request._request if isinstance(request, Request) else request
    response = get_conditional_response(plain, etag=etag)
    if response is None:
        response = HttpResponse(bytes(look.png or b""), content_type="image/png")
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=300"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = PNG_POLICY
    response["Content-Disposition"] = f'inline; filename="{look.name}.png"'
    return response
