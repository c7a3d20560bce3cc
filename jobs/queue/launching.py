"""Launches queued jobs: chooses the next ones, and makes their objects in the engine.

The row moves first (QUEUED → LAUNCHED) under one lock, so that limits are exact. The object is
made afterwards. If the process dies in between, `launch_missing` makes the missing objects.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from hubsite import switches
from hubsite.coordination import lock
from hubsite.coordination.clock import SKEW
from hubsite.coordination.cool_down import CoolDown
from hubsite.engines import find_engine
from hubsite.engines.draining import is_drained_for
from hubsite.engines.outcomes import Applied, Outcome
from hubsite.engines.place import Engine
from hubsite.engines.specs import Run
from jobs.settings import hub

from .. import lifecycle
from ..models import XCUBE_GEN, Job, JobQuerySet, Reason, State
from ..request import InvalidRequest
from ..running import vault
from ..running.workload import build_run
from ..stores.stores_file import StoresFileError

logger = logging.getLogger(__name__)

ACTOR = "worker"
COOL_DOWN = CoolDown("launching", seconds=4)
"""The cool-down after an engine was unreachable; shorter than the time between two sweeps."""
UNMADE_AFTER = timedelta(seconds=10)
"""A launch that was interrupted is repeated after this time."""
MOST_AT_ONCE = 500
"""A tick should take seconds; the next one launches the rest."""
UNSEEN_AFTER = timedelta(seconds=30)
"""If an object was made but is not seen in the engine for this time, it is made again."""
APPLIED_AT_ONCE = 16
"""Runs that are built together. Each may hold 10 MB of uploaded code."""


def launch_due() -> int:
    """Launch as many queued jobs as there are free places; returns how many.

    None while operators have suspended cube generation, and none on an engine that they drain:
    queued jobs wait until it is resumed.
    """
    launched = 0
    if switches.suspension(XCUBE_GEN) is not None:
        return 0
    # All engines: jobs of the former one may still be queued after operators changed the setting.
    due = Job.objects.due().exclude(COOL_DOWN.is_on_for("engine")).exclude(is_drained_for("engine"))
    for engine in _engines(due):
        # Launch one first: if the engine is unreachable, the others stay queued and are launched
        # as soon as it is back. A job that is claimed but not made is retried only after a while.
        for most in (1, MOST_AT_ONCE):
            claimed = claim_due(engine, most=most)
            launched += len(claimed)
            if not claimed or not launch(engine, claimed):
                break
    return launched


def launch_missing() -> int:
    """Launch jobs again that were claimed but not made, or made but not seen in the engine.

    A time in the future was written by a clock that was wrong: it does not count as recent.
    """
    now = timezone.now()
    missing = (
        Job.objects.placed()
        .filter(state=State.LAUNCHED)
        .exclude(COOL_DOWN.is_on_for("engine"))
        .filter(
            Q(made_at=None)
            & (Q(launched_at__lt=now - UNMADE_AFTER) | Q(launched_at__gt=now + SKEW))
            | Q(seen_at=None) & (Q(made_at__lt=now - UNSEEN_AFTER) | Q(made_at__gt=now + SKEW))
        )
    )
    count = 0
    for engine in _engines(missing):
        jobs = list(_to_launch(missing.on(engine.name)).order_by("id")[:MOST_AT_ONCE])
        launch(engine, jobs)
        count += len(jobs)
    return count


def _engines(jobs: JobQuerySet) -> Iterator[Engine]:
    """The engines of these jobs, without those that this version does not know."""
    for name in jobs.order_by().values_list("engine", flat=True).distinct():
        if (engine := find_engine(name)) is not None:
            yield engine


def launch(engine: Engine, jobs: Sequence[Job]) -> bool:
    """Make the objects of these jobs, which are LAUNCHED. Repeating it makes no second run.

    False if the engine became unreachable: then no one calls it for some seconds, and
    `launch_missing` makes the missing objects.
    """
    made: list[int] = []
    try:
        for start in range(0, len(jobs), APPLIED_AT_ONCE):
            runs = _build(jobs[start : start + APPLIED_AT_ONCE])
            outcomes = engine.runs.apply([run for _, run in runs])
            applied = [(job, outcome) for (job, _), outcome in zip(runs, outcomes, strict=True)]
            made += [job.pk for job, outcome in applied if outcome.outcome is Outcome.MADE]
            for job, outcome in applied:
                _record(job, outcome)
            if not _is_reachable(engine, applied):
                return False
        return True
    finally:
        if made:
            with transaction.atomic():
                Job.objects.lock(made)  # the follower may change the same rows
                Job.objects.filter(pk__in=made).update(made_at=timezone.now())


def _is_reachable(engine: Engine, applied: Sequence[tuple[Job, Applied]]) -> bool:
    """Whether the engine answered; if not, start its cool-down."""
    waiting = [(job, a) for job, a in applied if a.outcome is Outcome.UNREACHABLE]
    if not waiting:
        return True
    COOL_DOWN.start(engine.name)
    job, why = waiting[0]
    logger.warning("%s and others wait to be launched: %s", job.job_id, why.detail)
    _show_why([job for job, _ in waiting], why.message)
    return False


def _build(jobs: Sequence[Job]) -> list[tuple[Job, Run]]:
    """The runs of these jobs, without those that were cancelled or cannot be built."""
    launched = Job.objects.filter(pk__in=[job.pk for job in jobs], state=State.LAUNCHED)
    still = set(launched.values_list("pk", flat=True))  # not cancelled since they were claimed
    runs: list[tuple[Job, Run]] = []
    for job in jobs:
        if job.pk not in still:
            continue
        try:
            runs.append((job, build_run(job)))
        except StoresFileError as error:
            logger.warning("%s waits to be launched: %s", job.job_id, error)
            _show_why([job], "the hub's list of data stores cannot be read")
        except (InvalidRequest, vault.Unreadable) as error:
            message = f"The job could not be launched: {error}"
            lifecycle.fail(job, Reason.LAUNCH, message, actor=ACTOR)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # A job that cannot be launched must not stop the others.
            logger.exception("%s could not be launched; it will be tried again", job.job_id)
    return runs


def _record(job: Job, applied: Applied) -> None:
    """Record the outcome of one launch in the row."""
    match applied.outcome:
        case Outcome.WAITS:
            logger.warning("%s waits to be launched: %s", job.job_id, applied.detail)
            _show_why([job], applied.message)
        case Outcome.ENDED:
            message = "A run of this job ended, but what it said was lost."
            lifecycle.fail(job, Reason.LOST, message, actor=ACTOR)
        case Outcome.REFUSED:
            message = f"The job could not be launched: {applied.message}"
            lifecycle.fail(job, Reason.REJECTED, message, actor=ACTOR)


def _show_why(jobs: Sequence[Job], why: str) -> None:
    """Show the owners why their jobs wait; addresses and paths only go to the log."""
    if why:
        waiting = Job.objects.filter(pk__in=[job.pk for job in jobs], state=State.LAUNCHED)
        waiting.update(message=f"Waiting to be launched: {why}."[:1000])


def claim_due(engine: Engine, *, most: int = MOST_AT_ONCE) -> list[Job]:
    """Move the next jobs from QUEUED to LAUNCHED, up to the engine's free places.

    At most `most` of them. The number is exact, because claims are made under one lock.
    """
    capacity = engine.runs.capacity
    with transaction.atomic():
        lock.hold("launch")
        free = capacity - Job.objects.on(engine.name).placed().count()
        free = min(free, most)
        if free <= 0:
            return []
        return [
            job
            for job in choose(engine.name, free)
            if lifecycle.move(job, State.LAUNCHED, actor=ACTOR, launched_at=timezone.now())
        ]


def choose(engine: str, free: int) -> list[Job]:
    """The next `free` queued jobs of an engine in the order of fair shares.

    A job's turn is the number of its owner's jobs that run already or were queued before it. So
    every user's first job comes before any user's second. Of equal turns the oldest is first.
    Operators may give a job another priority: urgent ones come before all turns, later ones after
    them. How many jobs of one user may run at once holds for all.
    """
    running = dict(
        Job.objects.on(engine)
        .placed()
        .values_list("owner")
        .annotate(n=Count("id"))
        .values_list("owner", "n")
    )
    most = hub.running_per_user or free + sum(running.values())
    ranked = (
        Job.objects.on(engine)
        .due()
        .exclude(is_drained_for("engine"))  # again: drained meanwhile
        .annotate(
            rank=Window(
                RowNumber(),
                partition_by=F("owner_id"),
                order_by=[F("priority").asc(), F("id").asc()],
            )
        )
        .filter(rank__lte=free)
        .values_list("priority", "rank", "pk", "owner_id")
    )
    turns = sorted(
        (priority, turn, pk)
        for priority, rank, pk, owner_id in ranked
        if (turn := rank + running.get(owner_id, 0)) <= most
    )
    chosen = [pk for *_, pk in turns[:free]]
    jobs = _to_launch(Job.objects.all()).in_bulk(chosen)
    return [jobs[pk] for pk in chosen if pk in jobs]


def _to_launch(jobs: JobQuerySet) -> JobQuerySet:
    """These jobs with everything that their runs are built from, except uploaded code.

    The code of hundreds of jobs would not fit into memory, so it is read for each run.
    """
    return jobs.select_related("document", "owner").defer("document__code")
