"""The order in which an engine's waiting jobs are launched, in a form that fits into one row. Pure.

A job's turn is the number of its owner's jobs that run or were queued before it, itself included
(`jobs/launching.py`, `choose`). Jobs start by priority, turn and age. So these
are enough to find a place, also that of a job which is not submitted yet.

Of a long queue not every job is kept: the first 500, then each that is 1 % further behind. A
place beyond is found between two of them.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .simulation import Queue, Simulated, Waiting, simulate

EXACT = 500
"""So many jobs at the front are kept one by one."""
FURTHER = 1.01
LONG_LINE = 1000
EACH = 100
"""Of an owner with more waiting jobs than LONG_LINE, each hundredth is kept."""
NEWEST = 2**61
"""The pk of a job that is not submitted yet."""
NO_ONE = -1
"""The owner of a job that a user without any jobs may submit: it is simulated with the others."""


Key = tuple[bool, int, int, int]
"""Launching goes by these: whether the owner's share is used up, priority, turn, pk."""


@dataclass(frozen=True)
class Range:
    """When a job may start, in seconds: nine of ten simulations lie between `low` and `high`."""

    low: float
    middle: float
    high: float

    def as_json(self) -> list[float]:
        return [round(seconds, 1) for seconds in (self.low, self.middle, self.high)]


@dataclass(frozen=True)
class Mark:
    """A job that is kept, with its place from 1."""

    place: int
    key: Key
    start: Range | None


@dataclass(frozen=True)
class Found:
    """Where a job is in the queue. `is_exact`: the place is no estimate."""

    place: int
    is_exact: bool
    turn: int
    start: Range | None


@dataclass(frozen=True)
class QueueOrder:
    """The order of one engine's queue. `gap_s` is the mean time between two launches.

    Without any learnt durations it has no starts. `lines` has, of an owner with many jobs, the key
    of each hundredth in his line.
    """

    waiting: int
    gap_s: float
    marks: tuple[Mark, ...]
    lines: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)

    def before(self, owner: int, age: tuple[int, int]) -> int:
        """About how many jobs of this owner come before one of this priority and pk."""
        return EACH * bisect.bisect_left(self.lines.get(owner, ()), age)

    def find(self, key: Key) -> Found:
        """The place of a job, and its expected start."""
        marks, turn, pk = self.marks, key[2], key[3]
        for mark in marks:
            if mark.key[3] == pk:  # its turn may have changed since
                return Found(mark.place, True, mark.key[2], mark.start)
        index = bisect.bisect_left(marks, key, key=lambda mark: mark.key)
        before = marks[index - 1] if index else None
        after = marks[index] if index < len(marks) else None
        if before is None:
            return Found(1, True, turn, after.start if after else None)
        if after is None:
            return Found(before.place + 1, True, turn, _plus(before.start, self.gap_s))
        is_exact = after.place - before.place <= 1
        place = before.place + 1 if is_exact else (before.place + after.place) // 2
        return Found(place, is_exact, turn, _between(before.start, after.start))

    def as_json(self) -> dict[str, Any]:
        return {
            "waiting": self.waiting,
            "gap_s": round(self.gap_s, 3),
            "marks": [
                [m.place, *map(int, m.key), *(m.start.as_json() if m.start else ())]
                for m in self.marks
            ],
            "lines": {str(owner): line for owner, line in self.lines.items()},
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> QueueOrder:
        marks = tuple(
            Mark(place, (bool(blocked), *key), Range(*start) if start else None)
            for place, blocked, *key, start in ((*m[:5], m[5:]) for m in told["marks"])
        )
        lines = {
            int(owner): [(priority, pk) for priority, pk in line]
            for owner, line in told["lines"].items()
        }
        return cls(told["waiting"], told["gap_s"], marks, lines)


def order_of(queue: Queue, *, seed: int = 0) -> QueueOrder:
    """Simulate the queue, with the job of a newcomer at its end, and keep what is needed of it."""
    found: list[Simulated] = []
    if queue.durations:
        newcomer = Waiting(NEWEST, NO_ONE, next(iter(queue.durations)))
        queue = replace(queue, waiting=[*queue.waiting, newcomer])
        found = simulate(queue, seed=seed)
    ordered = launch_order(queue)
    marks = []
    for index in _kept(len(ordered)):
        key = ordered[index]
        marks.append(Mark(index + 1, key, _start(key[-1], index + 1, found) if found else None))
    waiting = len(ordered) - bool(found)
    gap_s = _middle([_gap(one) for one in found]) if found else 0.0
    return QueueOrder(waiting, gap_s, tuple(marks), _long_lines(queue))


def _long_lines(queue: Queue) -> dict[int, list[tuple[int, int]]]:
    lines: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for job in queue.waiting:
        lines[job.owner].append(job.age)
    return {owner: sorted(line)[::EACH] for owner, line in lines.items() if len(line) > LONG_LINE}


def launch_order(queue: Queue) -> list[Key]:
    """The keys of all that wait, as launching would take them if all places became free now."""
    turns: dict[int, int] = defaultdict(int)
    for run in queue.running:
        turns[run.owner] += 1
    ordered = []
    for job in sorted(queue.waiting, key=lambda job: job.age):
        turns[job.owner] += 1
        turn = turns[job.owner]
        ordered.append((0 < queue.limit < turn, job.priority, turn, job.pk))
    return sorted(ordered)


def _start(pk: int, place: int, found: Sequence[Simulated]) -> Range:
    """When the job starts. One that is too far behind to be simulated starts by its place."""
    starts = sorted(
        one.starts[pk]
        if pk in one.starts
        else one.reached_s + _gap(one) * max(1, place - one.launched)
        for one in found
    )
    outside = len(starts) // 20
    return Range(starts[outside], _middle(starts), starts[-1 - outside])


def _gap(one: Simulated) -> float:
    """The mean time between two launches of a simulation."""
    later = sum(start > 0 for start in one.starts.values())
    return one.reached_s / later if later else 0.0


def _plus(start: Range | None, seconds: float) -> Range | None:
    if start is None:
        return None
    return Range(start.low + seconds, start.middle + seconds, start.high + seconds)


def _between(one: Range | None, other: Range | None) -> Range | None:
    if one is None or other is None:
        return None
    return Range(
        (one.low + other.low) / 2, (one.middle + other.middle) / 2, (one.high + other.high) / 2
    )


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _kept(count: int) -> list[int]:
    """Indexes of the jobs that are kept, the last one included."""
    kept = list(range(min(count, EXACT)))
    at = float(EXACT)
    while at < count:
        kept.append(int(at))
        at *= FURTHER
    if kept and kept[-1] != count - 1:
        kept.append(count - 1)
    return kept
