"""The admin of jobs: fast however many there are, all to be seen, nothing to be edited."""

from __future__ import annotations

import pytest
from django.test import Client

from hubsite.engines.base import LogChunk
from jobs import logs
from jobs.admin import UncountedPaginator
from jobs.models import Job, JobDocument, JobEvent, State
from tests.accounts.factories import make_user
from tests.jobs.conftest import queued_tasks
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

LIST = "/admin/jobs/job/"
QUERIES_OF_LIST = 6
"""Session, user, the user's and the roles' permissions; then how many (bounded), and the page."""


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_user(permissions=["operate:hub"], is_staff=True))
    return client


@pytest.fixture
def owner():
    return make_user("ann@example.org", units=1000)


def test_the_list_takes_as_many_queries_for_many_jobs_as_for_one(
    operator, owner, django_assert_num_queries
):
    make_job(owner)
    operator.get(LIST)
    with django_assert_num_queries(QUERIES_OF_LIST):
        operator.get(LIST)
    for _ in range(20):
        make_job(make_user(units=5), state=State.RUNNING)
    with django_assert_num_queries(QUERIES_OF_LIST):
        operator.get(LIST)


def test_no_query_counts_all_jobs(operator, owner, django_assert_num_queries):
    make_job(owner)
    with django_assert_num_queries(QUERIES_OF_LIST) as queries:
        operator.get(LIST)
    counts = [q["sql"] for q in queries.captured_queries if "COUNT(" in q["sql"].upper()]
    assert all("LIMIT" in sql for sql in counts)


def test_beyond_its_bound_the_paginator_stops_counting(owner, monkeypatch):
    monkeypatch.setattr(UncountedPaginator, "bound", 2)
    for _ in range(3):
        make_job(owner)
    assert UncountedPaginator(Job.objects.all(), 1).count == 2


def test_a_row_shows_owner_state_cost_and_output(operator, owner):
    job = make_job(owner, state=State.FAILED, units=42, reason="OUT_OF_MEMORY")
    text = operator.get(LIST).content.decode()
    assert job.job_id in text
    assert "ann@example.org" in text
    assert '<span class="state state-FAILED">Failed</span>' in text
    assert "Needed more memory" in text
    assert "42" in text
    assert f"@cubes/{job.output_data_id}" in text


@pytest.mark.parametrize("by", ["job_id", "email", "user_id", "output"])
def test_jobs_are_found(operator, owner, by):
    wanted, other = make_job(owner), make_job(make_user(units=5))
    term = {
        "job_id": wanted.job_id,
        "email": "Ann@example.org",
        "user_id": owner.username,
        "output": wanted.output_data_id[:-5].upper(),
    }[by]
    text = operator.get(LIST, {"q": term}).content.decode()
    assert wanted.job_id in text
    assert other.job_id not in text


@pytest.mark.parametrize(
    ("name", "value"), [("state", "RUNNING"), ("reason", "DEADLINE"), ("engine", "local")]
)
def test_jobs_are_filtered(operator, owner, name, value):
    make_job(owner, engine="another")
    wanted = make_job(owner, **{"state": State.FAILED, name: value})
    key = name if name == "engine" else f"{name}__exact"
    found = operator.get(LIST, {key: value}).context["cl"].result_list
    assert [job.pk for job in found] == [wanted.pk]


def test_a_job_shows_its_documents_events_and_log(operator, owner):
    job = make_job(owner, progress={"sender": "on_update", "state": {"progress": 0.5}})
    JobDocument.objects.filter(job=job).update(
        request={"input_config": {"store_params": {"secret": "***"}}},
        estimate={"size_estimation": {"num_bytes": 77}},
        credentials=b"sealed",
    )
    JobEvent.objects.create(job=job, from_state="QUEUED", to_state="LAUNCHED", actor="worker")
    logs.append(job.pk, [LogChunk(0, ["<b>first</b>", "second"])])
    text = operator.get(f"{LIST}{job.pk}/change/").content.decode()
    assert "&quot;secret&quot;: &quot;***&quot;" in text
    assert "&quot;num_bytes&quot;: 77" in text
    assert "on_update" in text
    assert "&lt;b&gt;first&lt;/b&gt;\nsecond" in text
    assert "worker" in text
    assert "sealed" not in text


def test_nothing_about_a_job_can_be_edited(operator, owner):
    job = make_job(owner)
    page = operator.get(f"{LIST}{job.pk}/change/")
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert operator.post(f"{LIST}{job.pk}/change/", {"state": "FAILED"}).status_code == 403
    assert operator.get(f"{LIST}add/").status_code == 403
    assert operator.post(f"{LIST}{job.pk}/delete/", {"post": "yes"}).status_code == 403


def cancel(client: Client, *jobs: Job):
    chosen = {"action": "cancel", "_selected_action": [job.pk for job in jobs]}
    return client.post(LIST, chosen, follow=True)


def test_chosen_jobs_are_cancelled_and_their_runs_ended(
    operator, owner, django_capture_on_commit_callbacks
):
    running, done = make_job(owner, state=State.RUNNING), make_job(owner, state=State.SUCCEEDED)
    with django_capture_on_commit_callbacks(execute=True):
        answer = cancel(operator, running, done)
    assert "1 job was cancelled." in answer.content.decode()
    running.refresh_from_db()
    done.refresh_from_db()
    assert (running.state, done.state) == (State.CANCELLED, State.SUCCEEDED)
    assert queued_tasks() == ["remove_objects"]


def test_who_is_no_operator_sees_nothing_and_cancels_nothing(owner):
    job = make_job(owner, state=State.RUNNING)
    client = Client()
    client.force_login(make_user(permissions=["manage:cubegens"], is_staff=True))
    assert client.get(LIST).status_code == 403
    assert cancel(client, job).status_code == 403
    job.refresh_from_db()
    assert job.state == State.RUNNING
