"""What intervals follow from errors: where they lie, how wide they are, and for whom."""

from __future__ import annotations

import json
import math
import random

import pytest

from jobs.prediction.errors import (
    FEWEST,
    Prediction,
    margin_from_row,
    margins_of,
)
from jobs.prediction.queue_order import Range
from jobs.prediction.simulation import LATER, NORMAL
from jobs.prediction.trend import fit

URGENT = 0


def prediction(turn: int = 2, middle: float = 100.0, **more) -> Prediction:
    return Prediction(turn, Range(middle * 0.9, middle, middle * 1.1), 10.0, **more)


def learnt(waits, **more):
    """The margins after (prediction, seconds waited), as they come back from the database."""
    known = {}
    for one, waited_s in waits:
        known.setdefault(one.sort, []).append(one.error(waited_s))
    margins = json.loads(json.dumps(margins_of(known)))
    return {sort: margin_from_row(row) for sort, row in margins.items()}


def test_an_interval_lies_where_starts_lay():
    one = prediction()
    margins = learnt((one, waited) for waited in range(200, 240))
    low, high = one.interval(one.margin(margins))
    assert 195 < low < 205 and 235 < high < 245


def test_with_few_errors_nothing_is_said():
    one = prediction()
    assert one.margin(learnt((one, 100.0) for _ in range(FEWEST - 1))) is None
    assert one.margin(learnt((one, 100.0) for _ in range(FEWEST))) is not None


def test_who_has_more_jobs_is_passed_by_more_and_the_interval_knows():
    """Each wait is as many times longer as the turn says; the interval is narrow for all turns."""
    chance = random.Random(1)  # noqa: S311
    said = []
    for _ in range(150):
        one = prediction(chance.randint(10, 99), chance.uniform(100, 300))
        said.append((one, one.start.middle * math.sqrt(one.turn) * chance.uniform(0.9, 1.1)))
    margins = learnt(said)
    for turn in (12, 30, 90):
        one = prediction(turn, 200.0)
        low, high = one.interval(one.margin(margins))
        assert low < 200 * math.sqrt(turn) < high < 2 * low


def test_a_turn_that_was_never_seen_is_taken_as_the_nearest_that_was():
    said = [(prediction(turn), 50.0 * turn) for turn in range(10, 60)]
    margins = learnt(said)
    at_60, at_6000 = (
        one.interval(one.margin(margins)) for one in (prediction(59), prediction(6000))
    )
    assert at_6000 == pytest.approx(at_60, rel=0.01)


def test_jobs_that_come_after_all_others_err_in_their_own_way():
    """Others teach nothing about them, and they teach others nothing."""
    last = prediction(priority=LATER)
    normal = prediction()
    of_others = learnt((normal, 100.0) for _ in range(FEWEST))
    assert last.margin(of_others) is None
    assert prediction(priority=URGENT).margin(of_others) is not None
    of_these = learnt((last, 9_000.0) for _ in range(FEWEST))
    assert normal.margin(of_these) is None
    low, high = last.interval(last.margin(of_these))
    assert (low, high) == pytest.approx((9_000, 9_000), rel=0.01)
    assert last.is_last and not normal.is_last and normal.priority == NORMAL


@pytest.mark.parametrize("count", [1, 2, 20])
def test_what_does_not_differ_has_no_slope(count):
    trend = fit([(1.0, 2.0)] * count, [0.5] * count)
    assert trend.at((1.0, 2.0)) == trend.at((9.0, 9.0)) == 0.5


def test_slopes_of_few_errors_are_flat():
    def slope(count: int) -> float:
        rows = [(float(x % 2), 0.0) for x in range(count)]
        return fit(rows, [x for x, _ in rows]).slopes[0]

    assert 0 < slope(4) < 0.5 < slope(40) < 1
