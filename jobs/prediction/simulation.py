"""A fast simulation of the launches to come, by the rules of `jobs/queue/launching.py`. Pure.

Runs end, places become free, and each free place goes to the owner who has the fewest runs; of
equal ones to the oldest job. How long a job takes is drawn from what such jobs took before, so
many simulations together tell how far the start of a job may lie from what is expected. Jobs that
are still to be submitted are not in it: what they change is learnt (errors.py).
"""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TIMES = 20
MOST_LAUNCHES = 1_500
"""In one simulation. With TIMES it takes some tenths of a second of processor time."""
LATE = 0.5
"""A run that outlasts all before may last up to this part of its time again."""


NORMAL = 1
"""The priority of a job to which operators gave no other (`jobs/models/states.py`)."""
LATER = 2
"""The priority of one that operators let come after all others."""


@dataclass(frozen=True)
class Waiting:
    """A job in the queue. `kind` says how long such jobs take."""

    pk: int
    owner: int
    kind: str
    priority: int = NORMAL

    @property
    def age(self) -> tuple[int, int]:
        """The order in the line of its owner."""
        return self.priority, self.pk


@dataclass(frozen=True)
class Running:
    """A job that holds a place, for `elapsed_s` seconds already."""

    owner: int
    kind: str
    elapsed_s: float


@dataclass(frozen=True)
class Queue:
    """One engine's queue. `waiting` is sorted by pk; `limit` is the most runs of one owner, 0: any.

    `durations` has, by kind, what jobs of that kind took, in seconds; none may be empty.
    """

    capacity: int
    limit: int
    waiting: Sequence[Waiting]
    running: Sequence[Running]
    durations: Mapping[str, Sequence[float]]


@dataclass
class Simulated:
    """What one simulation found: the start of each job by pk, in seconds from now.

    `launched` jobs of the queue started until `reached_s`; then the simulation stopped.
    """

    starts: dict[int, float]
    launched: int = 0
    reached_s: float = 0.0


def simulate(queue: Queue, *, seed: int = 0) -> list[Simulated]:
    """Simulate the launches to come, several times."""
    lines = _lines_of(queue)
    chances = (random.Random(f"{seed} {number}") for number in range(TIMES))  # noqa: S311
    return [_simulate(queue, lines, chance, MOST_LAUNCHES) for chance in chances]


def launched_in_turn(queue: Queue, *, most: int) -> list[int]:
    """The pks of the first `most` jobs in the order in which one simulation launches them."""
    found = _simulate(queue, _lines_of(queue), random.Random(0), most)  # noqa: S311
    return list(found.starts)


def _lines_of(queue: Queue) -> dict[int, list[Waiting]]:
    lines: dict[int, list[Waiting]] = defaultdict(list)
    for job in sorted(queue.waiting, key=lambda job: job.age):
        lines[job.owner].append(job)
    return lines


def _simulate(
    queue: Queue, lines: Mapping[int, Sequence[Waiting]], chance: random.Random, most: int
) -> Simulated:
    world = _World(queue, lines, chance)
    found = Simulated({})
    while True:
        for pk in world.launch():
            found.starts[pk] = found.reached_s = world.now
        found.launched = len(found.starts)
        if not world.ends or found.launched >= min(len(queue.waiting), most):
            return found
        world.end_one()


class _World:
    """The queue and the runs of one simulation. `lines` has the jobs of each owner in order."""

    def __init__(
        self, queue: Queue, lines: Mapping[int, Sequence[Waiting]], chance: random.Random
    ) -> None:
        self.now = 0.0
        self._chance = chance
        self._durations = queue.durations
        self._limit = queue.limit or math.inf
        self._lines = lines
        self._taken: dict[int, int] = defaultdict(int)
        self._held: dict[int, int] = defaultdict(int)
        self.ends: list[tuple[float, int, int]] = []
        self._number = 0  # of runs that end at the same time the older one is first
        for run in queue.running:
            self._held[run.owner] += 1
            left = _left(queue.durations[run.kind], run.elapsed_s, chance)
            self._will_end(left, run.owner)
        self._free = queue.capacity - len(self.ends)
        # The next job of each owner, by its turn. The turn changes with each launch and end of
        # its owner's: an entry that is out of date stays in the heap and is passed over.
        self._turns: list[tuple[int, int, int, int]] = []
        for owner in self._lines:
            self._line_up(owner)

    def launch(self) -> list[int]:
        """Give the free places to the next jobs; returns their pks."""
        launched = []
        while self._free > 0 and self._turns:
            _, turn, pk, owner = heapq.heappop(self._turns)
            job = self._next(owner)
            if job is None or pk != job.pk or turn != self._held[owner] + 1:
                continue
            takes_s = self._chance.choice(self._durations[job.kind])
            self._will_end(self.now + takes_s, owner)
            self._taken[owner] += 1
            self._held[owner] += 1
            self._free -= 1
            self._line_up(owner)
            launched.append(pk)
        return launched

    def end_one(self) -> None:
        """Let time pass until the next run ends."""
        self.now, _, owner = heapq.heappop(self.ends)
        self._held[owner] -= 1
        self._free += 1
        self._line_up(owner)

    def _will_end(self, at: float, owner: int) -> None:
        self._number += 1
        heapq.heappush(self.ends, (at, self._number, owner))

    def _next(self, owner: int) -> Waiting | None:
        line, taken = self._lines.get(owner, ()), self._taken[owner]
        return line[taken] if taken < len(line) else None

    def _line_up(self, owner: int) -> None:
        job = self._next(owner)
        if job is not None and self._held[owner] < self._limit:
            entry = (job.priority, self._held[owner] + 1, job.pk, owner)
            heapq.heappush(self._turns, entry)


def _left(durations: Sequence[float], elapsed_s: float, chance: random.Random) -> float:
    """How long a run still takes that runs for `elapsed_s` already."""
    longer = [duration for duration in durations if duration > elapsed_s]
    return chance.choice(longer) - elapsed_s if longer else chance.random() * LATE * elapsed_s
