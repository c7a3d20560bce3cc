"""A fact is recorded before its evidence is destroyed."""

import json

import pytest
from django.utils import timezone

from accounts.models import Balance
from hubsite.engines.facts import Phase
from hubsite.engines.outcomes import EngineUnavailable
from jobs import lifecycle, tasks
from jobs.models import Job, State
from jobs.running.run_token import run_token
from tests.accounts.factories import make_user

from ..factories import make_job

pytestmark = pytest.mark.django_db

OK = {"status": "ok", "result": {"data_id": "x.zarr"}}


@pytest.fixture
def job():
    """Launched, and cancelled before the follower saw its run."""
    job = make_job(make_user(units=10), units=4, state=State.LAUNCHED, launched_at=timezone.now())
    lifecycle.cancel(job, actor="user")
    return job


def left(job):
    balance = Balance.objects.get(user=job.owner)
    return balance.total, balance.reserved


def remove(job):
    tasks.remove_objects([job.job_id], job.engine)
    job.refresh_from_db()


def test_a_finished_cube_of_a_job_cancelled_before_it_was_seen_is_charged(job, engine):
    engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
    remove(job)
    assert (job.state, job.is_live, left(job)) == (State.CANCELLED, False, (6, 0))
    assert job.removal_due_at is None, "it is paid, and stays"
    assert job.started_at, "so that its owner may replace it"
    assert engine.deleted == [job.job_id]


def test_success_counts_even_where_the_engine_lost_the_result(job, engine):
    engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now())
    remove(job)
    assert left(job) == (6, 0)


def test_a_run_that_is_under_way_is_ended_and_its_end_awaited(job, engine):
    engine.show(job.job_id, Phase.RUNNING, started_at=timezone.now())
    remove(job)
    assert (engine.stopped, engine.deleted) == ([job.job_id], [])
    assert (job.is_live, left(job)) == (True, (10, 4))
    assert job.started_at, "its begin is recorded already"
    remove(job)
    assert (job.is_live, left(job), engine.deleted) == (False, (10, 0), [job.job_id])
    assert job.removal_due_at, "what it wrote goes"


def test_a_run_that_finishes_while_it_is_being_ended_is_charged(job, engine):
    engine.show(job.job_id, Phase.RUNNING, started_at=timezone.now())
    remove(job)
    engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
    remove(job)
    assert (left(job), job.removal_due_at) == ((6, 0), None)


def test_nothing_is_destroyed_while_the_engine_cannot_be_asked(job, engine):
    engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
    engine.look = lambda name: (_ for _ in ()).throw(EngineUnavailable("away"))
    remove(job)
    assert (engine.deleted, job.is_live, left(job)) == ([], True, (10, 4))


def test_a_run_that_never_was_is_free_and_its_name_forbidden(job, engine):
    remove(job)
    assert engine.deleted == [job.job_id]
    assert job.is_live, "the follower frees it when it is surely gone"


def test_one_run_that_cannot_be_ended_does_not_keep_others_from_it(job, engine, monkeypatch):
    other = make_job(make_user(units=10), state=State.LAUNCHED, launched_at=timezone.now())
    lifecycle.cancel(other, actor="user")
    for each in (job, other):
        engine.show(each.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
    close = lifecycle.close

    def fail_for_first(ended, **facts):
        if ended.job_id == job.job_id:
            raise ValueError("cannot be")
        return close(ended, **facts)

    monkeypatch.setattr(lifecycle, "close", fail_for_first)
    tasks.remove_objects([job.job_id, other.job_id], "local")
    assert engine.deleted == [other.job_id]
    assert not Job.objects.get(pk=other.pk).is_live


def report(client, job, **more):
    body = {"sender": "on_end", "state": {"label": "x", "progress": 1}, **more}
    return client.put(
        f"/api/v2/cubegens/{job.job_id}/callbacks",
        data=json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {run_token(job.job_id, job.attempt)}"},
    )


@pytest.mark.parametrize("can_remove_output", [True, False])
@pytest.mark.parametrize("result", [None, OK])
def test_an_accepted_report_of_a_cancelled_jobs_run_counts(
    client, job, engine, result, can_remove_output
):
    """Its object may be gone, with observer and engine away meanwhile."""
    Job.objects.update(can_remove_output=can_remove_output)
    assert report(client, job, **({"result": result} if result else {})).status_code == 200
    job.refresh_from_db()
    assert job.started_at
    lifecycle.close(job, has_run=job.started_at is not None)
    is_charged = result is not None or not can_remove_output
    assert left(job) == ((6, 0) if is_charged else (10, 0))


def test_a_report_after_the_bill_changes_nothing(client, job):
    lifecycle.close(job, has_run=False)
    assert left(job) == (10, 0)
    report(client, job, result=OK)
    job.refresh_from_db()
    assert (job.started_at, job.result, left(job)) == (None, None, (10, 0))
