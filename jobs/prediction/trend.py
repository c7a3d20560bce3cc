"""How errors of one sort go with what their predictions were like: ridge regression. Pure.

A user with a hundred jobs is passed by more jobs that are still to come than one with ten, so his
errors are larger in a way that can be known before. What remains of an error after that is smaller,
and so is the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

Features = tuple[float, float]
STEADY = 10.0
"""The slopes of few errors mean little: they are as flat as if so many more went with nothing."""
FLAT = 1e-6


class Trend(NamedTuple):
    """The error to expect: `base`, and more with each feature, within what was seen of it."""

    base: float
    slopes: Sequence[float]
    lowest: Sequence[float]
    highest: Sequence[float]

    def at(self, features: Features) -> float:
        seen = zip(self.slopes, self.lowest, self.highest, features, strict=True)
        return self.base + sum(slope * min(max(low, x), high) for slope, low, high, x in seen)


def fit(features: Sequence[Features], values: Sequence[float]) -> Trend:
    """The trend of these values; there must be some."""
    columns = list(zip(*features, strict=True))
    means = [_mean(column) for column in columns]
    widths = [
        sqrt(_mean([(x - mean) ** 2 for x in column])) or FLAT
        for column, mean in zip(columns, means, strict=True)
    ]
    first, second = (
        [(x - mean) / width if width > FLAT else 0.0 for x in column]
        for column, mean, width in zip(columns, means, widths, strict=True)
    )
    middle = _mean(values)
    rest = [value - middle for value in values]
    own = len(values) + STEADY
    both = _product(first, second)
    with_first, with_second = _product(first, rest), _product(second, rest)
    determinant = own * own - both * both
    steepness = (
        (own * with_first - both * with_second) / determinant,
        (own * with_second - both * with_first) / determinant,
    )
    slopes = [steep / width for steep, width in zip(steepness, widths, strict=True)]
    base = middle - _product(slopes, means)
    return Trend(base, slopes, [min(column) for column in columns], [max(c) for c in columns])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
