"""The two endpoints for the edge, `/internal/edge/decide` and `/internal/edge/report`.

Only who knows the edge's secret learns that they exist. Wrong secrets are not counted: the secret
has 256 bits, comparing costs less than counting, and a limit would lock out the edge. Bodies are
small JSON documents; whatever is wrong with one is a fault of the edge, so it is told in one
sentence.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from accounts.sharing.secrets import LONGEST
from hubsite.health.heartbeat import Pulse
from hubsite.start.parts import edge_secret

from . import decisions, reports
from .decisions import Question
from .reports import MOST_GRANTS, MOST_USES, Use

MOST_BYTES = 64 * 1024
LONGEST_BEARER = 16 * 1024
_ID = re.compile(r"[a-z0-9-]{1,63}")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_LARGEST = 1e12
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
            instance=_instance(document),
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
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise BadQuestion(f"at most {MOST_BYTES} bytes are expected")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadQuestion("a JSON object is expected")
    return document


def _use(use: Any) -> Use:
    if not isinstance(use, dict):
        raise BadQuestion("uses: objects are expected")
    return Use(
        instance=_instance(use),
        at=_number(use, "at"),
        by=_text(use, "by", 40) or "a request",
        open=int(_number(use, "open")),
    )


def _instance(document: dict[str, Any]) -> str:
    value = document.get("instance")
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise BadQuestion("instance: the id of a service is expected")
    return value


def _number(document: dict[str, Any], name: str) -> float:
    """A number that is no boolean, neither infinite nor NaN, and not too long to convert."""
    value = document.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadQuestion(f"{name}: a number is expected")
    if not -_LARGEST <= value <= _LARGEST:
        raise BadQuestion(f"{name}: a number of at most {_LARGEST:g} is expected")
    return float(value)


def _text(document: dict[str, Any], name: str, longest: int) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > longest or not _PRINTABLE.fullmatch(value):
        raise BadQuestion(f"{name}: a text of at most {longest} ASCII characters is expected")
    return value
