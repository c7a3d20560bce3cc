"""Metrics for Prometheus, for this machine's scraper and for operators only."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not (_is_local(request) or _is_operator(request)):
        raise PermissionDenied("Metrics are for operators, and for scrapers on this machine.")
    return ExportToDjangoView(request)


def _is_local(request: HttpRequest) -> bool:
    """From this machine, and not by a proxy on it that passes on somebody's request."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    return request.META.get("REMOTE_ADDR") in _LOOPBACK


def _is_operator(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.has_perm("accounts.operate:hub")
