"""What operators change about jobs that wait: their priority, and the engine that will run them.

Both hold the lock of the launch decision, so no job is launched halfway through a change. A job
that was launched meanwhile is left as it is.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from hubsite import audit
from hubsite.coordination import lock
from hubsite.coordination.wake_up import wake_up
from hubsite.engines import NAMES, find_engine
from hubsite.health.heartbeat import STALE_AFTER, Heartbeat
from hubsite.refusals import Kind, Refused
from jobs.settings import hub

from ..models import Job, JobEvent, OpenPrediction, Priority, State

MOST_AT_ONCE = 5_000
"""Of the jobs that an operator chooses."""


def set_priority(jobs: QuerySet[Job], priority: Priority, *, actor: str) -> int:
    """Give those of `jobs` that wait this priority; returns how many had another."""
    return _change(
        jobs.exclude(priority=priority),
        action="job.prioritised",
        said=f"Priority: {priority.name.lower()}.",
        actor=actor,
        priority=priority,
    )


def followed_engines() -> list[str]:
    """The engines that run jobs now: one that no process follows would never say what it did."""
    alive = Heartbeat.objects.filter(
        part="follower", name__in=NAMES, at__gt=Now() - STALE_AFTER, at__lte=Now()
    )
    return sorted(alive.values_list("name", flat=True))


def move_to_engine(jobs: QuerySet[Job], engine: str, *, actor: str) -> int:
    """Let another engine run those of `jobs` that wait; returns how many.

    Raises Refused if there is no such engine, if no process follows it, or if it must not run
    users' code and one of the jobs brings some. A job that has been launched is cancelled and run
    again instead.
    """
    if engine not in NAMES or find_engine(engine) is None:
        raise Refused(f"this hub has no engine {engine!r}", field="engine", kind=Kind.UNSUPPORTED)
    if engine not in followed_engines():
        raise Refused(
            f"no process follows the engine {engine!r}: start `manage.py observe --engine "
            f"{engine}` first",
            field="engine",
            kind=Kind.CONFLICT,
        )
    waiting = jobs.exclude(engine=engine)
    takes_code = engine != "local" or hub.local_user_code
    if not takes_code and waiting.filter(state=State.QUEUED, has_user_code=True).exists():
        raise Refused(
            "this machine runs no users' code, because it cannot isolate it, and one of the jobs "
            "brings some",
            field="engine",
            kind=Kind.UNSUPPORTED,
        )
    return _change(
        waiting,
        action="job.moved",
        said=f"Moved to the engine {engine}.",
        actor=actor,
        engine=engine,
    )


@transaction.atomic
def _change(jobs: QuerySet[Job], *, action: str, said: str, actor: str, **fields: object) -> int:
    lock.hold("launch")
    pks = _waiting(jobs)
    Job.objects.lock(pks)
    pks = _waiting(Job.objects.filter(pk__in=pks))  # not cancelled meanwhile
    Job.objects.filter(pk__in=pks).update(**fields)
    # These were predictions of another place: how wrong they are teaches nothing.
    OpenPrediction.objects.filter(job__in=pks).delete()
    JobEvent.objects.bulk_create(
        [
            JobEvent(
                job_id=pk,
                from_state=State.QUEUED,
                to_state=State.QUEUED,
                message=said,
                actor=actor,
            )
            for pk in pks
        ],
        batch_size=500,
    )
    if pks:
        one = Job.objects.get(pk=pks[0]) if len(pks) == 1 else None
        audit.record(
            action, actor=actor, on=one, detail=said if one else f"{len(pks)} jobs. {said}"
        )
        wake_up("jobs.tasks.launch_due")
    return len(pks)


def _waiting(jobs: QuerySet[Job]) -> Collection[int]:
    waiting = jobs.filter(is_live=True, state=State.QUEUED).order_by("pk")
    return list(waiting.values_list("pk", flat=True)[:MOST_AT_ONCE])
