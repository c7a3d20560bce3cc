"""Gauges of cube generation for `/metrics`: what waits, what runs, how long each step takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from hubsite.health import metrics
from jobs.settings import hub

from .models import FINAL_STATES, Job, JobEvent, State

LATEST = 200
"""Lags are measured on at most this number of jobs, all of the last hour."""
_HOUR = timedelta(hours=1)


def register() -> None:
    metrics.register(of_jobs)


def of_jobs() -> Iterator[Metric]:
    yield _by_state()
    yield _by_reason()
    yield _oldest_queued()
    yield from _places()
    yield _outputs_to_remove()
    yield _lags()


def _by_state() -> Metric:
    gauge = GaugeMetricFamily("hub_jobs", "Jobs in each state.", labels=["state"])
    # Clear the order, because the index cannot be used with it.
    counts = dict(Job.objects.order_by().values_list("state").annotate(n=Count("pk")))
    for state in State:
        gauge.add_metric([state], counts.get(state, 0))
    return gauge


def _by_reason() -> Metric:
    gauge = GaugeMetricFamily(
        "hub_jobs_failed", "Failed jobs, by why they failed.", labels=["reason"]
    )
    failed = Job.objects.exclude(reason="").order_by().values_list("reason")
    for reason, count in failed.annotate(n=Count("pk")):
        gauge.add_metric([reason], count)
    return gauge


def _oldest_queued() -> Metric:
    oldest = Job.objects.due().aggregate(at=Min("created_at"))["at"]
    age = max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0
    return GaugeMetricFamily(
        "hub_oldest_queued_job_seconds", "For how long the oldest queued job waits.", value=age
    )


def _outputs_to_remove() -> Metric:
    return GaugeMetricFamily(
        "hub_outputs_to_remove",
        "Outputs of failed jobs that are still to be removed.",
        value=Job.objects.filter(removal_due_at__isnull=False).count(),
    )


def _places() -> Iterator[Metric]:
    places = GaugeMetricFamily("hub_places", "Jobs that may run at once.", labels=["engine"])
    name = hub.engine
    places.add_metric([name], hub.local_runs if name == "local" else hub.pod_places)
    yield places
    used = GaugeMetricFamily("hub_places_used", "Places that jobs hold.", labels=["engine"])
    held = dict(Job.objects.placed().order_by().values_list("engine").annotate(n=Count("pk")))
    for engine, count in {name: 0, **held}.items():
        used.add_metric([engine], count)
    yield used


def _lags() -> Metric:
    """How long the latest jobs needed from one step of their lives to the next."""
    lags = GaugeMetricFamily(
        "hub_job_lag_seconds",
        "Lag of the latest runs: launch (claimed until made in the engine), observe_begin (made "
        "until seen), observe_end (ended until recorded).",
        labels=["step", "statistic"],
    )
    latest = list(
        Job.objects.order_by("-id").values(
            "pk", "launched_at", "made_at", "seen_at", "finished_at"
        )[:LATEST]
    )
    recently = timezone.now() - _HOUR
    latest = [job for job in latest if job["launched_at"] and job["launched_at"] > recently]
    seen = [job["pk"] for job in latest if job["seen_at"]]
    ends = JobEvent.objects.filter(job__in=seen, to_state__in=FINAL_STATES)
    recorded = dict(ends.order_by().values_list("job_id", "at"))
    steps = {
        "launch": _seconds((job["launched_at"], job["made_at"]) for job in latest),
        "observe_begin": _seconds((job["made_at"], job["seen_at"]) for job in latest),
        "observe_end": _seconds((job["finished_at"], recorded.get(job["pk"])) for job in latest),
    }
    for step, seconds in steps.items():
        if seconds:
            lags.add_metric([step, "median"], seconds[len(seconds) // 2])
            lags.add_metric([step, "max"], seconds[-1])
    return lags


def _seconds(pairs: Iterable[tuple[datetime | None, datetime | None]]) -> list[float]:
    """The duration of each finished step, in order; never negative, even if two clocks differ."""
    return sorted(
        max(0.0, (later - earlier).total_seconds())
        for earlier, later in pairs
        if earlier is not None and later is not None
    )
