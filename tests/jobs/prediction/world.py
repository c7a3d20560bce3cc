"""A hub on a simulated clock: users submit jobs, places become free, the next jobs are launched.

Launching follows the rule of `jobs/queue/launching.py`, written down here once more, so that a
mistake of the simulation in `jobs/prediction/` shows. An observer is told what happens, and is
asked between which times waiting jobs will start.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, log
from statistics import median
from typing import Protocol

Interval = tuple[float, float] | None


@dataclass
class SimulatedJob:
    number: int
    owner: int
    kind: str
    takes_s: float
    submitted_s: float
    launched_s: float | None = None
    ended_s: float | None = None


class Observer(Protocol):
    """Who predicts. Times are seconds of the simulated clock."""

    def submitted(self, job: SimulatedJob) -> None: ...
    def launched(self, job: SimulatedJob) -> None: ...
    def ended(self, job: SimulatedJob) -> None: ...
    def tick(self, now_s: float) -> None: ...
    def ask(self, job: SimulatedJob, now_s: float) -> Interval: ...


@dataclass(frozen=True)
class Workload:
    """Who submits what. `batches`: each user submits so many jobs, and comes again when all of
    them have ended; one that has 0 keeps to single jobs. `kinds`: (name, median seconds, spread).
    """

    batches: Sequence[int]
    kinds: Sequence[tuple[str, float, float]] = (("one", 60.0, 0.5),)
    capacity: int = 8
    limit: int = 0
    pause_s: float = 300.0


@dataclass
class Look:
    """One question, and the answer."""

    job: SimulatedJob
    at_s: float
    interval: Interval


@dataclass
class Seen:
    """What came of the answers."""

    looks: list[Look] = field(default_factory=list)

    @property
    def answered(self) -> list[Look]:
        return [look for look in self.looks if look.interval and look.job.launched_s is not None]

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
    """One engine and its users."""

    def __init__(self, workload: Workload, observer: Observer, *, seed: int, tick_s: float) -> None:
        self._work = workload
        self._observer = observer
        self._chance = random.Random(f"world {seed}")  # noqa: S311
        self._tick_s = tick_s
        self._events: list[tuple[float, int, str, object]] = []
        self._lines: dict[int, list[SimulatedJob]] = defaultdict(list)
        self._held: dict[int, int] = defaultdict(int)
        self._left: dict[int, int] = {}
        self._count = 0

    def run(self, jobs: int, *, looks_from: int = 0) -> Seen:
        """Let users submit so many jobs. Asked about is each at its submission, and some later."""
        seen = Seen()
        for owner in range(len(self._work.batches)):
            self._at(self._chance.random() * self._work.pause_s, "comes", owner)
        self._at(self._tick_s, "tick", None)
        while self._events:
            now_s, _, what, subject = heapq.heappop(self._events)
            if what == "tick":
                self._observer.tick(now_s)
                waiting = [job for line in self._lines.values() for job in line]
                for job in self._chance.sample(waiting, min(1, len(waiting))):
                    seen.looks.append(Look(job, now_s, self._observer.ask(job, now_s)))
                if self._count < jobs or waiting:
                    self._at(now_s + self._tick_s, "tick", None)
                continue
            if what == "ends":
                self._end(subject, now_s)
            elif self._count < jobs:
                self._submit_batch(subject, now_s)
            new = self._launch(now_s)
            for job in new:
                if job.number >= looks_from:
                    seen.looks.append(Look(job, now_s, self._observer.ask(job, now_s)))
        seen.looks = [look for look in seen.looks if look.job.number >= looks_from]
        return seen

    def _at(self, at_s: float, what: str, subject: object) -> None:
        self._number = getattr(self, "_number", 0) + 1
        heapq.heappush(self._events, (at_s, self._number, what, subject))

    def _submit_batch(self, owner: int, now_s: float) -> None:
        size = self._work.batches[owner]
        size = self._chance.randint(max(1, size // 2), max(1, size * 3 // 2))
        self._left[owner] = size
        self._new: list[SimulatedJob] = []
        for _ in range(size):
            name, middle, spread = self._chance.choice(self._work.kinds)
            takes_s = self._chance.lognormvariate(log(middle), spread)
            job = SimulatedJob(self._count, owner, name, takes_s, now_s)
            self._count += 1
            self._lines[owner].append(job)
            self._observer.submitted(job)
            self._new.append(job)

    def _launch(self, now_s: float) -> list[SimulatedJob]:
        """Fill the free places. Returns the jobs that were just submitted and wait."""
        while sum(self._held.values()) < self._work.capacity:
            turn, _, owner = min(
                (
                    (self._held[owner] + 1, line[0].number, owner)
                    for owner, line in self._lines.items()
                    if line
                ),
                default=(inf, 0, -1),
            )
            if turn > (self._work.limit or 10**9):
                break
            job = self._lines[owner].pop(0)
            self._held[owner] += 1
            job.launched_s = now_s
            self._observer.launched(job)
            self._at(now_s + job.takes_s, "ends", job)
        new, self._new = getattr(self, "_new", []), []
        return [job for job in new if job.launched_s is None]

    def _end(self, job: SimulatedJob, now_s: float) -> None:
        self._held[job.owner] -= 1
        job.ended_s = now_s
        self._observer.ended(job)
        self._left[job.owner] -= 1
        if not self._left[job.owner]:
            pause_s = self._chance.expovariate(1 / self._work.pause_s)
            self._at(now_s + pause_s, "comes", job.owner)


WORKLOADS = {
    "equal users": Workload([20] * 24, capacity=16),
    "one heavy user": Workload([100, *[6] * 20], capacity=16),
    "mixed sizes": Workload(
        [20] * 24,
        capacity=16,
        kinds=(("small", 20.0, 0.4), ("medium", 80.0, 0.5), ("large", 300.0, 0.6)),
    ),
    "own share": Workload([20] * 12, limit=2, capacity=16),
}
