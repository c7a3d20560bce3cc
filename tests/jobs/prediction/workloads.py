"""Workloads of simulated hubs: who submits what, and what operators do meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

NORMAL = 1
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def any_time(at_s: float) -> float:
    return at_s


def office_hours(at_s: float) -> float:
    """The next time of day between 8 and 18, on five days of the week."""
    while at_s % DAY_S >= 18 * HOUR_S or at_s // DAY_S % 7 >= 5:
        at_s = (at_s // DAY_S + 1) * DAY_S
    return max(at_s, at_s // DAY_S * DAY_S + 8 * HOUR_S)


@dataclass(frozen=True)
class Workload:
    """Who submits what. `batches`: each user submits so many jobs, and comes again when all of
    them have ended. `kinds`: (name, median seconds, spread). `capacities`: places of each engine.
    """

    batches: Sequence[int]
    kinds: Sequence[tuple[str, float, float]] = (("one", 60.0, 0.5),)
    is_batch_of_one_kind: bool = False
    capacities: Sequence[int] = (16,)
    limit: int = 0
    pause_s: float = 300.0
    rhythm: Callable[[float], float] = any_time
    """When a user comes who would come at this time."""
    priority_each_s: float = 0.0
    """Operators change the priority of a job so often; 0: never."""
    drain_each_s: float = 0.0
    drained_s: float = 1200.0
    slowness: float = 1.0
    """Forecasts are so many times rarer, because jobs take so much longer."""


WORKLOADS = {
    "equal users": Workload([20] * 24),
    "one heavy user": Workload([100, *[6] * 20]),
    "mixed sizes": Workload(
        [20] * 24,
        kinds=(("small", 20.0, 0.4), ("medium", 80.0, 0.5), ("large", 300.0, 0.6)),
    ),
    "own share": Workload([20] * 12, limit=2),
}
"""Nothing but users."""

DISTURBED = {
    "two engines": Workload([12] * 24, capacities=(12, 4)),
    "two engines, drained in turn": Workload(
        [12] * 24, capacities=(8, 8), drain_each_s=2.5 * HOUR_S
    ),
    "drained and resumed": Workload([12] * 20, drain_each_s=2 * HOUR_S),
    "changed priorities": Workload([12] * 24, priority_each_s=100.0),
    "office hours": Workload(
        [12] * 30, kinds=(("one", 600.0, 0.5),), pause_s=2 * HOUR_S, rhythm=office_hours, slowness=5
    ),
    "bursts": Workload([60] * 12, pause_s=3600.0),
    "very different cost": Workload(
        [8] * 24,
        kinds=(("seconds", 10.0, 0.5), ("minutes", 120.0, 0.7), ("hours", 3600.0, 0.8)),
        is_batch_of_one_kind=True,
        slowness=2,
    ),
}
"""Operators act, load comes and goes, or jobs differ much."""
