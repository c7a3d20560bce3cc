"""Which queued jobs run next, and bringing them into the engine.

The row moves first (QUEUED → LAUNCHED) under one lock, so that limits are exact; the object
is made afterwards. Where that was cut off, `launch_missing` makes what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from hubsite.coordination import lock
from hubsite.coordination.cool_down import CoolDown
from hubsite.engines import get_engine
from hubsite.engines.base import AlreadyEnded, EngineUnavailable, LaunchRefused, NotYet

from . import lifecycle, vault
from .models import Job, JobQuerySet, Reason, State
from .request import InvalidRequest
from .stores.catalogue import StoresFileError
from .workload import build_workload

logger = logging.getLogger(__name__)

ACTOR = "worker"
COOL_DOWN = CoolDown("launching", seconds=4)
"""After an engine was unreachable; shorter than the time between two sweeps, which ends it."""
UNMADE_AFTER = timedelta(seconds=10)
"""A launch that was cut off is repeated after this long."""
MOST_AT_ONCE = 500
"""A tick takes seconds; the next one does the rest."""
UNSEEN_AFTER = timedelta(seconds=30)
"""An object that was made, but not seen in the engine for this long, is made again."""


def launch_due() -> int:
    """Launch as many queued jobs as there are free places; returns how many."""
    launched = 0
    # Not only the engine of now: jobs of another may still be queued when operators change it.
    due = Job.objects.due().exclude(COOL_DOWN.is_on_for("engine"))
    for engine in due.order_by().values_list("engine", flat=True).distinct():
        # One first: where the engine is away, the others keep their turn, and go as soon as it
        # is back; what is claimed, but not made, is looked at again only after a while.
        for most in (1, MOST_AT_ONCE):
            claimed = claim_due(engine, most=most)
            launched += len(claimed)
            if not claimed or _launch_all(claimed):
                break
    return launched


def _launch_all(jobs: Iterable[Job]) -> set[str]:
    """Launch each; one that cannot be launched must not keep the others waiting.

    Where an engine is away or full, its others would wait in vain: `launch_missing` has them.
    Returns the names of these engines.
    """
    made: list[int] = []
    away: set[str] = set()
    try:
        for some in _portions(jobs):
            for job, call in _begin([job for job in some if job.engine not in away]):
                try:
                    if _came_of(job, call):
                        made.append(job.pk)
                except (OperationalError, InterfaceError):
                    raise
                except EngineUnavailable as error:
                    _tell_why(job, error.shown)
                    if job.engine not in away:
                        logger.warning("%s and others wait to be launched: %s", job.job_id, error)
                        away.add(job.engine)
                        COOL_DOWN.start(job.engine)
                except Exception:
                    logger.exception("%s could not be launched; it will be tried again", job.job_id)
    finally:
        Job.objects.filter(pk__in=made).update(made_at=timezone.now())
    return away


def _portions(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """What is launched together: as many as the engine takes at once, but the first by itself,
    so that an engine that is away is asked but once."""
    for engine, group in groupby(jobs, key=lambda job: job.engine):
        its = list(group)
        yield its[:1]
        size = get_engine(engine).launches_at_once if its[1:] else 1
        yield from (its[start : start + size] for start in range(1, len(its), size))


def _begin(jobs: Sequence[Job]) -> list[tuple[Job, Future[None]]]:
    """Have the objects of these made; ends when all calls have. Rows are read before: engines
    know of none, so that their calls may go into threads."""
    rows = Job.objects.filter(pk__in=[job.pk for job in jobs], state=State.LAUNCHED)
    still = set(rows.values_list("pk", flat=True))  # not cancelled since they were claimed
    jobs = [job for job in jobs if job.pk in still]
    if len(jobs) < 2:
        return [(job, _call(job, _now)) for job in jobs]
    with ThreadPoolExecutor(len(jobs)) as threads:
        return [(job, _call(job, threads.submit)) for job in jobs]


def _call(job: Job, submit: Callable[..., Future[None]]) -> Future[None]:
    built = _now(lambda: (get_engine(job.engine), build_workload(job)))
    if built.exception() is not None:
        return built
    engine, workload = built.result()
    return submit(engine.launch, workload)


def _now(do: Callable[..., Any], *args: Any) -> Future[Any]:
    done: Future[Any] = Future()
    try:
        done.set_result(do(*args))
    except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
        done.set_exception(error)
    return done


def _tell_why(job: Job, why: str) -> None:
    """Its owner sees why it waits; addresses and paths are for the log."""
    waiting = Job.objects.filter(pk=job.pk, state=State.LAUNCHED)
    waiting.update(message=f"Waiting to be launched: {why}."[:1000])


def claim_due(engine: str, *, most: int = MOST_AT_ONCE) -> list[Job]:
    """Move the jobs that are next from QUEUED to LAUNCHED, exactly up to the engine's places;
    at `most` so many at once."""
    places = get_engine(engine).places
    with transaction.atomic():
        lock.hold("launch")
        free = places - Job.objects.on(engine).placed().count()
        free = min(free, most)
        if free <= 0:
            return []
        return [
            job
            for job in choose(engine, free)
            if lifecycle.move(job, State.LAUNCHED, actor=ACTOR, launched_at=timezone.now())
        ]


def choose(engine: str, free: int) -> list[Job]:
    """The next `free` queued jobs of an engine in the order of fair shares.

    A job's turn is the number of its owner's jobs that run or are ahead of it: everyone's
    first comes before anyone's second. Among equals the oldest is first.
    """
    running = dict(
        Job.objects.on(engine)
        .placed()
        .values_list("owner")
        .annotate(n=Count("id"))
        .values_list("owner", "n")
    )
    most = settings.HUB["XCUBE_HUB_RUNNING_PER_USER"] or free + sum(running.values())
    ranked = (
        Job.objects.on(engine)
        .due()
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
    jobs = _to_launch(Job.objects.all()).in_bulk(chosen)
    return [jobs[pk] for pk in chosen if pk in jobs]


def _to_launch(jobs: JobQuerySet) -> JobQuerySet:
    """With what their workloads are made of, but for uploaded code: that of all at once is too
    much to hold."""
    return jobs.select_related("document", "owner").defer("document__code")


def launch(job: Job) -> bool:
    """Make the object of a job that is LAUNCHED. Repeating it makes no second one.

    False where it was not made, and must not or need not be now. Raises EngineUnavailable.
    """
    return any(_came_of(job, call) for job, call in _begin([job]))


def _came_of(job: Job, call: Future[None]) -> bool:
    """Write down what came of a launch; True if the object is there."""
    try:
        call.result()
        return True
    except NotYet as error:
        logger.warning("%s waits to be launched: %s", job.job_id, error)
        _tell_why(job, str(error))
    except StoresFileError as error:
        logger.warning("%s waits to be launched: %s", job.job_id, error)
        _tell_why(job, "the hub's list of data stores cannot be read")
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
    return False


def launch_missing() -> int:
    """Launch again what was claimed, but not made, or made and not seen in the engine since."""
    now = timezone.now()
    missing = _to_launch(
        Job.objects.placed()
        .filter(state=State.LAUNCHED)
        .exclude(COOL_DOWN.is_on_for("engine"))
        .filter(
            Q(made_at=None, launched_at__lt=now - UNMADE_AFTER)
            | Q(made_at__lt=now - UNSEEN_AFTER, seen_at=None)
        )
        .order_by("id")
    )[:MOST_AT_ONCE]
    _launch_all(missing)
    return len(missing)
