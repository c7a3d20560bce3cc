"""A hub on a simulated clock: users submit jobs, places become free, the next jobs are launched.

Launching follows the rule of `jobs/queue/launching.py`, written down here once more, so that a
mistake of the simulation in `jobs/prediction/` shows. Operators drain engines, move jobs and change
their priority. An observer of each engine is told what happens, and is asked between which times
waiting jobs will start.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, log
from statistics import median
from typing import Any, Protocol

from .workloads import NORMAL, Workload

Interval = tuple[float, float] | None


@dataclass
class SimulatedJob:
    number: int
    owner: int
    kind: str
    takes_s: float
    submitted_s: float
    engine: int = 0
    priority: int = NORMAL
    launched_s: float | None = None
    ended_s: float | None = None
    touched_s: float = -inf
    """When an operator last changed it: what was said before is void."""

    @property
    def age(self) -> tuple[int, int]:
        """The order in the line of its owner."""
        return self.priority, self.number


class Observer(Protocol):
    """Who predicts for one engine. Times are seconds of the simulated clock."""

    def submitted(self, job: SimulatedJob) -> None: ...
    def launched(self, job: SimulatedJob) -> None: ...
    def ended(self, job: SimulatedJob) -> None: ...
    def changed(self, job: SimulatedJob) -> None: ...
    def left(self, job: SimulatedJob) -> None: ...
    def came(self, job: SimulatedJob) -> None: ...
    def drained(self, is_drained: bool) -> None: ...
    def tick(self, now_s: float) -> None: ...
    def ask(self, job: SimulatedJob, now_s: float) -> Interval: ...


@dataclass
class Look:
    """One question, and the answer."""

    job: SimulatedJob
    at_s: float
    interval: Interval
    is_void: bool = False
    """An operator changed the job, or stopped its engine, before it was launched."""


@dataclass
class Seen:
    """What came of the answers."""

    looks: list[Look] = field(default_factory=list)

    @property
    def answered(self) -> list[Look]:
        return [
            look
            for look in self.looks
            if look.interval and look.job.launched_s is not None and not look.is_void
        ]

    @property
    def coverage(self) -> float:
        """The part of the intervals that held."""
        held = [
            low <= look.job.launched_s <= high
            for look in self.answered
            for low, high in [look.interval]
        ]
        return sum(held) / len(held)

    @property
    def median_width_s(self) -> float:
        return median(high - max(low, look.at_s) for look in self.answered
                      for low, high in [look.interval])  # fmt: skip

    @property
    def median_wait_s(self) -> float:
        return median(look.job.launched_s - look.at_s for look in self.answered)


class World:
    """The engines, their users and operators."""

    def __init__(
        self, workload: Workload, observers: Sequence[Observer], *, seed: int, tick_s: float
    ) -> None:
        self._work = workload
        self._observers = observers
        self._chance = random.Random(f"world {seed}")  # noqa: S311
        self._tick_s = tick_s * workload.slowness
        self._events: list[tuple[float, int, str, Any]] = []
        self._number = 0
        self._lines: list[dict[int, list[SimulatedJob]]] = [
            defaultdict(list) for _ in workload.capacities
        ]
        self._held: list[dict[int, int]] = [defaultdict(int) for _ in workload.capacities]
        self._drained: set[int] = set()
        self._stops: dict[int, list[float]] = defaultdict(list)
        self._left: dict[int, int] = {}
        self._count = 0
        self._new: list[SimulatedJob] = []

    def run(self, jobs: int, *, looks_from: int = 0) -> Seen:
        """Let users submit so many jobs. Asked about is each at its submission, and some later."""
        seen = Seen()
        self._most = jobs
        for owner in range(len(self._work.batches)):
            self._at(self._chance.random() * self._work.pause_s, "comes", owner)
        self._at(self._tick_s, "tick", None)
        if self._work.priority_each_s:
            self._at(self._work.priority_each_s, "prioritises", None)
        if self._work.drain_each_s:
            self._at(self._work.drain_each_s, "drains", 0)
        while self._events:
            now_s, _, what, subject = heapq.heappop(self._events)
            asked = getattr(self, f"_{what}")(subject, now_s) or []
            asked += [job for job in self._launch(now_s) if job not in asked]
            for job in asked:
                if job.number >= looks_from and job.engine not in self._drained:
                    interval = self._observers[job.engine].ask(job, now_s)
                    seen.looks.append(Look(job, now_s, interval))
        for look in seen.looks:
            job = look.job
            look.is_void = look.at_s < job.touched_s or any(
                look.at_s < stop < (job.launched_s or inf) for stop in self._stops[job.engine]
            )
        return seen

    @property
    def _waiting(self) -> list[SimulatedJob]:
        return [job for lines in self._lines for line in lines.values() for job in line]

    @property
    def _goes_on(self) -> bool:
        return self._count < self._most or bool(self._waiting)

    def _at(self, at_s: float, what: str, subject: Any) -> None:
        self._number += 1
        heapq.heappush(self._events, (at_s, self._number, what, subject))

    def _tick(self, _: None, now_s: float) -> list[SimulatedJob]:
        """The observers look; returns a job to ask about."""
        for observer in self._observers:
            observer.tick(now_s)
        if self._goes_on:
            self._at(now_s + self._tick_s, "tick", None)
        waiting = self._waiting
        return self._chance.sample(waiting, min(1, len(waiting)))

    def _comes(self, owner: int, now_s: float) -> None:
        """A user submits a batch."""
        if self._count >= self._most:
            return
        size = self._work.batches[owner]
        size = self._chance.randint(max(1, size // 2), max(1, size * 3 // 2))
        self._left[owner] = size
        kinds = self._work.kinds
        if self._work.is_batch_of_one_kind:
            kinds = [self._chance.choice(kinds)]
        for _ in range(size):
            name, middle, spread = self._chance.choice(kinds)
            takes_s = self._chance.lognormvariate(log(middle), spread)
            engine = self._chance.randrange(len(self._observers))
            job = SimulatedJob(self._count, owner, name, takes_s, now_s, engine)
            self._count += 1
            self._lines[engine][owner].append(job)
            self._observers[engine].submitted(job)
            self._new.append(job)

    def _launch(self, now_s: float) -> list[SimulatedJob]:
        """Fill the free places. Returns the jobs that were just submitted and wait."""
        for engine, observer in enumerate(self._observers):
            lines, held = self._lines[engine], self._held[engine]
            while (
                engine not in self._drained and sum(held.values()) < self._work.capacities[engine]
            ):
                (*_, owner) = min(
                    (
                        (line[0].priority, held[owner] + 1, line[0].number, owner)
                        for owner, line in lines.items()
                        if line and held[owner] < (self._work.limit or inf)
                    ),
                    default=(None,),
                )
                if owner is None:
                    break
                job = lines[owner].pop(0)
                held[owner] += 1
                job.launched_s = now_s
                observer.launched(job)
                self._at(now_s + job.takes_s, "ends", job)
        new, self._new = self._new, []
        return [job for job in new if job.launched_s is None]

    def _ends(self, job: SimulatedJob, now_s: float) -> None:
        self._held[job.engine][job.owner] -= 1
        job.ended_s = now_s
        self._observers[job.engine].ended(job)
        self._left[job.owner] -= 1
        if not self._left[job.owner]:
            pause_s = self._chance.expovariate(1 / self._work.pause_s)
            self._at(self._work.rhythm(now_s + pause_s), "comes", job.owner)

    def _prioritises(self, _: None, now_s: float) -> None:
        """An operator makes one waiting job urgent, or lets it be the last."""
        for job in self._chance.sample(self._waiting, min(1, len(self._waiting))):
            job.priority = self._chance.choice([0, 2])
            job.touched_s = now_s
            self._lines[job.engine][job.owner].sort(key=lambda job: job.age)
            self._observers[job.engine].changed(job)
        if self._goes_on:
            self._at(now_s + self._work.priority_each_s, "prioritises", None)

    def _drains(self, engine: int, now_s: float) -> None:
        """An operator drains an engine, and lets another run half of what waits for it."""
        self._drained.add(engine)
        self._stops[engine].append(now_s)
        self._observers[engine].drained(True)
        other = (engine + 1) % len(self._observers)
        if other != engine:
            waiting = [job for line in self._lines[engine].values() for job in line]
            for job in self._chance.sample(waiting, len(waiting) // 2):
                self._move(job, other, now_s)
        self._at(now_s + self._work.drained_s, "resumes", engine)

    def _resumes(self, engine: int, now_s: float) -> None:
        self._drained.remove(engine)
        self._observers[engine].drained(False)
        if self._goes_on:
            other = (engine + 1) % len(self._observers)
            self._at(now_s + self._work.drain_each_s, "drains", other)

    def _move(self, job: SimulatedJob, engine: int, now_s: float) -> None:
        self._lines[job.engine][job.owner].remove(job)
        self._observers[job.engine].left(job)
        job.engine, job.touched_s = engine, now_s
        line = self._lines[engine][job.owner]
        line.append(job)
        line.sort(key=lambda job: job.age)
        self._observers[engine].came(job)
