"""Health probes over HTTP: liveness and readiness of the web process, and all parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from . import parts
from .database_faults import RETRY_AFTER_S

_details: dict[str, Callable[[], Any]] = {}


def detail(name: str, tell: Callable[[], Any]) -> None:
    """Have readiness show what `tell` returns, under that name; it decides nothing."""
    _details[name] = tell


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Liveness: 200 as long as the process answers. If it does not, only a restart helps."""
    return JsonResponse({"status": "alive"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Readiness: 200 if the web process can serve requests, else 503. For load balancers."""
    view = parts.look()
    return _answer(view, is_well=view.is_ready)


@require_safe
def whole(request: HttpRequest) -> JsonResponse:
    """200 if every part works, else 503. For monitoring that alerts an operator."""
    view = parts.look()
    return _answer(view, is_well=view.is_whole)


def _answer(view: parts.View, *, is_well: bool) -> JsonResponse:
    status = "not ready" if not view.is_ready else "ready" if view.is_whole else "degraded"
    body: dict[str, Any] = {
        "status": status,
        "checks": {name: _short(view.findings[name]) for name in ("database", "migrations")},
        "parts": {name: _full(finding) for name, finding in view.findings.items()},
        "services": [vars(service) for service in view.services],
    }
    if view.is_ready:
        for name, tell in _details.items():
            try:
                body[name] = tell()
            except (DatabaseError, InterfaceError):
                body[name] = None
    response = JsonResponse(body, status=200 if is_well else 503)
    response["Cache-Control"] = "no-store"
    if not is_well:
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _short(finding: parts.Finding) -> dict[str, Any]:
    return {"ok": True} if finding.is_ok else {"ok": False, "message": finding.message}


def _full(finding: parts.Finding) -> dict[str, Any]:
    since = (
        finding.since.isoformat(timespec="seconds").replace("+00:00", "Z")
        if finding.since
        else None
    )
    told: dict[str, Any] = {"ok": finding.is_ok, "since": since}
    if not finding.is_ok:
        told |= {"message": finding.message, "remedy": finding.remedy}
    return told
