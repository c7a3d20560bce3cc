"""The worker's ticks. Each takes seconds, may be lost or repeated, and never waits for a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone
from django_q.models import Failure

from accounts import tasks as accounts_tasks
from hubsite.coordination.wake_up import wake_up
from hubsite.health import heartbeat

from . import launching, outputs, removal
from .models import IdempotencyKey, Job, JobDocument


def remove_soon(jobs: Iterable[Job]) -> None:
    """Have the worker remove the objects of these jobs."""
    names: dict[str, list[str]] = defaultdict(list)
    for job in jobs:
        names[job.engine].append(job.job_id)
    for engine, its_names in names.items():
        wake_up("jobs.tasks.remove_objects", its_names, engine)


def launch_due() -> None:
    launching.launch_due()


def remove_objects(names: list[str], engine_name: str) -> None:
    """End and remove objects of an engine whose jobs are over."""
    removal.remove(names, engine_name)


def remove_outputs() -> None:
    """Remove what failed runs wrote. Waits for a store, so it is a tick of its own."""
    outputs.remove_due()


def sweep() -> None:
    """Find what a lost wake-up missed; the observer asks for it every few seconds."""
    heartbeat.beat("worker")
    outputs.ask_for_due()
    launching.launch_missing()
    launching.launch_due()
    accounts_tasks.sweep()


def housekeeping() -> None:
    """Once an hour: forget what nobody can ask for any more."""
    accounts_tasks.housekeeping()
    yesterday = timezone.now() - timedelta(days=1)
    IdempotencyKey.objects.filter(created_at__lt=yesterday).delete()
    JobDocument.objects.filter(code__isnull=False, job__finished_at__lt=yesterday).update(code=None)
    JobDocument.objects.filter(job__launched_at=None, job__finished_at__lt=yesterday).update(
        request={}, estimate={}
    )
    Failure.objects.filter(stopped__lt=yesterday).delete()
