"""Metrics for Prometheus; only a scraper on this machine and operators may read them.

Besides the metrics of django-prometheus there are gauges of our own. Apps register them:

    metrics.register(collect)   # a function that yields prometheus_client metrics
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from . import parts
from .database_faults import why_unavailable

logger = logging.getLogger(__name__)

KEPT_S = 10.0
"""Counting a million jobs takes a while, and scrapers ask every 15 s or more rarely."""

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")

Collect = Callable[[], Iterable[Metric]]


class _Ours:
    """The gauges that apps registered, as one collector of prometheus_client."""

    def __init__(self) -> None:
        self._kept_s: dict[Collect, float] = {}
        self._kept: dict[Collect, tuple[float, list[Metric]]] = {}

    def add(self, collect: Collect, kept_s: float) -> None:
        self._kept_s[collect] = kept_s

    def forget(self) -> None:
        self._kept.clear()

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        failed = 0
        for collect in self._kept_s:
            until, metrics = self._kept.get(collect, (0.0, []))
            if time.monotonic() >= until:
                try:
                    metrics = list(collect())
                except Exception as error:
                    # A gauge that fails must not hide the others.
                    why = why_unavailable(error)
                    logger.warning(
                        "The metrics of %s are missing: %s",
                        collect.__module__,
                        f"the database cannot be used, {why}" if why else "they failed",
                        exc_info=None if why else error,
                    )
                    failed += 1
                    continue
                self._kept[collect] = (time.monotonic() + self._kept_s[collect], metrics)
            yield from metrics
        yield _gauge("hub_metrics_missing", "Groups of metrics that could not be read.", failed)


_ours = _Ours()
_registry = CollectorRegistry()
_registry.register(_ours)


def register(collect: Collect, *, kept_s: float = KEPT_S) -> None:
    """Make `/metrics` show what `collect` yields. It is called at most once in `kept_s` seconds."""
    _ours.add(collect, kept_s)


def forget() -> None:
    """Forget what was collected, so that the next request collects again."""
    _ours.forget()


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def of_parts() -> Iterator[Metric]:
    """Gauges that say which parts work, and which services are open."""
    view = parts.look()
    up = GaugeMetricFamily("hub_part_up", "1 if the part does its work.", labels=["part"])
    since = GaugeMetricFamily(
        "hub_part_since_timestamp_seconds", "Since when it does, or does not.", labels=["part"]
    )
    for name, finding in view.findings.items():
        up.add_metric([name], int(finding.is_ok))
        if finding.since:
            since.add_metric([name], finding.since.timestamp())
    services = GaugeMetricFamily(
        "hub_service_ready", "1 if the service is open and works.", labels=["service"]
    )
    for service in view.services:
        services.add_metric([service.name], int(service.status == "Ready"))
    yield from (up, since, services)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not (_is_local(request) or _reads_hub(request)):
        raise PermissionDenied("Metrics are for operators, and for scrapers on this machine.")
    response = ExportToDjangoView(request)
    response.content += generate_latest(_registry)
    return response


def _is_local(request: HttpRequest) -> bool:
    """Whether the request comes from this machine itself, not from a client through a proxy."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    return request.META.get("REMOTE_ADDR") in _LOOPBACK


def _reads_hub(request: HttpRequest) -> bool:
    user = request.user
    may = ("accounts.operate:hub", "accounts.read:hub")
    return user.is_active and any(map(user.has_perm, may))
