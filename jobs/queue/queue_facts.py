"""What decides when a job is launched, read in at most three queries for each engine.

A short queue is read whole, so its places are those of this instant. Of a long one only the
owner's part is counted, and the place comes from the worker's latest forecast.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from hubsite import switches
from hubsite.compiled_queries import CompiledQuery
from hubsite.engines import draining, find_engine, run_places
from jobs.settings import hub

from ..models import XCUBE_GEN, Job, Priority, State
from ..prediction.asking import Start, forecast_of, start_of
from ..prediction.queue_order import NEWEST, launch_order
from ..prediction.simulation import Queue, Running, Waiting
from .launching import COOL_DOWN

SHORT = 100
"""Jobs of a queue that is read whole."""
MOST_COUNTED = 500
"""Of a user's own jobs before this one no more are counted."""


@dataclass(frozen=True)
class Place:
    """Where a job stands among all that wait for the same engine, and when it starts."""

    number: int | None = None
    """From 1; None if it is not known."""
    is_exact: bool = True
    queue_length: int | None = None
    own_before: int = 0
    """Waiting jobs of the same owner that are launched before this one."""
    start: Start = Start()
    as_of: datetime | None = None
    """When this was worked out; None: just now."""


@dataclass(frozen=True)
class Facts:
    """What decides about one job. The counts are of the job's engine."""

    state: str
    pending_reason: str = ""
    """Why its run has not begun, if the engine said so (`hubsite/engines/facts.py`, `Reason`)."""
    is_suspended: bool = False
    is_engine_known: bool = True
    is_engine_drained: bool = False
    is_engine_away: bool = False
    capacity: int = 0
    placed: int = 0
    """Jobs that hold a place."""
    own_placed: int = 0
    """Those of them that belong to the job's owner."""
    own_limit: int = 0
    """Jobs of one user that may run at once; 0: any number."""
    place: Place = Place()

    @property
    def turn(self) -> int:
        """The job's number among its owner's jobs that run or wait (launching.choose)."""
        return self.own_placed + self.place.own_before + 1

    @property
    def is_own_share_used(self) -> bool:
        return 0 < self.own_limit < self.turn


def facts_of(jobs: Sequence[Job]) -> Iterator[tuple[Job, Facts]]:
    """Each job with the inputs of the launch decision, as they are now."""
    engines: dict[tuple[str, int], _Engine] = {}
    for job in jobs:
        if job.state != State.QUEUED:
            yield job, _of_started(job)
            continue
        key = (job.engine, job.owner_id)
        if key not in engines:
            engines[key] = _Engine(*key)
        if engines[key].has_left(job.priority, job.pk):
            yield job, _facts_anew(job)
        else:
            yield job, engines[key].facts(job.priority, job.pk, job.created_at)


def _of_started(job: Job) -> Facts:
    """The facts about a job that is not in the queue."""
    is_unmade = job.state == State.LAUNCHED and job.made_at is None
    is_away = is_unmade and COOL_DOWN.is_on(job.engine)
    return Facts(job.state, job.pending_reason, is_engine_away=is_away)


def _facts_anew(read: Job) -> Facts:
    """The facts about a job that changed after its row was read: it is read once more."""
    job = Job.objects.filter(pk=read.pk).first()
    if job is None:
        return Facts(State.CANCELLED)
    if job.state != State.QUEUED:
        return _of_started(job)
    return _Engine(job.engine, job.owner_id).facts(job.priority, job.pk, job.created_at)


def facts_of_new(owner_id: int, engine: str) -> Facts:
    """The same for a job that this user may submit now."""
    return _Engine(owner_id=owner_id, name=engine).facts(Priority.NORMAL, NEWEST, None)


