"""Ticks come when they are due, once while they wait, and whatever a clock once said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from hubsite import tasks
from hubsite.coordination import clock_jumps, queues, ticks
from hubsite.coordination.ticks import Tick, Ticker
from hubsite.health.heartbeat import Heartbeat
from tests.jobs.conftest import queued_tasks

pytestmark = pytest.mark.django_db
DAY_S = 86400


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "_registered", {})


def age(seconds: float) -> None:
    """As if the ticks had been asked for that long ago."""
    Tick.objects.update(asked_at=timezone.now() - timedelta(seconds=seconds))


def test_a_tick_comes_once_in_its_interval_however_many_processes_ask() -> None:
    ticks.every(5, "app.sweep")
    for _ in range(3):
        Ticker().ask_due()
        OrmQ.objects.all().delete()
    assert Tick.objects.get().asked_at is not None
    Ticker().ask_due()
    assert queued_tasks() == []
    age(5)
    Ticker().ask_due()
    assert queued_tasks() == ["sweep"]


def test_a_restart_neither_forgets_nor_repeats_what_comes_once_an_hour() -> None:
    ticks.housekeeping("app.tidy")
    Ticker().ask_due()
    assert queued_tasks() == ["tidy"]
    OrmQ.objects.all().delete()
    age(1800)
    Ticker().ask_due()
    assert queued_tasks() == []
    age(3700)
    Ticker().ask_due()
    assert queued_tasks() == ["tidy"]


def test_a_tick_that_waits_is_asked_for_only_once() -> None:
    ticks.every(5, "app.sweep")
    for seconds in (0, 60, 3600):
        Ticker().ask_due()
        age(seconds + 5)
    assert ticks.ask("app.sweep"), "it will be done"
    assert queued_tasks() == ["sweep"]


def test_a_tick_that_a_worker_has_fetched_is_asked_for_again() -> None:
    """What was written since would not be seen by the one that runs."""
    ticks.on_demand("app.launch")
    ticks.ask("app.launch")
    OrmQ.objects.update(lock=timezone.now() + timedelta(seconds=300))
    assert ticks.ask("app.launch")
    assert OrmQ.objects.count() == 2


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(seconds=30)])
def test_a_tick_asked_for_by_a_clock_that_was_ahead_comes_now(ahead: timedelta) -> None:
    ticks.every(5, "app.sweep")
    Ticker().ask_due()
    future = timezone.now() + ahead
    Tick.objects.update(asked_at=future)
    OrmQ.objects.update(lock=future)
    Ticker().ask_due()
    assert queued_tasks() == ["sweep", "sweep"]


def test_the_clock_of_who_asks_does_not_hide_a_tick_from_the_worker(monkeypatch) -> None:
    ticks.on_demand("app.launch")
    later = timezone.now() + timedelta(days=1)
    with monkeypatch.context() as context:
        context.setattr(timezone, "now", lambda: later)
        ticks.ask("app.launch")
    assert OrmQ.objects.get().lock <= timezone.now()


def test_a_task_that_was_fetched_by_a_clock_ahead_does_not_come_back_a_day_later() -> None:
    ticks.on_demand("app.launch")
    ticks.ask("app.launch")
    OrmQ.objects.update(lock=timezone.now() + timedelta(seconds=300))
    assert tasks.forget_unreachable_ticks() == 0, "a worker may be at it"
    OrmQ.objects.update(lock=timezone.now() + timedelta(days=1))
    assert tasks.forget_unreachable_ticks() == 1


def test_nothing_is_added_to_a_long_queue_and_the_other_queue_is_not_concerned() -> None:
    ticks.housekeeping("app.tidy")
    ticks.every(5, "app.sweep")
    for _ in range(queues.QUEUE_IS_LONG):
        queues.put(queues.OUTSIDE, "app.other", 1)
    assert not ticks.ask("app.tidy")
    assert ticks.ask("app.sweep")


def test_deletions_are_asked_for_first() -> None:
    ticks.housekeeping("app.notify")
    ticks.housekeeping("app.delete_old", deletes=True)
    Ticker().ask_due()
    assert queued_tasks() == ["delete_old", "notify"]


@pytest.mark.parametrize("seen_s_ago", [-40 * DAY_S, 60, 11 * 3600, 13 * 3600, 40 * DAY_S])
def test_a_clock_that_went_far_ahead_deletes_nothing_for_a_day(seen_s_ago: float, caplog) -> None:
    ticks.housekeeping("app.notify")
    ticks.housekeeping("app.delete_old", deletes=True)
    Ticker().ask_due()
    OrmQ.objects.all().delete()
    clock = Heartbeat.objects.filter(part=clock_jumps.PART)
    clock.update(at=timezone.now() - timedelta(seconds=seen_s_ago))
    has_jumped = seen_s_ago > 12 * 3600
    for _ in range(2):  # a process that starts meanwhile knows of it
        age(4000)
        Ticker().ask_due()
        assert queued_tasks() == (["notify"] if has_jumped else ["delete_old", "notify"])
        OrmQ.objects.all().delete()
    assert caplog.text.count("Look at the clock.") == has_jumped
    clock.update(since=timezone.now() - timedelta(seconds=DAY_S + 1))
    age(4000)
    Ticker().ask_due()
    assert queued_tasks() == ["delete_old", "notify"]


def test_a_name_that_no_app_registered_is_a_fault() -> None:
    with pytest.raises(LookupError, match="app.typo is not registered"):
        ticks.ask("app.typo")


def test_asking_for_what_waits_takes_one_query(django_assert_num_queries) -> None:
    ticks.on_demand("app.launch")
    ticks.ask("app.launch")
    with django_assert_num_queries(1):
        ticks.ask("app.launch")
