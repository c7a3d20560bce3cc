"""The two endpoints for the edge, `/internal/edge/decide` and `/internal/edge/report`.

Only who knows the edge's secret learns that they exist. Bodies are small JSON documents; whatever
is wrong with one is a fault of the edge, so it is told in one sentence.
"""

from __future__ import annotations

import hmac
import json
import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from hubsite.health.heartbeat import Pulse
from hubsite.start.parts import edge_secret

from ..models import ServiceInstance
from . import decisions, reports
from .decisions import Question
from .reports import MOST_GRANTS, MOST_USES, Use
from .secrets import LONGEST

MOST_BYTES = 512 * 1024
LONGEST_BEARER = 16 * 1024
_ID = ServiceInstance._meta.get_field("instance_id").max_length
_pulse = Pulse("edge")


class BadQuestion(ValueError):
    """The body is not as agreed."""


def for_the_edge(answer: Callable[[Any], dict[str, Any]]) -> Callable[..., HttpResponse]:
    """Make a view of a function of the parsed body."""

    @csrf_exempt
    @never_cache
    @wraps(answer)
    def view(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Edge {edge_secret()}".encode()):
            raise Http404
        if request.method != "POST":
            return JsonResponse({"message": "POST is expected"}, status=405)
        try:
            return JsonResponse(answer(_document(request)))
        except BadQuestion as fault:
            return JsonResponse({"message": str(fault)}, status=400)

    return view


@for_the_edge
def decide(document: dict[str, Any]) -> dict[str, Any]:
    """Whether somebody may use an instance now, and where it is."""
    return decisions.decide(
        Question(
            instance=_text(document, "instance", _ID) or "",
            session=_text(document, "session", LONGEST),
            ticket=_text(document, "ticket", LONGEST),
            link=_text(document, "link", LONGEST),
            bearer=_text(document, "bearer", LONGEST_BEARER),
            wake=document.get("wake") is True,
        )
    )


@for_the_edge
def report(document: dict[str, Any]) -> dict[str, Any]:
    """Record uses; answer which rights have ended."""
    _pulse.beat()
    uses, grants = document.get("uses", []), document.get("grants", [])
    if not isinstance(uses, list) or len(uses) > MOST_USES:
        raise BadQuestion(f"uses: a list of at most {MOST_USES} is expected")
    if not isinstance(grants, list) or len(grants) > MOST_GRANTS:
        raise BadQuestion(f"grants: a list of at most {MOST_GRANTS} is expected")
    if not all(isinstance(grant, str) and len(grant) <= LONGEST for grant in grants):
        raise BadQuestion(f"grants: texts of at most {LONGEST} characters are expected")
    return reports.record([_use(use) for use in uses], grants)


def _document(request: HttpRequest) -> dict[str, Any]:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise BadQuestion(f"at most {MOST_BYTES} bytes are expected")
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadQuestion("a JSON object is expected")
    return document


def _use(use: Any) -> Use:
    if not isinstance(use, dict):
        raise BadQuestion("uses: objects are expected")
    at, open_now = use.get("at", 0), use.get("open", 0)
    is_time = isinstance(at, int | float) and not isinstance(at, bool) and math.isfinite(at)
    if not is_time or not isinstance(open_now, int):
        raise BadQuestion("uses: numbers at and open are expected")
    return Use(
        instance=_text(use, "instance", _ID) or "",
        at=float(at),
        by=_text(use, "by", 40) or "a request",
        open=open_now,
    )


def _text(document: dict[str, Any], name: str, longest: int) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise BadQuestion(f"{name}: a text of at most {longest} characters is expected")
    return value
