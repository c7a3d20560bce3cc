"""Learns how long jobs hold a place, by input store and size, from those that ended.

Events of jobs are read in the order of their ids, a bounded number at each tick, so a million old
jobs cost nothing. Of each kind the latest durations are kept: old habits are forgotten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from django.db import transaction

from ..models import FINAL_STATES, Job, JobEvent, LearntDuration, LearntUntil

LATEST = 60
FEWEST = 5
"""With fewer durations than these, jobs of the same size, or all jobs, are asked as well."""
MOST_OF = 0.9
EVENTS_AT_ONCE = 2_000
NEVER_BEHIND = 20_000
"""Events that are older than so many later ones are not learnt from."""
SIZES = 4
"""A class of size has jobs of up to so many times the values of the class before."""


def kind_of(store: str, size_class: int) -> str:
    """The kind of jobs that read from this store and are of this size.

    Stores of users' own are one kind, because there may be any number of them.
    """
    return f"{size_class} {store if store.startswith('@') else ''}"


def size_class_of(cells: int) -> int:
    """The class of a cube of so many values: 0 for none, then one more for each SIZES-fold."""
    return (max(0, cells).bit_length() + 1) // 2


def learn() -> None:
    """Learn from the jobs that ended since the last call."""
    with transaction.atomic():
        until, _ = LearntUntil.objects.select_for_update().get_or_create(pk=1)
        newest = JobEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        since = max(until.event, newest - NEVER_BEHIND)
        events = JobEvent.objects.filter(pk__gt=since, pk__lte=newest).order_by("pk")
        read = list(events.values_list("pk", "to_state", "job_id")[:EVENTS_AT_ONCE])
        if not read:
            return
        until.event = read[-1][0]
        until.save()
        _keep(_ended([job_id for _, state, job_id in read if state in FINAL_STATES]))


def known(engine: str) -> dict[str, list[float]]:
    """The durations of all kinds of an engine, in seconds."""
    rows = LearntDuration.objects.filter(engine=engine)
    return dict(rows.values_list("kind", "seconds"))


def durations_of(kinds: Iterable[str], known: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """The durations to expect of each kind: its own, else those of its size, else those of all.

    Empty if nothing is known.
    """
    of_size: dict[str, list[float]] = defaultdict(list)
    of_all: list[float] = []
    for kind, seconds in known.items():
        of_size[kind.split(" ", 1)[0]] += seconds
        of_all += seconds[-FEWEST:]
    if not of_all:
        return {}
    found = {}
    for kind in kinds:
        candidates = (known.get(kind, []), of_size.get(kind.split(" ", 1)[0], []))
        found[kind] = next((some for some in candidates if len(some) >= FEWEST), of_all)
    return found


def is_learnt(kinds: Collection[str], known: Mapping[str, list[float]]) -> bool:
    """Whether most of these jobs, given by their kinds, are of kinds whose durations are known.

    Before that, predictions are poor in a way that says nothing about later ones.
    """
    learnt = sum(len(known.get(kind, ())) >= FEWEST for kind in kinds)
    return bool(kinds) and learnt >= MOST_OF * len(kinds)


def _ended(pks: list[int]) -> dict[tuple[str, str], list[float]]:
    """The durations of these jobs by engine and kind; those that never ran have none."""
    rows = Job.objects.filter(pk__in=pks, launched_at__isnull=False, finished_at__isnull=False)
    durations: dict[tuple[str, str], list[float]] = defaultdict(list)
    for engine, store, size_class, launched_at, finished_at in rows.order_by("pk").values_list(
        "engine", "input_store", "size_class", "launched_at", "finished_at"
    ):
        seconds = (finished_at - launched_at).total_seconds()
        if seconds >= 0:
            durations[engine, kind_of(store, size_class)].append(round(seconds, 2))
    return durations


def _keep(durations: Mapping[tuple[str, str], list[float]]) -> None:
    for (engine, kind), seconds in durations.items():
        row, _ = LearntDuration.objects.get_or_create(engine=engine, kind=kind)
        row.seconds = [*row.seconds, *seconds][-LATEST:]
        row.save()
