"""The worker's tick: looks at each engine's queue, and writes places and expected starts.

A look at a long queue takes a second. So it is repeated only after twenty times that time, and a
forecast says when it was made.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from hubsite import switches
from hubsite.engines import draining, find_engine, run_places
from jobs.settings import hub

from ..models import XCUBE_GEN, Job, OpenPrediction, PredictionErrors, QueueForecast, State
from . import errors
from .durations import durations_of, is_learnt, kind_of, known, learn
from .errors import Prediction, margins_of
from .queue_order import Key, QueueOrder, Range, keys_of, order_of
from .simulation import Queue, Running, Waiting

RESTS = 20
"""A forecast is made again after so many times what it took."""
OPENED_AT_ONCE = 3
AT_ONCE_S = 1.0
"""A job that was launched within this time of its submission did not wait."""


def forecast_all() -> None:
    """Learn from what has happened, then look at the queue of each engine that has one."""
    learn()
    live = Job.objects.filter(is_live=True).order_by()
    engines = set(live.values_list("engine", flat=True).distinct())
    for name in engines:
        if find_engine(name) is not None:
            forecast(name)
    QueueForecast.objects.exclude(engine__in=engines).delete()


def forecast(engine: str, *, now: datetime | None = None) -> None:
    """Write the forecast of one engine, unless the last one is recent enough."""
    now = now or timezone.now()
    last = QueueForecast.objects.filter(engine=engine).first()
    if last is not None and _is_recent(last, now):
        return
    began = time.thread_time()
    queue = queue_of(engine, now)
    order = order_of(queue)
    settle(engine)
    if _stands_still(engine):
        # Its jobs wait for an operator: how long says nothing about the queue.
        OpenPrediction.objects.filter(job__engine=engine).delete()
    elif is_learnt([job.kind for job in (*queue.waiting, *queue.running)], known(engine)):
        if last is not None:
            _open_new(engine, queue, last)
        _open(engine, queue, order, now)
    rows = PredictionErrors.objects.filter(engine=engine).values_list("sort", "errors")
    known_errors = {sort: [errors.Error(*row) for row in found] for sort, found in rows}
    QueueForecast.objects.update_or_create(
        engine=engine,
        defaults={
            "made_at": now,
            "took_s": time.thread_time() - began,
            **order.as_row(),
            "margins": margins_of(known_errors),
        },
    )


def queue_of(engine: str, now: datetime) -> Queue:
    """The engine's queue as the launch decision sees it, and how long such jobs take."""
    found = find_engine(engine)
    jobs = Job.objects.on(engine)
    waiting = [
        Waiting(pk, owner, kind_of(store, size), priority)
        for pk, owner, store, size, priority in jobs.due()
        .order_by("pk")
        .values_list("pk", "owner_id", "input_store", "size_class", "priority")
    ]
    running = [
        Running(owner, kind_of(store, size), max(0.0, (now - (since or now)).total_seconds()))
        for owner, store, size, since in jobs.placed()
        .order_by("pk")
        .values_list("owner_id", "input_store", "size_class", "launched_at")
    ]
    kinds = {job.kind for job in waiting} | {run.kind for run in running} | {""}
    return Queue(
        capacity=run_places(found),
        limit=hub.running_per_user,
        waiting=waiting,
        running=running,
        durations=durations_of(kinds, known(engine)),
    )


def settle(engine: str) -> None:
    """Learn the errors of predictions whose jobs have started; forget those of cancelled jobs."""
    rows = OpenPrediction.objects.filter(job__engine=engine).exclude(job__state=State.QUEUED)
    learnt: dict[str, list[errors.Error]] = defaultdict(list)
    done = list(rows.select_related("job").defer("job__result", "job__progress"))
    for row in done:
        if row.job.launched_at is not None:
            prediction = _prediction(row)
            waited_s = (row.job.launched_at - row.made_at).total_seconds()
            learnt[prediction.sort].append(prediction.error(waited_s))
    with transaction.atomic():
        for sort, found in learnt.items():
            kept, _ = PredictionErrors.objects.get_or_create(engine=engine, sort=sort)
            kept.errors = [*kept.errors, *found][-errors.LATEST :]
            kept.save()
        OpenPrediction.objects.filter(pk__in=[row.pk for row in done]).delete()


def _stands_still(engine: str) -> bool:
    return switches.suspension(XCUBE_GEN) is not None or draining.drained(engine) is not None


def _is_recent(last: QueueForecast, now: datetime) -> bool:
    return timedelta() <= now - last.made_at < timedelta(seconds=RESTS * last.took_s)


def _open(engine: str, queue: Queue, order: QueueOrder, now: datetime) -> None:
    """Remember some predictions of this forecast, to learn how wrong they will be."""
    if not queue.durations or not queue.waiting:
        return
    keys = {key[-1]: key for key in keys_of(queue)}
    chosen = random.sample(list(keys), min(OPENED_AT_ONCE, len(keys)))  # noqa: S311
    _remember(engine, ((pk, _of(order, keys[pk], is_new=False), now) for pk in chosen))


def _open_new(engine: str, queue: Queue, last: QueueForecast) -> None:
    """The same for jobs that were submitted since the last forecast, by that forecast.

    Also for those that were launched meanwhile: otherwise only late ones would count.
    """
    order = QueueOrder.from_row(last.waiting, last.gap_s, last.marks, last.lines)
    since = Job.objects.on(engine).filter(
        created_at__gt=last.made_at, is_live=True, state__in=(State.QUEUED, State.LAUNCHED)
    )
    rows = since.order_by("pk").values_list(
        "pk", "owner_id", "priority", "created_at", "launched_at"
    )
    waited = [
        (pk, owner, priority)
        for pk, owner, priority, created_at, launched_at in rows
        if launched_at is None or (launched_at - created_at).total_seconds() > AT_ONCE_S
    ]
    turns = Counter(run.owner for run in queue.running)
    turn_of = {}
    for job in queue.waiting:
        turns[job.owner] += 1
        turn_of[job.pk] = turns[job.owner]
    found = []
    for pk, owner, priority in random.sample(waited, min(OPENED_AT_ONCE, len(waited))):  # noqa: S311
        turn = turn_of.get(pk, max(1, turns[owner]))
        key = (0 < queue.limit < turn, priority, turn, pk)
        found.append((pk, _of(order, key, is_new=True), last.made_at))
    _remember(engine, found)


def _of(order: QueueOrder, key: Key, *, is_new: bool) -> Prediction | None:
    found, (_, priority, *_rest) = order.find(key), key
    if found.start is None:
        return None
    return Prediction(found.turn, found.start, order.gap_s, is_new, priority)


def _remember(engine: str, found: Iterable[tuple[int, Prediction | None, datetime]]) -> None:
    before = OpenPrediction.objects.filter(job__engine=engine)
    open_ones = Counter(_prediction(row).sort for row in before)
    rows = []
    for pk, prediction, made_at in found:
        if prediction is None or open_ones[prediction.sort] >= errors.OPEN:
            continue
        open_ones[prediction.sort] += 1
        start = prediction.start
        rows.append(
            OpenPrediction(
                job_id=pk,
                is_new=prediction.is_new,
                priority=prediction.priority,
                made_at=made_at,
                turn=prediction.turn,
                low=start.low,
                middle=start.middle,
                high=start.high,
                gap_s=prediction.gap_s,
            )
        )
    OpenPrediction.objects.bulk_create(rows, ignore_conflicts=True)


def _prediction(row: OpenPrediction) -> Prediction:
    start = Range(row.low, row.middle, row.high)
    return Prediction(row.turn, start, row.gap_s, row.is_new, row.priority)
