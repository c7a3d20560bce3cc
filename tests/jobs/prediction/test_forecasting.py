"""What the worker's tick learns in the database, and what teaches it nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from hubsite import switches
from hubsite.engines import draining
from jobs.models import (
    Job,
    JobEvent,
    LearntDuration,
    OpenPrediction,
    PredictionErrors,
    Priority,
    State,
)
from jobs.prediction import durations, forecasting
from jobs.queue import ordering
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

STORE = "@demo"
KIND = f"0 {STORE}"


class Engine:
    name = "local"

    class runs:  # noqa: N801
        capacity = 1


@pytest.fixture(autouse=True)
def engine(monkeypatch, read_switches):
    monkeypatch.setattr(forecasting, "find_engine", lambda name: Engine)
    draining.forget()
    yield
    draining.forget()


@pytest.fixture
def owner():
    return make_user(units=1000)


@pytest.fixture
def known():
    """What jobs take is known, so predictions are opened."""
    for name in ("local", "kubernetes"):
        LearntDuration.objects.create(engine=name, kind=KIND, seconds=[60.0] * 10)


def waiting(owner, count: int = 1, **fields) -> list[Job]:
    return [make_job(owner, input_store=STORE, **fields) for _ in range(count)]


def look(engine: str = "local") -> None:
    """A tick, whatever the last one took."""
    forecasting.QueueForecast.objects.update(took_s=0)
    forecasting.forecast(engine)


def launched(job: Job, *, after_s: float) -> None:
    at = OpenPrediction.objects.get(job=job).made_at + timedelta(seconds=after_s)
    Job.objects.filter(pk=job.pk).update(state=State.LAUNCHED, launched_at=at)


def test_durations_are_learnt_once_from_jobs_that_ran(owner):
    now = timezone.now()
    for seconds, state in ((30, State.SUCCEEDED), (90, State.FAILED)):
        job = make_job(
            owner,
            state=state,
            input_store=STORE,
            launched_at=now,
            finished_at=now + timedelta(seconds=seconds),
        )
        JobEvent.objects.create(job=job, to_state=state, actor="follower")
    never_ran = make_job(owner, state=State.CANCELLED, input_store=STORE, finished_at=now)
    JobEvent.objects.create(job=never_ran, to_state=State.CANCELLED, actor="ann")
    durations.learn()
    durations.learn()
    assert durations.known("local") == {KIND: [30.0, 90.0]}
    assert durations.known("kubernetes") == {}


def test_of_a_kind_the_latest_durations_are_kept(owner):
    LearntDuration.objects.create(engine="local", kind=KIND, seconds=[1.0] * durations.LATEST)
    now = timezone.now()
    job = make_job(
        owner,
        state=State.SUCCEEDED,
        input_store=STORE,
        launched_at=now,
        finished_at=now + timedelta(seconds=7),
    )
    JobEvent.objects.create(job=job, to_state=State.SUCCEEDED, actor="follower")
    durations.learn()
    seconds = durations.known("local")[KIND]
    assert len(seconds) == durations.LATEST and seconds[-2:] == [1.0, 7.0]


def test_a_start_teaches_how_wrong_its_prediction_was(owner, known):
    running = make_job(owner, state=State.RUNNING, input_store=STORE, launched_at=timezone.now())
    (job,) = waiting(owner)
    look()
    expected_s = OpenPrediction.objects.get(job=job).middle
    assert 0 < expected_s <= 60
    launched(job, after_s=expected_s * 10)
    Job.objects.filter(pk=running.pk).update(state=State.SUCCEEDED, is_live=False)
    forecasting.settle("local")
    forecasting.settle("local")  # a second look learns nothing twice
    (row,) = PredictionErrors.objects.all()
    ((early, late, *_features),) = row.errors
    assert late > 1 and early < 0
    assert not OpenPrediction.objects.exists()


def test_a_cancelled_job_teaches_nothing(owner, known):
    (job,) = waiting(owner)
    look()
    assert OpenPrediction.objects.count() == 1
    Job.objects.filter(pk=job.pk).update(state=State.CANCELLED, is_live=False)
    forecasting.settle("local")
    assert not PredictionErrors.objects.exists() and not OpenPrediction.objects.exists()


def test_before_durations_are_known_no_prediction_is_opened(owner):
    waiting(owner, 3)
    look()
    assert not OpenPrediction.objects.exists()


@pytest.mark.parametrize("how", ["suspended", "drained"])
def test_what_waits_for_an_operator_teaches_nothing(owner, known, how):
    (job,) = waiting(owner)
    look()
    assert OpenPrediction.objects.count() == 1
    if how == "suspended":
        switches.suspend("xcube_gen", message="Until noon.", actor="olga")
    else:
        draining.drain("local", message="Until noon.", actor="olga")
    look()
    assert not OpenPrediction.objects.exists()
    if how == "suspended":
        switches.resume("xcube_gen", actor="olga")
    else:
        draining.resume("local", actor="olga")
    look()
    assert OpenPrediction.objects.get().job == job


def test_a_job_that_an_operator_puts_elsewhere_is_predicted_anew(owner, known):
    jobs = waiting(owner, 3)
    look()
    predicted = set(OpenPrediction.objects.values_list("job", flat=True))
    assert len(predicted) == 3
    ordering.set_priority(Job.objects.filter(pk=jobs[0].pk), Priority.URGENT, actor="olga")
    assert set(OpenPrediction.objects.values_list("job", flat=True)) == {job.pk for job in jobs[1:]}


def test_a_busy_engine_does_not_keep_another_from_learning(owner, known):
    many = forecasting.errors.OPEN
    waiting(owner, many + 5)
    for _ in range(many):
        look()
    per_sort = OpenPrediction.objects.filter(job__engine="local").count()
    assert per_sort >= many
    waiting(make_user(units=9), 1, engine="kubernetes")
    waiting(owner, 5, engine="kubernetes")
    look("kubernetes")
    assert OpenPrediction.objects.filter(job__engine="kubernetes").exists()