class _Engine:
    """The queue of one engine, as one owner's jobs see it."""

    def __init__(self, name: str, owner_id: int) -> None:
        self._owner_id = owner_id
        self._engine = find_engine(name)
        self._is_drained = draining.drained(name) is not None
        self._forecast = forecast_of(name)
        self._runs = list(_RUNS.rows(engine=name))
        self._held = Counter(owner for owner, _ in self._runs)
        is_long = self._forecast is not None and self._forecast.order.waiting > SHORT
        line = [] if is_long else list(_LINE.rows(engine=name, cool_down=_cool_down(name)))
        self._is_short = not is_long and len(line) <= SHORT
        if not self._is_short:
            line = list(_OWN.rows(engine=name, owner_id=owner_id, cool_down=_cool_down(name)))
        self._is_away = line[0][-1] if line else COOL_DOWN.is_on(name)
        self._line = [(owner, priority, pk) for owner, priority, pk, _ in line]
        self._own = sorted(line[1:] for line in self._line if line[0] == owner_id)

    def facts(self, priority: int, pk: int, created_at: datetime | None) -> Facts:
        """The facts about a job of the owner's; `created_at` is None if it is not submitted yet."""
        own_before = bisect.bisect_left(self._own, (priority, pk))
        forecast, found, number, is_exact = self._forecast, None, None, True
        if forecast is not None and own_before >= MOST_COUNTED:
            own_before = max(own_before, forecast.order.before(self._owner_id, (priority, pk)))
        turn = self._held[self._owner_id] + own_before + 1
        key = (0 < hub.running_per_user < turn, int(priority), turn, pk)
        if forecast is not None:
            found = forecast.order.find(key)
            number, is_exact = found.place, found.is_exact
        if self._is_short:
            number, is_exact = self._place(priority, pk), True
        is_new = forecast is None or created_at is None or created_at > forecast.made_at
        return Facts(
            state=State.QUEUED,
            is_suspended=switches.suspension(XCUBE_GEN) is not None,
            is_engine_known=self._engine is not None,
            is_engine_drained=self._is_drained,
            is_engine_away=self._engine is not None and self._is_away,
            capacity=run_places(self._engine),
            placed=len(self._runs),
            own_placed=self._held[self._owner_id],
            own_limit=hub.running_per_user,
            place=Place(
                number,
                is_exact,
                self._length,
                own_before,
                start=start_of(forecast, found, is_new=is_new, priority=int(priority)),
                as_of=forecast.made_at if forecast is not None else None,
            ),
        )

    def _place(self, priority: int, pk: int) -> int:
        """The place in a short queue, as launching takes jobs when runs end."""
        waiting = [Waiting(other, owner, "", first) for owner, first, other in self._line]
        if (self._owner_id, priority, pk) not in self._line:
            waiting.append(Waiting(pk, self._owner_id, "", priority))
        now = timezone.now()
        running = [
            Running(owner, "", (now - (since or now)).total_seconds())
            for owner, since in self._runs
        ]
        capacity = run_places(self._engine)
        queue = Queue(capacity, hub.running_per_user, waiting, running, {})
        return launch_order(queue).index(pk) + 1

    def has_left(self, priority: int, pk: int) -> bool:
        """Whether the job left the queue, or its place in it, after its row was read."""
        is_counted = len(self._own) < MOST_COUNTED or (priority, pk) <= self._own[-1]
        return is_counted and (priority, pk) not in self._own

    @property
    def _length(self) -> int | None:
        if self._is_short:
            return len(self._line)
        return self._forecast.order.waiting if self._forecast is not None else None


def _cool_down(engine: str) -> str:
    return COOL_DOWN.name_of(engine)


def _due(engine: str, cool_down: str) -> Any:
    rows = Job.objects.on(engine).due().annotate(away=COOL_DOWN.is_on_under(cool_down))
    return rows.values_list("owner_id", "priority", "pk", "away")


_EXAMPLES = {"engine": "<engine>", "cool_down": "<cool-down>"}
_RUNS = CompiledQuery(
    lambda engine: (
        Job.objects.on(engine).placed().order_by("pk").values_list("owner_id", "launched_at")
    ),
    engine="<engine>",
)
_LINE = CompiledQuery(
    lambda engine, cool_down: _due(engine, cool_down).order_by()[: SHORT + 1], **_EXAMPLES
)
_OWN = CompiledQuery(
    lambda engine, cool_down, owner_id: (
        _due(engine, cool_down).filter(owner=owner_id).order_by("priority", "pk")[:MOST_COUNTED]
    ),
    owner_id=-1,
    **_EXAMPLES,
)
