"""What a client of the old service finds again in our answers."""

from types import SimpleNamespace

import pytest

from jobs.api.presentation import cube_info, job_detail
from jobs.models import Reason, State
from tests.accounts.factories import bearer, make_user
from tests.api_document import answer_faults
from tests.jobs.factories import make_job
from tests.jobs.running.test_callbacks import REPORT, report

pytestmark = pytest.mark.django_db


def failed(reason, message="bad", result=None):
    job = make_job(make_user(units=10), state=State.FAILED)
    job.reason, job.message, job.result = reason, message, result
    return job_detail(job, [])


@pytest.mark.parametrize("reason", Reason.values)
def test_a_message_is_the_message_alone_and_the_reason_is_beside_it(reason):
    body = failed(reason)
    assert body["job_result"]["message"] == body["message"] == "bad"
    assert body["reason"] == reason
    assert "reason" not in body["job_result"], "the client refuses what it does not know"


@pytest.mark.parametrize(
    ("reason", "told", "status_code"),
    [
        (Reason.XCUBE_ERROR, None, 400),
        (Reason.XCUBE_ERROR, {"status": "error"}, 400),
        (Reason.XCUBE_ERROR, {"status": "error", "status_code": None}, 400),
        (Reason.XCUBE_ERROR, {"status": "error", "status_code": 422}, 422),
        (Reason.XCUBE_ERROR, {"status": "error", "status_code": 500}, 500),
        (Reason.LOST, None, 500),
    ],
)
def test_an_exception_that_names_no_status_is_the_requests_fault(reason, told, status_code):
    assert failed(reason, result=told)["job_result"]["status_code"] == status_code


@pytest.mark.parametrize("worked", [0, 33, 12.5])
def test_worked_is_kept(client, worked):
    job = make_job(make_user(units=10), state=State.RUNNING)
    body = {**REPORT, "state": {**REPORT["state"], "worked": worked}}
    assert report(client, job, body).status_code == 200
    job.refresh_from_db()
    shown = job_detail(job, [])
    assert shown["progress"][0]["state"]["worked"] == worked
    assert answer_faults("GET /cubegens/{job_id}", 200, shown) == []


@pytest.mark.parametrize("worked", [-1, "many", True, [1]])
def test_worked_is_a_number(client, worked):
    job = make_job(make_user(units=10), state=State.RUNNING)
    body = {**REPORT, "state": {**REPORT["state"], "worked": worked}}
    answer = report(client, job, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "state.worked"


def test_an_estimate_carries_message_and_output():
    descriptor = {"data_id": "x.zarr", "data_type": "dataset"}
    estimated = SimpleNamespace(
        result={"dataset_descriptor": descriptor, "size_estimation": {"num_bytes": 1}}
    )
    info = cube_info(make_user(units=10), SimpleNamespace(estimate=estimated, units=7))
    assert "7 processing units" in info["message"]
    assert info["output"] == []
    assert answer_faults("POST /cubegens/info", 200, info) == []


def test_an_error_of_a_job_names_it_and_one_of_info_has_only_the_clients_keys(client):
    headers = bearer(make_user(permissions=["manage:cubegens"]), ["manage:cubegens"])
    body = client.get("/api/v2/cubegens/no-such", headers=headers).json()
    assert body["job_id"] == "no-such"
    assert body["job_status"]["failed"] == 1
    assert body["job_result"]["message"] == body["detail"]
    info = client.post(
        "/api/v2/cubegens/info", {}, content_type="application/json", headers=headers
    ).json()
    assert set(info) == {"status", "status_code", "message"}
    other = client.get("/api/v2/users/me/usage?format=x", headers=headers).json()
    assert "job_id" not in other


@pytest.mark.parametrize(
    ("path", "keys"),
    [("info", {"status", "status_code", "message"}), ("a-b", {"job_id", "job_result"})],
)
def test_an_error_before_any_view_has_the_views_shape(client, path, keys):
    body = client.generic(
        "POST", f"/api/v2/cubegens/{path}", b"", headers={"Transfer-Encoding": "chunked"}
    ).json()
    assert keys <= set(body)
