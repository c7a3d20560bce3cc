"""How wrong predictions were, and what interval follows for the next one. Pure.

The error of a prediction is a ratio: the time that a job really waited to the time that was
expected. Errors are kept by what makes predictions differ: whether the owner has other jobs
first, and how far ahead the start is. Within a sort they go with the turn and with how far ahead
the start is (`trend.py`). The interval is as wide as quantiles of what remains of the latest errors
say (conformal prediction), and the level of the quantiles follows the errors that were larger (see
`_quantile`). So it holds for about 90 % of jobs as long as the coming hours are like the last ones,
however simple the simulation is.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .queue_order import Range
from .simulation import LATER, NORMAL
from .trend import Features, Trend, fit

CONFIDENCE = 0.9
FEWEST = 20
"""With fewer errors than these nothing can be said of 90 % of jobs."""
LATEST = 200
"""Older errors are forgotten."""
OPEN = 10
"""Predictions of one sort that wait for their error at the same time. With more, the latest errors
would all be of the same hour, and say nothing of the next."""
STEP = 0.02
"""By how much an error beyond the interval changes the level."""
AIM = 0.035
"""The share of errors to be exceeded, early and late each: less than a twentieth, since the errors
of the jobs that still wait are not known yet, and these are the largest; and since the trend was
fitted to the same errors."""
OF_EACH = 50
ANY = "any"
LAST = "last"
"""Of jobs that operators let come after all others."""
SMALLEST_SCALE_S = 1.0
MANY = 10
"""Of an owner with so many jobs, this one is passed by jobs of others that are still to come."""
AHEAD = (2.0, 8.0, 32.0, 128.0, 512.0)
"""Bounds of what counts as near: launches of the engine before the expected start."""


class Error(NamedTuple):
    """How much too early and too late a job started, as logarithms of ratios; below 0: not at all.

    With the features of its prediction.
    """

    early: float
    late: float
    turn: float
    ahead: float

    @property
    def features(self) -> Features:
        return self.turn, self.ahead

    @property
    def middle(self) -> float:
        """How much later it started than in the middle of what was expected."""
        return (self.late - self.early) / 2


class Margin(NamedTuple):
    """What errors of one sort are not exceeded by 95 % of starts, apart from their trend."""

    early: float
    late: float
    trend: Trend


@dataclass(frozen=True)
class Prediction:
    """A start that the simulation expects, for a job of this turn.

    `is_new`: the job was submitted after the simulation was made.
    """

    turn: int
    start: Range
    gap_s: float
    is_new: bool = False
    priority: int = NORMAL

    @property
    def sort(self) -> str:
        """What this prediction has in common with others that err alike."""
        whose = "first" if self.turn == 1 else "later" if self.turn < MANY else "many"
        if self.priority != NORMAL:
            whose = LAST if self.is_last else "urgent"
        return f"{'new ' if self.is_new else ''}{whose} {self._ahead}"

    @property
    def is_last(self) -> bool:
        """Whether jobs that are still to be submitted will all come before it."""
        return self.priority >= LATER

    def margin(self, margins: Mapping[str, Margin]) -> Margin | None:
        """The margin of this sort, else that of all that are as far ahead, or a little less.

        None if too few errors are known.
        """
        sorts = [self.sort, f"{ANY} {self._ahead}", f"{ANY} {self._ahead - 1}"]
        if self.is_last:
            sorts = sorts[:1]
        return next((margins[sort] for sort in sorts if sort in margins), None)

    def error(self, waited_s: float) -> Error:
        """How far below `low` and above `high` the job started that waited for so long."""
        waited = self._log(waited_s)
        found = (self._log(self.start.low) - waited, waited - self._log(self.start.high))
        return Error(*(round(number, 3) for number in (*found, *self._features)))

    def interval(self, margin: Margin) -> tuple[float, float]:
        """Between how many seconds it starts, if errors do not exceed `margin`."""
        expected = margin.trend.at(self._features)
        low = self._seconds(self._log(self.start.low) + expected - margin.early)
        high = self._seconds(self._log(self.start.high) + expected + margin.late)
        return low, max(low, high)

    @property
    def _features(self) -> Features:
        return math.log(self.turn), self._log(self.start.middle)

    @property
    def _ahead(self) -> int:
        """How far ahead the start is: a class of launches before it."""
        return sum(self.start.middle / self._scale_s >= bound for bound in AHEAD)

    @property
    def _scale_s(self) -> float:
        """Times below this one are noise."""
        return max(SMALLEST_SCALE_S, self.gap_s)

    def _log(self, seconds: float) -> float:
        return math.log(max(0.0, seconds) + self._scale_s)

    def _seconds(self, logarithm: float) -> float:
        return max(0.0, math.exp(logarithm) - self._scale_s)


def margin_from_row(row: Sequence[Any]) -> Margin:
    """The margin that JSON has as lists."""
    early, late, trend = row
    return Margin(early, late, Trend(*trend))


def margins_of(known: Mapping[str, Sequence[Error]]) -> dict[str, Margin]:
    """The margin for each sort of prediction, and for all that are equally far ahead."""
    together: dict[str, list[Error]] = defaultdict(list)
    for sort, errors in known.items():
        if LAST not in sort:
            together[f"{ANY} {sort.rsplit(' ', 1)[-1]}"] += errors[-OF_EACH:]
    all_sorts = {**known, **together}
    return {sort: _margin(errors) for sort, errors in all_sorts.items() if len(errors) >= FEWEST}


def _margin(errors: Sequence[Error]) -> Margin:
    """By how much 95 % of starts are not earlier than `low`, and 95 % not later than `high`."""
    trend = fit([error.features for error in errors], [error.middle for error in errors])
    expected = [trend.at(error.features) for error in errors]
    early = [error.early + more for error, more in zip(errors, expected, strict=True)]
    late = [error.late - more for error, more in zip(errors, expected, strict=True)]
    return Margin(_quantile(early), _quantile(late), trend)


def _quantile(values: Sequence[float]) -> float:
    """The value that 95 % of further ones do not exceed.

    Errors of one hour are alike, so a plain quantile is exceeded too often. Therefore the errors
    are gone through once more in their order: each that exceeds the quantile of those before it
    raises the level, each other one lowers it a little (adaptive conformal inference, Gibbs and
    Candès 2021). The last OPEN ones before it were not known when its prediction was made.
    """
    outside = AIM
    known: list[float] = []
    for number, value in enumerate(values):
        if number >= OPEN:
            insort(known, values[number - OPEN])
        if len(known) >= FEWEST:
            outside += STEP * (AIM - (value > _at(known, outside)))
            outside = min(max(outside, 0.0), 3 * AIM)
    return _at(sorted(values), outside)


def _at(ascending: Sequence[float], outside: float) -> float:
    """The value that a share of `outside` exceeds, corrected for their small number."""
    count = len(ascending)
    return ascending[count - max(1, math.floor(outside * (count + 1)))]
