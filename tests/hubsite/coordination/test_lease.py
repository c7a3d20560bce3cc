"""One holder at a time, and never for longer than a lease is long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from hubsite.coordination.lease import Lease
from hubsite.coordination.lock import Lock

pytestmark = pytest.mark.django_db


def test_one_holder_at_a_time() -> None:
    first, second = Lease("test", seconds=15), Lease("test", seconds=15)
    assert first.hold()
    assert not second.hold()
    assert first.hold()
    first.give_back()
    assert second.hold()


def test_a_lease_runs_out() -> None:
    first, second = Lease("test", seconds=-1), Lease("test", seconds=15)
    assert first.hold()
    assert second.hold()


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(hours=1), timedelta(seconds=20)])
def test_a_lease_of_a_clock_that_was_ahead_is_over(ahead: timedelta) -> None:
    Lock.objects.create(name="test", holder="gone", expires_at=timezone.now() + ahead)
    assert Lease("test", seconds=15).hold()


def test_a_lease_that_may_be_right_is_respected() -> None:
    expires_at = timezone.now() + timedelta(seconds=14)
    Lock.objects.create(name="test", holder="other", expires_at=expires_at)
    assert not Lease("test", seconds=15).hold()


def test_a_clock_that_is_wrong_in_this_process_does_not_count(monkeypatch) -> None:
    """The database's clock decides, because all processes share it."""
    assert Lease("test", seconds=15).hold()
    later = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert not Lease("test", seconds=15).hold()
