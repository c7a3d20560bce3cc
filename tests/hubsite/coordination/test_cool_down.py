"""A system that did not answer is left alone: by all, and never for longer than declared."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from hubsite.coordination.cool_down import CoolDown
from hubsite.coordination.lock import Lock
from jobs.models import Job
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

COOL_DOWN = CoolDown("testing", seconds=60)


def test_it_is_of_one_target_and_one_kind_of_work() -> None:
    COOL_DOWN.start("a")
    assert COOL_DOWN.is_on("a")
    assert not COOL_DOWN.is_on("b")
    assert not CoolDown("other", seconds=60).is_on("a")


def test_it_ends_with_its_time_or_when_the_target_answers() -> None:
    COOL_DOWN.start("a", seconds=-1)
    assert not COOL_DOWN.is_on("a")
    COOL_DOWN.start("a")
    COOL_DOWN.end("a")
    assert not COOL_DOWN.is_on("a")


def test_a_shorter_one_may_be_asked_for_but_no_longer_one() -> None:
    COOL_DOWN.start("a", seconds=3600)
    assert COOL_DOWN.is_on("a")
    left = Lock.objects.get().expires_at - timezone.now()
    assert left <= timedelta(seconds=60)


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(seconds=90)])
def test_one_of_a_clock_that_was_ahead_is_over(ahead: timedelta) -> None:
    COOL_DOWN.start("local")
    Lock.objects.update(expires_at=timezone.now() + ahead)
    assert not COOL_DOWN.is_on("local")
    make_job(make_user(units=9))
    assert Job.objects.exclude(COOL_DOWN.is_on_for("engine")).count() == 1


def test_rows_are_kept_back_by_the_target_that_they_name() -> None:
    make_job(make_user(units=9))
    COOL_DOWN.start("local")
    assert not Job.objects.exclude(COOL_DOWN.is_on_for("engine")).exists()
    COOL_DOWN.end("local")
    assert Job.objects.exclude(COOL_DOWN.is_on_for("engine")).exists()


def test_long_names_fit() -> None:
    COOL_DOWN.start("h" * 150)
    assert COOL_DOWN.is_on("h" * 150)
