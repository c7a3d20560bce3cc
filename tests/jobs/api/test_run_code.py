"""The uploaded code of a run, for the run itself and until it is over."""

import pytest

from jobs.models import State
from jobs.running.run_token import run_token
from tests.accounts.factories import bearer, make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

ARCHIVE = b"PK\x05\x06" + bytes(18)


def fetch(client, job, token=None):
    token = token or run_token(job.job_id, job.attempt)
    return client.get(
        f"/api/v2/cubegens/{job.job_id}/code",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/zip"},
    )


@pytest.fixture
def job():
    return with_code(State.LAUNCHED)


def with_code(state):
    job = make_job(make_user(units=10), state=state)
    job.document.code = ARCHIVE
    job.document.save()
    return job


@pytest.mark.parametrize("state", [State.LAUNCHED, State.RUNNING])
def test_a_run_fetches_its_code(client, state):
    answer = fetch(client, with_code(state))
    assert (answer.status_code, answer.content) == (200, ARCHIVE)
    assert answer["Content-Type"] == "application/zip"
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("state", [State.QUEUED, State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_a_run_that_is_over_or_not_yet_launched_gets_none(client, state):
    answer = fetch(client, with_code(state))
    assert answer.status_code == 410
    assert answer["Content-Type"] == "application/problem+json"


def test_where_none_was_uploaded_there_is_none(client):
    answer = fetch(client, make_job(make_user(units=10), state=State.RUNNING))
    assert answer.status_code == 404
    assert "no uploaded code" in answer.json()["detail"]


def test_no_other_token_gets_it(client, job):
    scopes = ("manage:cubegens", "process:cubegens")
    owner = bearer(job.owner, scopes)["Authorization"].split()[1]
    other = with_code(State.RUNNING)
    for token in (owner, run_token(job.job_id, 2), run_token(other.job_id, 1), "x"):
        answer = fetch(client, job, token=token)
        assert answer.status_code == 401
        assert ARCHIVE not in answer.content


def test_it_can_only_be_read(client, job):
    headers = {"Authorization": f"Bearer {run_token(job.job_id, 1)}"}
    url = f"/api/v2/cubegens/{job.job_id}/code"
    for method in (client.put, client.post, client.delete):
        assert method(url, headers=headers).status_code == 405


def test_runs_go_on_while_cube_generation_is_switched_off(client, job, settings):
    settings.HUB = {**settings.HUB, "CUBEGENS_SILENT": True}
    assert fetch(client, job).status_code == 200


def test_query_count(client, job, django_assert_num_queries):
    with django_assert_num_queries(2):
        fetch(client, job)
