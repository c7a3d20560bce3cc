"""What xcube 1.14.1 sends fits our description of the API, and what we answer fits xcube.

`tests/recorded/record_xcube.py` made the recordings by running xcube's own classes.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from jobs.api import examples
from jobs.api.presentation import job_detail, job_summary
from jobs.models import Job, State
from jobs.request import parse_request
from jobs.running.callbacks import parse
from tests.accounts.factories import bearer, make_user
from tests.api_document import answer_faults, api_document, faults, request_faults
from tests.jobs.factories import cubegen_request, make_job
from tests.servers.forks import Forks

RECORDED = Path(__file__).resolve().parents[2] / "recorded"
CLIENT = json.loads((RECORDED / "client.json").read_text())["exchanges"]
WORKER = json.loads((RECORDED / "worker.json").read_text())["exchanges"]
SUBMISSIONS = [name for name in CLIENT if name != "zipped code"]
STATES = ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]


def sent(name: str, method: str, path: str) -> dict[str, Any]:
    """The request of recording `name` to `path`."""
    (found,) = [
        request
        for request in CLIENT[name]
        if request["method"] == method and request["path"] == f"/api/v2/{path}"
    ]
    return found


@pytest.mark.parametrize("name", CLIENT)
def test_the_client_asks_only_for_what_there_is(name):
    for request in CLIENT[name]:
        path = request["path"].removeprefix("/api/v2").replace(examples.JOB_ID, "{job_id}")
        if path.startswith("/cubegens/a97"):
            path = "/cubegens/{job_id}"
        assert request["method"].lower() in api_document()["paths"][path], path


@pytest.mark.parametrize("name", CLIENT)
def test_a_token_request_of_the_client_is_described(name):
    body = sent(name, "POST", "oauth/token")["body"]
    assert body["grant_type"] == "client-credentials"
    assert request_faults("POST /oauth/token", body) == []


@pytest.mark.parametrize("name", CLIENT)
def test_an_info_request_of_the_client_is_described(name):
    assert request_faults("POST /cubegens/info", sent(name, "POST", "cubegens/info")["body"]) == []


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_a_submission_of_the_client_is_described_and_accepted(name):
    body = sent(name, "PUT", "cubegens")["body"]
    assert request_faults("PUT /cubegens", body) == []
    assert parse_request(copy.deepcopy(body)).document["output_config"]["data_id"]


def test_an_upload_of_the_client_is_described_and_accepted():
    request = sent("zipped code", "PUT", "cubegens/code")
    assert request["content_type"] == "multipart/form-data"
    body, code = request["body"]
    assert (body["name"], body["content_type"]) == ("body", "application/json")
    assert (code["name"], code["filename"]) == ("user_code", "processor.zip")
    form = {"body": body["json"], "user_code": "(the zip)"}
    assert request_faults("PUT /cubegens/code", form, "multipart/form-data") == []
    assert parse_request(copy.deepcopy(body["json"]), uploaded=True).has_user_code


@pytest.mark.parametrize("name", WORKER)
def test_reports_of_the_worker_are_described_and_accepted(name):
    for request in WORKER[name]:
        assert request["bearer"]
        assert request_faults("PUT /cubegens/{job_id}/callbacks", request["body"]) == []
        progress = parse(request["body"]).progress
        assert faults({"$ref": "#/components/schemas/CubegenProgress"}, progress) == []


def test_the_workers_reports_do_not_tell_the_end():
    """Why no report ends a job: `on_end` comes mid-run, and the last one is below 1."""
    states = [(r["body"]["sender"], r["body"]["state"]["progress"]) for r in WORKER["a good run"]]
    assert ("on_end", states[-1][1]) != states[-2]
    assert [progress for sender, progress in states if sender == "on_end"][0] < 1
    assert states[-1][1] < 1


def test_the_workers_failure_is_a_list_that_we_shorten():
    error = WORKER["a failed run"][-1]["body"]["state"]["error"]
    assert isinstance(error, list)
    progress = parse(WORKER["a failed run"][-1]["body"]).progress
    assert progress["state"]["error"] == "ValueError: 'chlorofyll' is not a variable"


@pytest.mark.django_db
@pytest.mark.parametrize("state", State.values)
def test_our_answers_are_as_described(state):
    job = a_job_in(state)
    assert answer_faults("GET /cubegens/{job_id}", 200, job_detail(job, [])) == []
    assert answer_faults("GET /cubegens", 200, [job_summary(job)]) == []


@pytest.mark.django_db
@pytest.mark.parametrize("state", STATES)
def test_the_examples_have_the_members_of_real_answers(state):
    real, example = job_detail(a_job_in(state), []), getattr(examples, state)
    assert set(example) == set(real)
    assert set(example["job_status"]) == set(real["job_status"])
    assert example["state"] == real["state"]
    for name in ("active", "succeeded", "failed"):
        assert example["job_status"][name] == real["job_status"][name]


def a_job_in(state: str) -> Job:
    job = make_job(make_user(units=10), state=state)
    job.progress = examples.RUNNING["progress"][0]
    if state == State.SUCCEEDED:
        job.message = examples.SUCCEEDED["message"]
        job.result = {"status": "ok", "status_code": 201, "result": {"data_id": job.output_data_id}}
    if state == State.FAILED:
        job.reason, job.message = "XCUBE_ERROR", examples.FAILED["message"]
        job.result = {"status": "error", "status_code": 400, "versions": {"xcube": "1.14.1"}}
    return job


PARSE = """
import json, sys
from xcube.core.gen2.remote.response import (
    CubeGeneratorState, CubeGeneratorToken, CubeInfoWithCostsResult,
)
from xcube.core.gen2.response import CubeGeneratorResult
kinds = {
    "state": CubeGeneratorState, "info": CubeInfoWithCostsResult, "token": CubeGeneratorToken,
}
for kind, body in json.loads(sys.argv[1]):
    parsed = kinds[kind].from_dict(body)
    if kind == "state":
        status, result = parsed.job_status, parsed.job_result
        done = bool(status.succeeded or status.failed)
        assert done == isinstance(result, CubeGeneratorResult), body
        print(result.message if done and status.failed else "")
    else:
        print(parsed.message if kind == "info" and parsed.message else "")
