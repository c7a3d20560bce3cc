"""Predicts in a simulated world as the worker does, without a database, for thousands of jobs."""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque

from jobs.prediction import errors
from jobs.prediction.durations import LATEST, durations_of, is_learnt
from jobs.prediction.errors import Prediction, margins_of
from jobs.prediction.forecasting import AT_ONCE_S, OPENED_AT_ONCE
from jobs.prediction.queue_order import Key, QueueOrder, order_of
from jobs.prediction.simulation import Queue, Running, Waiting

from .world import Interval, SimulatedJob


class InMemory:
    """The observer of one engine's world."""

    def __init__(self, *, capacity: int, limit: int, seed: int) -> None:
        self._capacity, self._limit = capacity, limit
        self._chance = random.Random(f"observer {seed}")  # noqa: S311
        self._waiting: dict[int, SimulatedJob] = {}
        self._running: dict[int, SimulatedJob] = {}
        self._durations: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=LATEST))
        self._errors: dict[str, list[errors.Error]] = defaultdict(list)
        self._open: dict[int, tuple[Prediction, float, SimulatedJob]] = {}
        self._fresh: list[tuple[SimulatedJob, Prediction | None]] = []
        self._order: QueueOrder | None = None
        self._margins: dict[str, errors.Margin] = {}
        self._made_s = 0.0
        self._is_drained = False

    def submitted(self, job: SimulatedJob) -> None:
        self._waiting[job.number] = job
        self._fresh.append((job, self._prediction(job)))

    def launched(self, job: SimulatedJob) -> None:
        self._running[job.number] = self._waiting.pop(job.number)

    def ended(self, job: SimulatedJob) -> None:
        del self._running[job.number]
        self._durations[job.kind].append(job.ended_s - job.launched_s)

    def changed(self, job: SimulatedJob) -> None:
        """An operator gave it another priority: `ordering.py` forgets its prediction."""
        self._open.pop(job.number, None)

    def left(self, job: SimulatedJob) -> None:
        """It waits for another engine now."""
        del self._waiting[job.number]
        self._open.pop(job.number, None)
        self._fresh = [(other, told) for other, told in self._fresh if other is not job]

    def came(self, job: SimulatedJob) -> None:
        """It waited for another engine before."""
        self._waiting[job.number] = job

    def drained(self, is_drained: bool) -> None:
        self._is_drained = is_drained

    def tick(self, now_s: float) -> None:
        queue = self._queue(now_s)
        for number in [n for n in self._open if n not in self._waiting]:
            prediction, made_s, job = self._open.pop(number)
            known = self._errors[prediction.sort]
            known.append(prediction.error(job.launched_s - made_s))
            del known[: -errors.LATEST]
        kinds = [job.kind for job in (*queue.waiting, *queue.running)]
        learns = is_learnt(kinds, self._durations) and not self._is_drained
        if self._is_drained:
            self._open = {}
        if learns and self._order is not None:
            waited = [
                (job, prediction)
                for job, prediction in self._fresh
                if job.launched_s is None or job.launched_s - job.submitted_s > AT_ONCE_S
            ]
            some = self._chance.sample(waited, min(OPENED_AT_ONCE, len(waited)))
            for job, prediction in some:
                self._remember(job, prediction, self._made_s)
        self._fresh = []
        self._order, self._made_s = order_of(queue, seed=int(now_s)), now_s
        if learns:
            jobs = list(self._waiting.values())
            for job in self._chance.sample(jobs, min(OPENED_AT_ONCE, len(jobs))):
                self._remember(job, self._prediction(job), now_s)
        self._margins = margins_of(self._errors)

    def ask(self, job: SimulatedJob, now_s: float) -> Interval:
        prediction = self._prediction(job)
        if prediction is None:
            return None
        margin = prediction.margin(self._margins)
        if margin is None:
            return None
        low, high = prediction.interval(margin)
        if self._made_s + high <= now_s:
            return None  # asking.OVERDUE
        return max(now_s, self._made_s + low), self._made_s + high

    def _queue(self, now_s: float) -> Queue:
        waiting = [
            Waiting(job.number, job.owner, job.kind, job.priority)
            for _, job in sorted(self._waiting.items())
        ]
        running = [
            Running(job.owner, job.kind, now_s - job.launched_s) for job in self._running.values()
        ]
        kinds = {job.kind for job in waiting} | {run.kind for run in running} | {""}
        known = {kind: list(seconds) for kind, seconds in self._durations.items()}
        return Queue(self._capacity, self._limit, waiting, running, durations_of(kinds, known))

    def _key(self, job: SimulatedJob) -> Key:
        held = sum(run.owner == job.owner for run in self._running.values())
        own = [other for other in self._waiting.values() if other.owner == job.owner]
        turn = max(1, held + sum(other.age <= job.age for other in own))
        return (0 < self._limit < turn, job.priority, turn, job.number)

    def _prediction(self, job: SimulatedJob) -> Prediction | None:
        if self._order is None:
            return None
        found = self._order.find(self._key(job))
        is_new = job.submitted_s > self._made_s
        return found.start and Prediction(
            found.turn, found.start, self._order.gap_s, is_new, job.priority
        )

    def _remember(self, job: SimulatedJob, prediction: Prediction | None, made_s: float) -> None:
        if prediction is None or job.number in self._open:
            return
        open_ones = Counter(each.sort for each, *_ in self._open.values())
        if open_ones[prediction.sort] < errors.OPEN:
            self._open[job.number] = (prediction, made_s, job)
