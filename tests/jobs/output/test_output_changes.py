"""Who shows the data of stores is told when a job has changed it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from jobs import lifecycle
from jobs.models import Job, State
from jobs.output import output_changes, outputs
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """The ids of jobs whose output was said to have changed."""
    ids: list[str] = []
    monkeypatch.setattr(output_changes, "_listeners", [lambda job: ids.append(job.job_id)])
    return ids


def running() -> Job:
    now = timezone.now()
    owner = make_user(units=100)
    return make_job(
        owner, state=State.RUNNING, launched_at=now, made_at=now, started_at=now, is_live=True
    )


@pytest.mark.parametrize(
    ("to", "wrote", "expected"),
    [
        (State.SUCCEEDED, None, True),
        (State.SUCCEEDED, True, True),
        (State.SUCCEEDED, False, False),
        (State.FAILED, None, True),
        (State.FAILED, True, True),
        (State.FAILED, False, False),
    ],
)
def test_the_end_of_a_run_that_may_have_written(
    told, django_capture_on_commit_callbacks, to, wrote, expected
) -> None:
    job = running()
    with django_capture_on_commit_callbacks(execute=True):
        assert lifecycle.move(job, to, actor="observer", wrote=wrote)
        assert told == []  # not before the end is committed
    assert told == [job.job_id] * expected


def test_a_job_that_never_ran_changes_nothing(told, django_capture_on_commit_callbacks) -> None:
    job = make_job(make_user(units=100))
    with django_capture_on_commit_callbacks(execute=True):
        lifecycle.cancel(job, actor="user")
    assert told == []


def test_a_cancelled_run_is_told_when_it_is_over(told, django_capture_on_commit_callbacks) -> None:
    job = running()
    with django_capture_on_commit_callbacks(execute=True):
        lifecycle.cancel(job, actor="user")
        lifecycle.close(job, has_run=True, result_status="ok", wrote=True)
    assert job.job_id in told


def test_the_removal_of_an_output_is_told(
    told, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    job = running()
    with django_capture_on_commit_callbacks(execute=True):
        lifecycle.fail(job, "XCUBE_ERROR", "no", actor="observer", wrote=True)
    told.clear()
    removed = iter([True])
    monkeypatch.setattr(outputs, "_ask_estimator", lambda job: next(removed))
    with django_capture_on_commit_callbacks(execute=True):
        assert outputs.remove_due() == 1
    assert told == [job.job_id]


def test_one_who_cannot_be_told_keeps_nobody_from_the_end(
    monkeypatch, django_capture_on_commit_callbacks, caplog
) -> None:
    told: list[str] = []

    def fail(job: Job) -> None:
        raise RuntimeError("broken")

    listeners = [fail, lambda job: told.append(job.job_id)]
    monkeypatch.setattr(output_changes, "_listeners", listeners)
    job = running()
    with django_capture_on_commit_callbacks(execute=True):
        assert lifecycle.move(job, State.SUCCEEDED, actor="observer")
    assert told == [job.job_id]
    assert "could not be passed on" in caplog.text
