"""`POST /cubegens/{job_id}/viewer`: a finished cube in the viewer."""

from __future__ import annotations

import hashlib

import pytest
from django.utils import timezone

from jobs.models import Job
from jobs.models import State as JobState
from jobs.stores.catalogue import load_catalogue
from jobs.stores.location import location
from services.models import ServiceInstance, State
from tests.accounts.factories import bearer, make_user
from tests.api_document import answer_faults
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

SCOPE = "manage:cubegens"


@pytest.fixture
def owner():
    return make_user("ann@example.org", [SCOPE], units=10)


def finished(owner, data_id: str = "one.zarr", **fields) -> Job:
    """A job that wrote this cube to a store of the hub."""
    place = location(load_catalogue().get("cubes").for_user(owner.username), data_id)
    return make_job(
        owner,
        **{
            "state": JobState.SUCCEEDED,
            "result": {"status": "ok"},
            "started_at": timezone.now(),
            "output_data_id": data_id,
            "output_claim": hashlib.sha256(place.encode()).hexdigest(),
            **fields,
        },
    )


@pytest.fixture
def open_in_viewer(client, owner):
    def send(job_id: str, by=owner):
        path = f"/api/v2/cubegens/{job_id}/viewer"
        return client.post(path, content_type="application/json", headers=bearer(by, [SCOPE]))

    return send


def test_it_answers_the_server_and_the_page_with_the_cube(open_in_viewer, owner):
    answer = open_in_viewer(finished(owner).job_id)
    body = answer.json()
    assert answer.status_code == 201, body
    assert answer_faults("POST /cubegens/{job_id}/viewer", 201, body) == []
    assert body["open_url"].startswith(body["viewer_url"])
    assert "one.zarr" in body["open_url"]
    assert body["state"] == State.REQUESTED
    assert ServiceInstance.objects.get().instance_id == body["id"]


def test_repeated_it_answers_the_same(open_in_viewer, owner):
    job = finished(owner)
    first, second = (open_in_viewer(job.job_id).json() for _ in range(2))
    assert first == second


def test_cubes_share_a_server_also_at_the_limit(open_in_viewer, owner, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 1}
    ids = {open_in_viewer(finished(owner, f"{n}.zarr").job_id).json()["id"] for n in range(3)}
    assert len(ids) == 1


def test_one_server_too_many_is_refused_in_the_shape_of_jobs(open_in_viewer, owner, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 0}
    job = finished(owner)
    answer = open_in_viewer(job.job_id)
    assert answer.status_code == 413
    assert answer.json()["job_id"] == job.job_id
    assert "Too many services" in answer.json()["job_result"]["message"]


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.FAILED])
def test_a_job_without_a_cube_has_none_to_open(open_in_viewer, owner, state):
    answer = open_in_viewer(finished(owner, state=state).job_id)
    assert answer.status_code == 409
    assert state in answer.json()["detail"]
    assert not ServiceInstance.objects.exists()


def test_the_job_of_another_is_not_found(open_in_viewer, owner):
    job = finished(make_user(permissions=[SCOPE], units=10))
    answers = [open_in_viewer(job_id) for job_id in (job.job_id, "no-such-job")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert not ServiceInstance.objects.exists()
