"""Why jobs wait: one cause each, which agrees with what launching itself decides."""

from __future__ import annotations

import random

import pytest
from django.test import Client

from hubsite import switches
from jobs import launching, waiting
from jobs.models import Job, Priority, State
from jobs.waiting import Cause, Facts, why
from tests.accounts.factories import make_user

from .factories import make_job

pytestmark = pytest.mark.django_db

OPEN = Facts(State.QUEUED, False, True, False, 4, 0, 0, 0, 0)


class Runs:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity


class Engine:
    """Only what the launch decision reads of an engine."""

    name = "local"

    def __init__(self, capacity: int) -> None:
        self.runs = Runs(capacity)


@pytest.fixture
def engine(monkeypatch):
    engine = Engine(3)
    monkeypatch.setattr(waiting, "find_engine", lambda name: engine if name == "local" else None)
    return engine


def limit(monkeypatch, most: int) -> None:
    class Settings:
        running_per_user = most

    monkeypatch.setattr(launching, "hub", Settings)
    monkeypatch.setattr(waiting, "hub", Settings)


def cause(job: Job) -> Cause | None:
    job = Job.objects.get(pk=job.pk)
    found = waiting.waiting_of(job)
    return found.cause if found else None


@pytest.mark.parametrize("seed", range(6))
def test_each_waiting_job_has_one_cause_and_launching_agrees(engine, monkeypatch, seed):
    """In random worlds: who is launched was next or had no place; who is left still has a cause."""
    chance = random.Random(seed)
    users = [make_user(units=100) for _ in range(3)]
    for _ in range(14):
        state = chance.choice([State.QUEUED] * 3 + [State.RUNNING, State.LAUNCHED])
        priority = chance.choice([*Priority, Priority.NORMAL, Priority.NORMAL])
        make_job(chance.choice(users), state=state, priority=priority)
    engine.runs.capacity = chance.randint(0, 9)
    limit(monkeypatch, chance.choice([0, 1, 2, 3]))
    queued = list(Job.objects.due())
    told = {job.pk: cause(job) for job in queued}
    assert all(told.values())

    launched = {job.pk for job in launching.claim_due(engine)}

    assert {told[pk] for pk in launched} <= {Cause.NEXT}
    left = [job for job in queued if job.pk not in launched]
    assert {cause(job) for job in left} <= {Cause.OWN_SHARE, Cause.NO_PLACE}
    assert {cause(job) for job in queued if job.pk in launched} <= {Cause.STARTING}
    assert launched or Cause.NEXT not in told.values(), "a job that is next means that one starts"


def test_the_first_cause_that_holds_is_told():
    worst = Facts(State.QUEUED, True, False, True, 0, 9, 9, 9, 1)
    order = [
        ({}, Cause.SUSPENDED),
        ({"is_suspended": False}, Cause.ENGINE_UNKNOWN),
        ({"is_engine_known": True}, Cause.ENGINE_AWAY),
        ({"is_engine_away": False}, Cause.OWN_SHARE),
        ({"own_limit": 0}, Cause.NO_PLACE),
        ({"capacity": 10}, Cause.NEXT),
        ({"state": State.LAUNCHED}, Cause.STARTING),
        ({"state": State.RUNNING}, None),
        ({"state": State.CANCELLED}, None),
    ]
    values = dict(vars(worst))
    for changes, expected in order:
        values.update(changes)
        assert why(Facts(**values)) == expected
    assert why(OPEN) == Cause.NEXT


def test_a_suspension_an_unknown_engine_and_a_cool_down_are_causes(engine):
    job = make_job(make_user(units=9))
    assert cause(job) == Cause.NEXT
    launching.COOL_DOWN.start("local")
    assert cause(job) == Cause.ENGINE_AWAY
    other = make_job(make_user(units=9), engine="former")
    assert cause(other) == Cause.ENGINE_UNKNOWN
    switches.suspend("xcube_gen", message="Maintenance.", actor="test")
    assert {cause(job), cause(other)} == {Cause.SUSPENDED}


def test_it_costs_three_queries_however_many_wait(engine, django_assert_num_queries):
    users = [make_user(units=100) for _ in range(2)]
    jobs = [make_job(user) for user in users for _ in range(5)]
    switches.suspension("xcube_gen")  # it is remembered for two seconds
    with django_assert_num_queries(3):
        found = waiting.waiting_of(jobs[-1])
    assert found.own_before == 4


def test_the_page_of_a_waiting_job_says_why(engine, monkeypatch):
    owner = make_user(permissions=["manage:cubegens"], units=9)
    limit(monkeypatch, 1)
    make_job(owner, state=State.RUNNING)
    job = make_job(owner)
    client = Client()
    client.force_login(owner)
    page = client.get(f"/cubes/{job.job_id}/").content.decode()
    assert "You may run 1 at once" in page and "Cancel those" in page
    Job.objects.filter(pk=job.pk).update(state=State.RUNNING)
    assert "You may run 1 at once" not in client.get(f"/cubes/{job.job_id}/").content.decode()
