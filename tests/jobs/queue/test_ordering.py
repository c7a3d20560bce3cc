"""Operators put waiting jobs before or after others, and let another engine run them."""

from __future__ import annotations

import pytest

from hubsite.health import heartbeat
from hubsite.refusals import Refused
from jobs.models import Job, JobEvent, Priority, State
from jobs.queue import launching, ordering
from tests.accounts.factories import make_user

from ..conftest import queued_tasks
from ..factories import make_job

pytestmark = pytest.mark.django_db


def _only(*jobs: Job):
    return Job.objects.filter(pk__in=[job.pk for job in jobs])


def test_urgent_jobs_come_before_all_turns_and_later_ones_after_them(engine):
    engine._places = 10
    greedy, modest = make_user(units=100), make_user(units=100)
    many = [make_job(greedy) for _ in range(4)]
    one = make_job(modest)
    assert ordering.set_priority(_only(many[3]), Priority.URGENT, actor="op") == 1
    assert ordering.set_priority(_only(many[0], one), Priority.LATER, actor="op") == 2
    launching.launch_due()
    order = [run.name for run in engine.launched]
    assert order == [many[3].job_id, many[1].job_id, many[2].job_id, one.job_id, many[0].job_id]


def test_the_limit_of_a_user_holds_for_urgent_jobs_too(engine, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_RUNNING_PER_USER": 1}
    engine._places = 10
    user = make_user(units=100)
    first, second = make_job(user), make_job(user)
    ordering.set_priority(_only(second), Priority.URGENT, actor="op")
    assert launching.launch_due() == 1
    assert [run.name for run in engine.launched] == [second.job_id]
    assert Job.objects.get(pk=first.pk).state == State.QUEUED


def test_only_waiting_jobs_change_and_each_change_is_an_event(
    engine, django_capture_on_commit_callbacks
):
    user = make_user(units=100)
    waiting, running = make_job(user), make_job(user, state=State.RUNNING)
    ended = make_job(user, state=State.FAILED)
    chosen = _only(waiting, running, ended)
    assert ordering.set_priority(chosen, Priority.URGENT, actor="a-operator") == 1
    assert ordering.set_priority(chosen, Priority.URGENT, actor="a-operator") == 0
    event = JobEvent.objects.get(message__startswith="Priority")
    assert (event.job, event.actor, event.message) == (waiting, "a-operator", "Priority: urgent.")
    heartbeat.beat("follower", "kubernetes")
    with django_capture_on_commit_callbacks(execute=True):
        assert ordering.move_to_engine(chosen, "kubernetes", actor="a-operator") == 1
    assert set(_only(running, ended).values_list("engine", "priority")) == {("local", 1)}
    assert "launch_due" in queued_tasks()


def test_a_job_moves_only_to_an_engine_that_exists_and_may_run_it(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_LOCAL_USER_CODE": False}
    job = make_job(make_user(units=9), engine="kubernetes", has_user_code=True)
    with pytest.raises(Refused, match="no engine 'moon'"):
        ordering.move_to_engine(_only(job), "moon", actor="op")
    with pytest.raises(Refused, match="observe --engine local"):
        ordering.move_to_engine(_only(job), "local", actor="op")
    heartbeat.beat("follower", "local")
    with pytest.raises(Refused, match="users' code"):
        ordering.move_to_engine(_only(job), "local", actor="op")
    Job.objects.update(has_user_code=False)
    assert ordering.move_to_engine(_only(job), "local", actor="op") == 1
    assert Job.objects.get(pk=job.pk).engine == "local"