"""


def parsed_by_xcube(forks: Forks, *answers: tuple[str, Any]) -> list[str]:
    """What xcube's own classes make of `answers`: the message that a user would read."""
    done = forks.run("-c", PARSE, json.dumps(answers))
    return done.stdout.split("\n")[:-1]


@pytest.mark.xcube
def test_xcube_understands_every_example(xcube_forks):
    answers = [("state", getattr(examples, state)) for state in STATES]
    answers += [("info", examples.CUBE_INFO), ("token", token_example())]
    messages = parsed_by_xcube(xcube_forks, *answers)
    assert messages[STATES.index("FAILED")] == examples.FAILED["message"]
    assert messages[STATES.index("CANCELLED")] == "The job was cancelled."


def token_example() -> dict[str, str]:
    content = api_document()["paths"]["/oauth/token"]["post"]["responses"]["200"]["content"]
    (example,) = content["application/json"]["examples"].values()
    return example["value"]


@pytest.mark.xcube
def test_xcube_reads_the_reason_of_every_error(xcube_forks):
    """Of each described error of submission and info, the client gets the message."""
    answers: list[tuple[str, Any]] = []
    for path, method, kind in (
        ("/cubegens", "put", "state"),
        ("/cubegens/code", "put", "state"),
        ("/cubegens/{job_id}", "get", "state"),
        ("/cubegens/info", "post", "info"),
    ):
        responses = api_document()["paths"][path][method]["responses"]
        for status, response in responses.items():
            if status >= "400":
                content = response["content"]["application/problem+json"]
                shown = content.get("examples") or {"": {"value": content.get("example")}}
                answers += [(kind, example["value"]) for example in shown.values()]
    messages = parsed_by_xcube(xcube_forks, *answers)
    assert len(answers) > 30
    for (_, body), message in zip(answers, messages, strict=True):
        assert message == body["message"]


@pytest.mark.xcube
@pytest.mark.django_db
def test_xcube_understands_our_answers(xcube_forks):
    answers = [("state", job_detail(a_job_in(state), ["a line"])) for state in State.values]
    messages = parsed_by_xcube(xcube_forks, *answers)
    assert messages[State.values.index("FAILED")] == examples.FAILED["message"]


@pytest.mark.xcube
@pytest.mark.django_db
def test_a_real_estimate_is_as_described_and_understood(xcube_forks, runner, demo_cube, client):
    user = make_user(permissions=["manage:cubegens"], units=100)
    answer = client.post(
        "/api/v2/cubegens/info",
        data=cubegen_request("x.zarr"),
        content_type="application/json",
        headers=bearer(user),
    )
    assert answer.status_code == 200, answer.content
    assert answer_faults("POST /cubegens/info", 200, answer.json()) == []
    parsed_by_xcube(xcube_forks, ("info", answer.json()))
