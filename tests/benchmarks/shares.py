"""Whether places were shared fairly, told by the steps of all jobs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

QUEUED, LAUNCHED, FINAL = "QUEUED", "LAUNCHED", frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


class Step(NamedTuple):
    """A job's step; `at` in seconds."""

    job: str
    owner: int
    to: str
    at: float


@dataclass(frozen=True)
class Shares:
    """`most_placed`: the most places held at once. `widest`: by how many places two users who both
    had jobs waiting ever differed, beyond what the places free at that instant made up for.
    `held`: the same without regard to free places, as a share of the time: 1 place or none."""

    most_placed: int
    widest: int
    held: float


def shares(steps: Sequence[Step], *, places: int) -> Shares:
    """Look at each instant between two steps, `steps` being in the order of their time."""
    waiting: Counter[int] = Counter()
    placed: Counter[int] = Counter()
    most = widest = 0
    fair_s = all_s = 0.0
    for step, then in zip(steps, [*steps[1:], steps[-1]], strict=True):
        if step.to == QUEUED:
            waiting[step.owner] += 1
        elif step.to == LAUNCHED:
            waiting[step.owner] -= 1
            placed[step.owner] += 1
        elif step.to in FINAL:
            placed[step.owner] -= 1
        total = placed.total()
        most = max(most, total)
        if not total:
            continue  # nobody has been launched yet
        held = [placed[owner] for owner, count in waiting.items() if count]
        if len(held) > 1:
            widest = max(widest, _spread(filled(held, places - total)))
            all_s += then.at - step.at
            fair_s += (then.at - step.at) * (_spread(held) <= 1)
    return Shares(most, widest, fair_s / all_s if all_s else 1.0)


def filled(held: Iterable[int], free: int) -> list[int]:
    """The places that users hold once the free ones went to whoever holds fewest."""
    levels = sorted(held)
    while free > 0 and levels[0] < levels[-1]:
        levels[0] += 1
        levels.sort()
        free -= 1
    return levels


def _spread(held: Sequence[int]) -> int:
    return max(held) - min(held)


def last_ends(steps: Iterable[Step]) -> dict[int, int]:
    """For each owner how many jobs of all had ended when the last of theirs did."""
    ended = [step.owner for step in steps if step.to in FINAL]
    return {owner: position for position, owner in enumerate(ended, 1)}
