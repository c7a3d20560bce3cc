"""Which queued jobs run next, and bringing them into the engine.

The row moves first (QUEUED → LAUNCHED) under one lock, so that limits are exact; the object
is made afterwards. Where that was cut off, `launch_missing` makes what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from hubsite.engines import get_engine
from hubsite.engines.base import AlreadyEnded, EngineUnavailable, LaunchRefused

from . import lifecycle, vault
from .models import Job, Lock, Reason, State
from .request import InvalidRequest
from .stores import StoresFileError
from .workload import build_workload

logger = logging.getLogger(__name__)

ACTOR = "worker"
MISSING_AFTER = timedelta(seconds=10)
"""A launched job whose object was never seen for this long is launched again."""


def launch_due() -> int:
    """Launch as many queued jobs as there are free places; returns how many."""
    claimed = claim_due()
    _launch_all(claimed)
    return len(claimed)


def _launch_all(jobs: Iterable[Job]) -> None:
    """Launch each; one that cannot be launched must not keep the others waiting."""
    for job in jobs:
        try:
            launch(job)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("%s could not be launched; it will be tried again", job.job_id)


def claim_due() -> list[Job]:
    """Move the jobs that are next from QUEUED to LAUNCHED, exactly up to the limits."""
    if not Job.objects.due().exists():
        return []
    engine = get_engine(settings.HUB["XCUBE_HUB_ENGINE"])
    with transaction.atomic():
        Lock.objects.select_for_update().get_or_create(name="launch")
        free = engine.places - Job.objects.placed().count()
        if free <= 0:
            return []
        return [
            job
            for job in choose(free)
            if lifecycle.move(job, State.LAUNCHED, actor=ACTOR, launched_at=timezone.now())
        ]


def choose(free: int) -> list[Job]:
    """The next `free` queued jobs in the order of fair shares.

    A job's turn is the number of its owner's jobs that run or are ahead of it: everyone's
    first comes before anyone's second. Among equals the oldest is first.
    """
    running = dict(
        Job.objects.placed().values_list("owner").annotate(n=Count("id")).values_list("owner", "n")
    )
    most = settings.HUB["XCUBE_HUB_RUNNING_PER_USER"] or free + sum(running.values())
    ranked = (
        Job.objects.due()
        .annotate(rank=Window(RowNumber(), partition_by=F("owner_id"), order_by=F("id").asc()))
        .filter(rank__lte=free)
        .values_list("rank", "pk", "owner_id")
    )
    turns = sorted(
        (turn, pk)
        for rank, pk, owner_id in ranked
        if (turn := rank + running.get(owner_id, 0)) <= most
    )
    chosen = [pk for _, pk in turns[:free]]
    jobs = Job.objects.select_related("document", "owner").in_bulk(chosen)
    return [jobs[pk] for pk in chosen if pk in jobs]


def launch(job: Job) -> None:
    """Make the object of a job that is LAUNCHED. Repeating it makes no second one."""
    if not Job.objects.filter(pk=job.pk, state=State.LAUNCHED).exists():
        return  # cancelled since it was claimed
    try:
        get_engine(job.engine).launch(build_workload(job))
    except (EngineUnavailable, StoresFileError) as error:
        logger.warning("%s waits to be launched: %s", job.job_id, error)
    except AlreadyEnded:
        lifecycle.move(
            job,
            State.FAILED,
            actor=ACTOR,
            reason=Reason.LOST,
            message="A run of this job ended, but what it said was lost.",
            is_live=False,
        )
    except (LaunchRefused, InvalidRequest, vault.Unreadable) as error:
        lifecycle.move(
            job,
            State.FAILED,
            actor=ACTOR,
            reason=Reason.REJECTED if isinstance(error, LaunchRefused) else Reason.LAUNCH,
            message=f"The job could not be launched: {error}",
            is_live=False,
        )


def launch_missing() -> int:
    """Launch again what was claimed, but has not been seen in the engine since."""
    missing = (
        Job.objects.placed()
        .filter(state=State.LAUNCHED, seen_at=None, launched_at__lt=timezone.now() - MISSING_AFTER)
        .select_related("document", "owner")
    )
    _launch_all(missing)
    return len(missing)
