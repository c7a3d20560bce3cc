"""Stored times that a wrong clock wrote: over, or now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from hubsite.coordination import clock

HOUR = timedelta(hours=1)


def test_a_since_in_the_future_is_now() -> None:
    now = timezone.now()
    assert clock.since(now + HOUR, now=now) == now
    assert clock.since(now - HOUR, now=now) == now - HOUR


@pytest.mark.parametrize(
    ("moment", "than", "expected"),
    [
        (-HOUR, -HOUR / 2, True),
        (-HOUR / 2, -HOUR, False),
        (timedelta(seconds=5), timedelta(0), False),  # two machines' clocks may differ
        (24 * HOUR, timedelta(0), True),
    ],
)
def test_a_moment_in_the_future_counts_as_earlier(
    moment: timedelta, than: timedelta, expected: bool
) -> None:
    now = timezone.now()
    assert clock.is_earlier(now + moment, now + than, now=now) is expected
