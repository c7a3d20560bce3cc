"""Predicted starts on a simulated clock: intervals hold, and they are narrow enough to help."""

from __future__ import annotations

import pytest

from .in_memory import InMemory
from .workloads import DISTURBED, WORKLOADS
from .world import Seen, World

TICK_S = 60.0
"""Less often than in a real hub, where a forecast follows each 5 s: it must do with less."""


def look_into(name: str, *, jobs: int, seed: int, looks_from: int) -> Seen:
    """What is predicted in a world of this workload, after its first jobs."""
    return world_of(name, seed=seed).run(jobs, looks_from=looks_from)


def world_of(name: str, *, seed: int) -> World:
    """A world with an observer of each of its engines."""
    workload = {**WORKLOADS, **DISTURBED}[name]
    observers = [
        InMemory(capacity=capacity, limit=workload.limit, seed=seed)
        for capacity in workload.capacities
    ]
    return World(workload, observers, seed=seed, tick_s=TICK_S)


@pytest.mark.parametrize(
    "name", ["one heavy user", "own share", "two engines, drained in turn", "changed priorities"]
)
def test_nine_of_ten_intervals_hold(name):
    """`tests/benchmarks/test_starts.py` does the same with 10,000 jobs of each world."""
    seen = look_into(name, jobs=1_000, seed=1, looks_from=300)
    assert len(seen.answered) > 300
    assert 0.80 <= seen.coverage <= 0.985
    assert seen.median_width_s < 3 * seen.median_wait_s, "wide open, they would hold but not help"


def test_what_is_not_known_is_not_said():
    """The first jobs of a new hub get no interval: nothing has ended, and no start was seen."""
    seen = world_of("equal users", seed=1).run(60)
    first = [look for look in seen.looks if look.at_s < TICK_S * 2]
    assert first and all(look.interval is None for look in first)
