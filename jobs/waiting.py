"""Why a job waits: exactly one cause, from what the launch decision itself looks at.

`facts_of` reads the inputs of `jobs/launching.py` for one job, in at most three queries however
many jobs wait. `why` is pure. The causes are in the order in which launching asks for them, so
the first that holds is the one that keeps the job from its launch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Count, Q

from hubsite import switches
from hubsite.engines import find_engine
from jobs.settings import hub

from .launching import COOL_DOWN
from .models import XCUBE_GEN, Job, State

MOST_COUNTED = 1000
"""Of a user's own jobs before this one no more are counted."""


class Cause(StrEnum):
    """What a job waits for."""

    SUSPENDED = "suspended"
    ENGINE_UNKNOWN = "engine unknown"
    ENGINE_AWAY = "engine away"
    OWN_SHARE = "own share"
    NO_PLACE = "no place"
    NEXT = "next"
    STARTING = "starting"


@dataclass(frozen=True)
class Facts:
    """What decides about one job. The counts are of the job's engine."""

    state: str
    is_suspended: bool
    is_engine_known: bool
    is_engine_away: bool
    capacity: int
    placed: int
    """Jobs that hold a place."""
    own_placed: int
    """Those of them that belong to the job's owner."""
    own_before: int
    """Waiting jobs of the same owner that come before it; at most MOST_COUNTED."""
    own_limit: int
    """Jobs of one user that may run at once; 0: any number."""


@dataclass(frozen=True)
class Waiting:
    """The cause, in words, with what helps."""

    cause: Cause
    text: str
    remedy: str
    own_before: int


def why(facts: Facts) -> Cause | None:
    """The one cause of waiting; None if the job runs or has ended."""
    if facts.state != State.QUEUED:
        return Cause.STARTING if facts.state == State.LAUNCHED else None
    if facts.is_suspended:
        return Cause.SUSPENDED
    if not facts.is_engine_known:
        return Cause.ENGINE_UNKNOWN
    if facts.is_engine_away:
        return Cause.ENGINE_AWAY
    # The job's turn is its number among its owner's jobs that run or wait (launching.choose).
    if facts.own_limit and facts.own_placed + facts.own_before + 1 > facts.own_limit:
        return Cause.OWN_SHARE
    if facts.placed >= facts.capacity:
        return Cause.NO_PLACE
    return Cause.NEXT


def facts_of(job: Job) -> Facts:
    """The inputs of the launch decision for this job, as they are now."""
    engine = find_engine(job.engine)
    placed = Job.objects.on(job.engine).placed().order_by()
    counts = placed.aggregate(all=Count("pk"), own=Count("pk", filter=Q(owner=job.owner_id)))
    before = Job.objects.ahead_of(job).order_by()
    return Facts(
        state=job.state,
        is_suspended=switches.suspension(XCUBE_GEN) is not None,
        is_engine_known=engine is not None,
        is_engine_away=engine is not None and COOL_DOWN.is_on(job.engine),
        capacity=engine.runs.capacity if engine is not None else 0,
        placed=counts["all"],
        own_placed=counts["own"],
        own_before=len(before.values_list("pk")[:MOST_COUNTED]),
        own_limit=hub.running_per_user,
    )


def waiting_of(job: Job) -> Waiting | None:
    """Why the job waits, for people; None if it does not."""
    if job.state not in (State.QUEUED, State.LAUNCHED):
        return None
    if job.state == State.LAUNCHED:
        return Waiting(Cause.STARTING, *_WORDS[Cause.STARTING], own_before=0)
    facts = facts_of(job)
    cause = why(facts)
    if cause is None:
        return None
    text, remedy = _WORDS[cause]
    return Waiting(
        cause,
        text.format(limit=facts.own_limit, capacity=facts.capacity),
        remedy,
        facts.own_before,
    )


_WORDS = {
    Cause.SUSPENDED: (
        "Operators have suspended cube generation.",
        "Nothing to do: waiting jobs start when it is resumed.",
    ),
    Cause.ENGINE_UNKNOWN: (
        "This version of the hub does not know where the job should run.",
        "Tell the operators, or cancel it and submit it again.",
    ),
    Cause.ENGINE_AWAY: (
        "What runs the jobs does not answer just now.",
        "Nothing to do: the hub tries again every few seconds.",
    ),
    Cause.OWN_SHARE: (
        "You may run {limit} at once, and your earlier jobs come first.",
        "It starts when one of them ends. Cancel those that you do not need.",
    ),
    Cause.NO_PLACE: (
        "All {capacity} places are taken.",
        "It starts when places become free. Users take turns, so one who has few jobs waits least.",
    ),
    Cause.NEXT: ("It starts within seconds, if no one else is before it.", "Nothing to do."),
    Cause.STARTING: ("Its run is being started.", "Nothing to do."),
}
