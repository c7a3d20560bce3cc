"""Jobs over time: exact, whatever becomes of the tick that counts, and cheap to read."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import lifecycle
from jobs.models import FINAL_STATES, Job, JobEvent, JobHour, Priority, State
from jobs.operators import history
from jobs.operators.history import HOUR, Waits, begin_of
from jobs.queue import ordering
from tests.accounts.factories import make_user

from ..factories import make_job

# No hour ends meanwhile.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PATHS = (
    (),
    (State.LAUNCHED,),
    (State.LAUNCHED, State.RUNNING),
    (State.LAUNCHED, State.RUNNING, State.SUCCEEDED),
    (State.LAUNCHED, State.RUNNING, State.FAILED),
    (State.CANCELLED,),
)


def _live(chance: random.Random, count: int, hours: int) -> None:
    """Let jobs live through these hours until now, each on one of the paths."""
    now, owner = timezone.now(), make_user(units=1000)
    for _ in range(count):
        job = make_job(owner)
        at = now - timedelta(hours=chance.uniform(0.1, hours))
        JobEvent.objects.filter(job=job).update(at=at)
        Job.objects.filter(pk=job.pk).update(created_at=at)
        origin = State.QUEUED
        for to in chance.choice(PATHS):
            at = min(now, at + timedelta(minutes=chance.uniform(0, 90)))
            JobEvent.objects.create(job=job, from_state=origin, to_state=to, at=at, actor="x")
            origin = to
        Job.objects.filter(pk=job.pk).update(state=origin, is_live=origin not in FINAL_STATES)


def _states_at(moment) -> Counter[str]:
    """By the events: in which state each job was at that time."""
    states: dict[int, str] = {}
    for job, to in (
        JobEvent.objects.filter(at__lt=moment).order_by("at", "pk").values_list("job", "to_state")
    ):
        states[job] = to
    return Counter(states.values())


def _told(since) -> list[history.Period]:
    states = Counter(Job.objects.values_list("state", flat=True))
    active = states[State.LAUNCHED] + states[State.RUNNING]
    return history.periods(since, now_queued=states[State.QUEUED], now_active=active)


@pytest.mark.parametrize("seed", range(3))
def test_the_hours_say_what_the_events_say_after_kills_and_pauses(monkeypatch, seed):
    chance = random.Random(seed)
    _live(chance, 60, hours=12)
    killed = 0

    def kill(hour) -> None:
        nonlocal killed
        if chance.random() < 0.4:
            killed += 1
            raise KeyboardInterrupt
        count(hour)

    count = history._count
    monkeypatch.setattr(history, "_count", kill)
    for _ in range(60):  # ticks that are killed anywhere, and repeated
        try:
            history.count_hours()
            break
        except KeyboardInterrupt:
            continue
    monkeypatch.setattr(history, "_count", count)
    JobHour.objects.filter(hour=begin_of(timezone.now())).delete()  # a pause before the last hour
    history.count_hours()
    history.count_hours()

    assert killed
    told = _told(begin_of(timezone.now()) - 12 * HOUR)
    assert sum(period.came for period in told) == 60
    for state in FINAL_STATES:
        assert sum(period.ended[state] for period in told) == _states_at(timezone.now())[state]
    for period in told[:-1]:
        states = _states_at(period.begin + HOUR)
        assert period.queued == states[State.QUEUED]
        assert period.active == states[State.LAUNCHED] + states[State.RUNNING]


def test_what_changes_no_state_is_no_step(engine):
    job = make_job(make_user(units=9))
    ordering.set_priority(Job.objects.filter(pk=job.pk), Priority.URGENT, actor="op")
    lifecycle.cancel(job, actor="op")
    history.count_hours()
    assert JobHour.objects.get().steps == {">QUEUED": 1, "QUEUED>CANCELLED": 1}


def test_waits_are_told_by_engine_and_never_too_short():
    owner, now = make_user(units=100), timezone.now()
    for seconds in range(1, 101):
        job = make_job(owner, created_at=now - timedelta(seconds=seconds), engine="local")
        JobEvent.objects.create(
            job=job, from_state="QUEUED", to_state="LAUNCHED", at=now, actor="x"
        )
    history.count_hours()
    waits = Waits.sum([JobHour.objects.order_by("-hour").first().waits["local"]])
    assert waits.jobs == 100
    for part, true in ((0.5, 50), (0.9, 90), (0.99, 99)):
        assert true <= waits.quantile(part) <= true * history.GROWTH
    assert Waits.sum([]).quantile(0.5) is None


def test_reading_takes_one_query_and_a_tick_looks_at_the_last_hours_only(
    django_assert_num_queries, django_assert_max_num_queries
):
    _live(random.Random(9), 30, hours=48)
    history.count_hours()
    with django_assert_num_queries(1):
        history.periods(timezone.now() - 48 * HOUR, now_queued=0, now_active=0)
    with django_assert_max_num_queries(30):
        assert history.count_hours() <= 3


def test_old_hours_are_forgotten():
    JobHour.objects.create(hour=begin_of(timezone.now() - history.KEPT - HOUR))
    JobHour.objects.create(hour=begin_of(timezone.now()))
    assert history.forget_old() == 1
