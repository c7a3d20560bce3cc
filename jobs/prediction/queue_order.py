"""The order in which an engine's waiting jobs are launched, in a form that fits into one row. Pure.

A job's turn is the number of its owner's jobs that run or were queued before it, itself included
(`jobs/queue/launching.py`, `choose`). Of the jobs that wait at one instant, those are launched
first whose key is lowest: priority, turn, pk. Turns fall when runs end, so the places of all
that wait come from a simulation in which all runs take equally long: then the oldest run ends
first.

Of a long queue not every job is kept: the first 500, then each that is 1 % further behind. A job
between them, or one that is not submitted yet, is found by its key.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isnan, nan
from typing import Any

from .simulation import NORMAL, Queue, Simulated, Waiting, launched_in_turn, simulate
from .table import BYTE, FLOAT, LONG, SHORT, Table

EXACT = 500
"""So many jobs at the front are kept one by one."""
FURTHER = 1.01
MOST_ORDERED = 5_000
"""Beyond so many launches, jobs are ordered by the keys that they have now."""
LONG_LINE = 500
EACH = 50
"""Of an owner with more waiting jobs than LONG_LINE, each fiftieth is kept."""
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


@dataclass(frozen=True)
class Mark:
    """A job that is kept, with its place from 1."""

    place: int
    key: Key
    start: Range | None


_UNKNOWN = (nan, nan, nan)
_PK = 4


class Marks(Sequence[Mark]):
    """The jobs that are kept, sorted by their keys."""

    TYPES = SHORT + BYTE + BYTE + SHORT + LONG + FLOAT * 3

    def __init__(self, table: Table) -> None:
        self.table = table

    @classmethod
    def of(cls, marks: Sequence[Mark]) -> Marks:
        ordered = sorted(marks, key=lambda mark: mark.key)
        rows = [
            (
                m.place,
                *m.key,
                *((m.start.low, m.start.middle, m.start.high) if m.start else _UNKNOWN),
            )
            for m in ordered
        ]
        return cls(Table(cls.TYPES, rows))

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        place, blocked, priority, turn, pk, low, middle, high = self.table[index]
        start = None if isnan(middle) else Range(low, middle, high)
        return Mark(place, (bool(blocked), priority, turn, pk), start)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Marks) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def of_job(self, pk: int) -> Mark | None:
        """The mark of this job, if it is kept."""
        try:
            return self[self.table.column(_PK).index(pk)]
        except ValueError:
            return None

    @property
    def newest_pk(self) -> int:
        """The pk of the newest job that is kept, 0 if there is none."""
        return max((pk for pk in self.table.column(_PK) if pk != NEWEST), default=0)


@dataclass(frozen=True)
class Found:
    """Where a job is in the queue. `is_exact`: the place is no estimate."""

    place: int
    is_exact: bool
    turn: int
    start: Range | None


LINES = LONG + BYTE + LONG
"""The types of `QueueOrder.lines`."""


@dataclass(frozen=True)
class QueueOrder:
    """The order of one engine's queue. `gap_s` is the mean time between two launches.

    Without any learnt durations it has no starts. `lines` has, of an owner with many jobs, each
    fiftieth in his line: (owner, priority, pk), sorted.
    """

    waiting: int
    gap_s: float
    marks: Marks
    lines: Table = field(default_factory=lambda: Table(LINES))

    def before(self, owner: int, age: tuple[int, int]) -> int:
        """About how many jobs of this owner come before one of this priority and pk."""
        first = bisect.bisect_left(self.lines, (owner,))
        return EACH * (bisect.bisect_left(self.lines, (owner, *age)) - first)

    def find(self, key: Key) -> Found:
        """The place of a job, and its expected start."""
        marks, turn, pk = self.marks, key[2], key[3]
        mark = marks.of_job(pk)
        # Its turn may have changed since; but NEWEST is any job that is not submitted yet.
        if mark is not None and (pk != NEWEST or mark.key == key):
            return Found(mark.place, True, mark.key[2], mark.start)
        index = bisect.bisect_left(marks, key, key=lambda mark: mark.key)
        before = marks[index - 1] if index else None
        after = marks[index] if index < len(marks) else None
        if after is None or pk > marks.newest_pk:
            return self._new(before, key)
        if before is None:
            return Found(after.place, False, turn, after.start)
        place = (before.place + after.place) // 2
        return Found(place, False, turn, _between(before.start, after.start))

    def _new(self, before: Mark | None, key: Key) -> Found:
        """A job newer than the forecast: the last of its turn, after a new user's job."""
        newcomer = self.marks.of_job(NEWEST)
        if before is None:
            return Found(1, False, key[2], newcomer.start if newcomer else None)
        more = max(1, key[2] - before.key[2])  # its owner's jobs that are as new as this one
        place, start = before.place + more, _plus(before.start, more * self.gap_s)
        if newcomer is not None and newcomer.start and start:
            place = max(place, newcomer.place + 1)
            start = max(start, newcomer.start, key=lambda start: start.middle)
        return Found(place, False, key[2], start)

    def as_row(self) -> dict[str, Any]:
        """The columns of `QueueForecast` that hold this order."""
        return {
            "waiting": self.waiting,
            "gap_s": self.gap_s,
            "marks": self.marks.table.to_bytes(),
            "lines": self.lines.to_bytes(),
        }

    @classmethod
    def from_row(
        cls, waiting: int, gap_s: float, marks: bytes | memoryview, lines: bytes | memoryview
    ) -> QueueOrder:
        marks_of = Marks(Table.from_bytes(Marks.TYPES, marks))
        return cls(waiting, gap_s, marks_of, Table.from_bytes(LINES, lines))


def order_of(queue: Queue, *, seed: int = 0) -> QueueOrder:
    """Simulate the queue, with the job of a newcomer at its end, and keep what is needed of it."""
    ordered = launch_order(queue)
    keys = {key[-1]: key for key in keys_of(queue)}
    lines = _long_lines(queue)
    if not queue.durations:
        places = [Mark(i + 1, keys[ordered[i]], None) for i in _kept(len(ordered))]
        return QueueOrder(len(ordered), 0.0, Marks.of(places), lines)
    newcomer = Waiting(NEWEST, NO_ONE, next(iter(queue.durations)))
    extended = replace(queue, waiting=[*queue.waiting, newcomer])
    found = simulate(extended, seed=seed)
    marks = [
        Mark(index + 1, keys[ordered[index]], _start(ordered[index], index + 1, found))
        for index in _kept(len(ordered))
    ]
    place = launch_order(extended).index(NEWEST) + 1
    marks.append(Mark(place, (False, NORMAL, 1, NEWEST), _start(NEWEST, place, found)))
    gap_s = _middle([_gap(one) for one in found])
    return QueueOrder(len(ordered), gap_s, Marks.of(marks), lines)


def _long_lines(queue: Queue) -> Table:
    lines: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for job in queue.waiting:
        lines[job.owner].append(job.age)
    rows = [
        (owner, *age)
        for owner, line in lines.items()
        if len(line) > LONG_LINE
        for age in sorted(line)[::EACH]
    ]
    return Table(LINES, sorted(rows))


def launch_order(queue: Queue) -> list[int]:
    """The pks of all that wait, as launching would take them if all runs took equally long."""
    lasts = max((run.elapsed_s for run in queue.running), default=0.0) + 1.0
    kinds = {job.kind for job in queue.waiting} | {run.kind for run in queue.running}
    ordered = launched_in_turn(
        replace(queue, durations={kind: [lasts] for kind in kinds}), most=MOST_ORDERED
    )
    if len(ordered) < len(queue.waiting):
        known = set(ordered)
        ordered += [key[-1] for key in keys_of(queue) if key[-1] not in known]
    return ordered


def keys_of(queue: Queue) -> list[Key]:
    """The keys of all that wait, sorted: the order if all places became free now."""
    turns: dict[int, int] = defaultdict(int)
    for run in queue.running:
        turns[run.owner] += 1
    keys = []
    for job in sorted(queue.waiting, key=lambda job: job.age):
        turns[job.owner] += 1
        turn = turns[job.owner]
        keys.append((0 < queue.limit < turn, job.priority, turn, job.pk))
    return sorted(keys)


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
    kept = set(range(min(count, EXACT))) | {count - 1}
    at = float(EXACT)
    while at < count:
        kept.add(int(at))
        at *= FURTHER
    return sorted(index for index in kept if 0 <= index < count)
