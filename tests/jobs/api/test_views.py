"""The `/cubegens` endpoints as their clients see them, with real estimates by real xcube.

`tests/kubernetes/test_api.py` has this suite on the other engine.
"""

import json
import zipfile
from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from accounts.models import Balance
from accounts.units import ledger
from hubsite.engines.facts import LogChunk
from hubsite.refusals import Kind, Refused
from jobs import lifecycle
from jobs.estimates import asking
from jobs.models import IdempotencyKey, Job, State
from jobs.running import logs
from jobs.submission import admission
from tests.accounts.factories import bearer, make_user
from tests.jobs.conftest import queued_tasks
from tests.jobs.factories import cubegen_request, make_job, submit

pytestmark = [pytest.mark.django_db, pytest.mark.xcube]

CUBEGENS = "/api/v2/cubegens"
SCOPES = ("manage:cubegens",)


@pytest.fixture(autouse=True)
def world(runner, demo_cube):
    """A runner that estimates, and a cube to read."""


DEEP_CUBE = """
import sys, numpy as np, pandas as pd, xarray as xr
coords = dict(
    time=pd.date_range("2020-01-01", periods=2), depth=np.arange(50),
    lat=[35.0, 25.0, 15.0, 5.0], lon=[5.0, 15.0, 25.0, 35.0],
)
values = np.zeros((2, 50, 4, 4), dtype="float32")
cube = xr.Dataset({"salinity": (("time", "depth", "lat", "lon"), values)}, coords=coords)
cube.to_zarr(sys.argv[1], zarr_format=2, consolidated=True)
"""


@pytest.fixture
def deep_cube(xcube_forks, demo_cube):
    path = demo_cube.parent / "deep.zarr"
    if not path.exists():
        xcube_forks.run("-c", DEEP_CUBE, path)
    return path.name


@pytest.fixture
def user():
    return make_user(permissions=SCOPES, units=1000)


@pytest.fixture
def headers(user):
    return bearer(user, SCOPES)


def balance(user):
    row = Balance.objects.get(user=user)
    return row.total, row.reserved


def test_a_submission_is_queued_reserved_and_answered_as_the_client_parses_it(
    client, user, headers, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        response = submit(client, headers)
    assert response.status_code == 200, response.content
    body = response.json()
    assert body["job_id"].startswith(f"{user.username}-")
    assert len(body["job_id"]) <= 63
    assert body["job_status"]["failed"] is None
    assert "job_result" not in body
    assert body["output"] == [] == body["progress"]
    job = Job.objects.get(job_id=body["job_id"])
    assert job.state == State.QUEUED
    assert job.output_data_id == f"{job.job_id}.zarr"
    assert job.units == 12, "2 variables x 6 days x ceil(4*4/512)"
    assert balance(user) == (1000, 12)
    assert queued_tasks() == ["launch_due"]


def test_info_tells_what_xcube_and_the_price_say(client, headers):
    response = client.post(
        f"{CUBEGENS}/info",
        cubegen_request("x.zarr"),
        content_type="application/json",
        headers=headers,
    )
    body = response.json()
    assert set(body) == {"status", "status_code", "result", "message", "output"}
    assert body["result"]["cost_estimation"] == {"required": 12, "available": 1000, "limit": 1000}
    assert body["result"]["dataset_descriptor"]["dims"] == {"time": 6, "lat": 4, "lon": 4}
    assert Job.objects.count() == 0


def test_info_strips_user_code_and_callbacks(client, headers):
    request = cubegen_request(
        callback_config={"api_uri": "http://localhost/x", "access_token": "t"},
        code_config={"inline_code": "raise SystemExit", "callable_ref": "a:b"},
    )
    response = client.post(
        f"{CUBEGENS}/info", request, content_type="application/json", headers=headers
    )
    assert response.status_code == 200, response.content


def output(data_id):
    return {"output_config": {"store_id": "@cubes", "data_id": data_id}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cube_config": {"bbox": [1, 2, 3]}}, "cube_config.bbox"),
        ({"cube_config": {"crs": "EPSG:99999999"}}, None),
        ({"cube_config": {"time_range": ["2020-02-01", "2020-01-01"]}}, "cube_config.time_range"),
        ({"cube_config": {"spatial_res": -1}}, "cube_config.spatial_res"),
        ({"cube_config": {"unknown": 1}}, "cube_config.unknown"),
        ({"output_config": {}}, "output_config.store_id"),
        ({"output_config": {"store_id": "@demo"}}, "output_config.store_id"),
        ({"output_config": {"store_id": "@nowhere"}}, "output_config.store_id"),
        (
            {"output_config": {"store_id": "@cubes", "data_id": "../x.zarr"}},
            "output_config.data_id",
        ),
        ({"output_config": {"store_id": "@cubes", "data_id": "/x.zarr"}}, "output_config.data_id"),
        (
            {"output_config": {"store_id": "@cubes", "data_id": "%2e%2e/x.zarr"}},
            "output_config.data_id",
        ),
        (
            {"output_config": {"store_id": "file", "store_params": {"root": "/"}}},
            "output_config.store_id",
        ),
        (
            {"input_config": {"store_id": "file", "data_id": "etc/passwd"}},
            "input_config.store_id",
        ),
        ({"input_config": {"store_id": "@archive", "data_id": "x.zarr"}}, "input_config.store_id"),
        ({"input_config": {"store_id": "@unpriced", "data_id": "x.zarr"}}, "input_config.store_id"),
        ({"input_config": {"store_id": "@demo", "data_id": "absent.zarr"}}, None),
        (
            {
                "input_config": {"store_id": "@demo", "data_id": "absent.zarr"},
                "cube_config": {**cubegen_request()["cube_config"], "crs": "WGS84"},
            },
            None,
        ),
        ({"input_config": {"opener_id": "dataset:zarr:file", "data_id": "x.zarr"}}, None),
    ],
)
@pytest.mark.parametrize("path", ["", "/info"])
def test_bad_requests_are_told_by_field_and_leave_nothing(
    client, user, headers, path, change, field
):
    request = cubegen_request(**change)
    method = client.post if path else client.put
    response = method(
        f"{CUBEGENS}{path}", request, content_type="application/json", headers=headers
    )
    assert response.status_code == 400, response.content
    body = response.json()
    assert "Traceback" not in response.content.decode()
    if path:
        assert set(body) == {"status", "status_code", "message"}
    else:
        assert body["job_status"]["failed"] == 1
        assert body["job_result"]["message"] == body["message"] == body["detail"]
        if field:
            assert field in [error["field"] for error in body["errors"]]
    assert Job.objects.count() == 0
    assert balance(user) == (1000, 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"text"', 400),
        (b'{"a": NaN}', 400),
        (b'{"a": 1e999}', 400),
        (b'{"a": ' + b"9" * 5000 + b"}", 400),
        (b'{"a": 1, "a": 2}', 400),
        (b'{"a": "\\u0000"}', 400),
        (b'{"\\ud800": 1}', 400),
        (b"[" * 1000 + b"]" * 1000, 400),
        (b"[" * 100_000 + b"]" * 100_000, 413),
        (b"\xff\xfe", 400),
        (b'"' + b"x" * 1024 * 1024 + b'"', 413),
    ],
)
def test_malformed_bodies_are_4xx(client, headers, body, status):
    response = client.put(CUBEGENS, body, content_type="application/json", headers=headers)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["message"]


def test_texts_that_cannot_be_stored_are_named_by_their_place(client, headers):
    request = cubegen_request()
    request["cube_config"]["variable_metadata"] = {"sst": {"long_name": ["ok", "a\0b"]}}
    request["cube_config"]["metadata"] = {"half \ud800": 1}
    response = submit(client, headers, request)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [
        "cube_config.variable_metadata.sst.long_name[1]",
        "cube_config.metadata",
    ]


def test_another_content_type_is_415(client, headers):
    response = client.put(CUBEGENS, "a=1", content_type="text/csv", headers=headers)
    assert response.status_code == 415


def test_too_expensive_for_the_limit(client, user, headers, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_PROCESS_LIMIT": 11}
    response = submit(client, headers)
    assert response.status_code == 413
    body = response.json()
    assert body["message"] == (
        "Number of required punits (12) is greater than the absolute limit of 11."
    )
    assert (body["required"], body["limit"], body["available"]) == (12, 11, 1000)
    assert balance(user) == (1000, 0)


def test_too_expensive_for_the_balance(client, user, headers):
    ledger.override(user, 11, key="test")
    response = submit(client, headers)
    assert response.status_code == 413
    assert response.json()["message"] == (
        "Number of required punits (12) is greater than the available (11)."
    )
    assert Job.objects.count() == 0
    assert balance(user) == (11, 0)


@pytest.mark.parametrize("period", ["1D", "2D", "1M", "1Y", None])
def test_a_coarse_time_period_does_not_make_a_cube_cheaper_than_it_is(client, headers, period):
    """xcube estimates by the period, but writes every time step of the input."""
    request = cubegen_request()
    request["cube_config"]["time_period"] = period
    assert submit(client, headers, request).json()["units"] == 12


def test_every_input_counts_not_the_first_only(client, headers, deep_cube):
    """xcube's estimate knows the first input alone, and no depth."""
    wide = {"store_id": "@demo", "data_id": "demo.zarr"}
    deep = {"store_id": "@demo", "data_id": deep_cube}
    units = {}
    for name, inputs in {"wide": [wide], "deep": [deep], "both": [deep, wide]}.items():
        request = cubegen_request(input_configs=inputs, cube_config={"spatial_res": 10})
        del request["input_config"]
        response = submit(client, headers, request)
        assert response.status_code == 200, response.content
        units[name] = response.json()["units"]
    assert units["wide"] == 2 * 6 * 2, "2 variables x 6 days x ceil(36*18/512)"
    assert units["deep"] == 2 * 50 * 1, "2 days x 50 depths x ceil(4*4/512)"
    steps = 6 + 2
    assert units["both"] == (2 * steps + 50 * steps) * 2, "the union of times, and of pixels"


def test_a_free_store_costs_nothing(client, headers):
    request = cubegen_request(input_config={"store_id": "@free", "data_id": "demo.zarr"})
    assert submit(client, headers, request).json()["units"] == 0


def test_too_many_jobs_of_one_user(client, user, headers, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_JOBS_PER_USER": 1}
    assert submit(client, headers).status_code == 200
    response = submit(client, headers)
    assert response.status_code == 429
    assert response["Retry-After"]
    assert balance(user) == (1000, 12)


def test_one_live_job_per_output(client, headers):
    assert submit(client, headers, cubegen_request("same.zarr")).status_code == 200
    response = submit(client, headers, cubegen_request("same.zarr"))
    assert response.status_code == 409
    assert response.json()["errors"][0]["field"] == "output_config.data_id"
    Job.objects.update(state=State.FAILED, is_live=False)
    assert submit(client, headers, cubegen_request("same.zarr")).status_code == 200


def shared(data_id, **config):
    return {"output_config": {"store_id": "@shared", "data_id": data_id, **config}}


def test_replacing_a_cube_is_its_owners_right(client, user, headers, settings):
    place = settings.DATA_DIR / "shared" / "owned.zarr"
    place.mkdir(parents=True, exist_ok=True)
    request = cubegen_request(**shared("owned.zarr", replace=True))
    assert submit(client, headers, request).status_code == 409, "the operators put it there"

    first = submit(client, headers, cubegen_request(**shared("new.zarr")))
    assert first.status_code == 200
    (settings.DATA_DIR / "shared" / "new.zarr").mkdir(exist_ok=True)
    began = {"launched_at": "2020-01-01T00:00:00Z", "started_at": "2020-01-01T00:00:00Z"}
    Job.objects.update(state=State.SUCCEEDED, is_live=False, **began)

    again = submit(client, headers, cubegen_request(**shared("new.zarr")))
    assert again.status_code == 409
    assert "replace" in again.json()["message"]
    replaced = submit(client, headers, cubegen_request(**shared("new.zarr", replace=True)))
    assert replaced.status_code == 200
    Job.objects.update(state=State.SUCCEEDED, is_live=False)

    stranger = make_user(permissions=SCOPES, units=1000)
    request = cubegen_request(**shared("new.zarr", replace=True))
    assert submit(client, bearer(stranger, SCOPES), request).status_code == 409


def test_a_cube_that_another_made_during_the_estimate_is_not_replaced(client, headers, monkeypatch):
    other = make_user(permissions=SCOPES, units=1000)
    quote = admission.quote

    def quote_slowly(resolved, **asking):
        quoted = quote(resolved, **asking)
        monkeypatch.setattr(admission, "quote", quote)
        theirs = submit(client, bearer(other, SCOPES), cubegen_request(**shared("race.zarr")))
        assert theirs.status_code == 200
        job = Job.objects.get()
        lifecycle.move(job, State.LAUNCHED, actor="test")
        lifecycle.move(job, State.RUNNING, actor="test", started_at=timezone.now())
        # By the clock of a machine that is late.
        ended = timezone.now() - timedelta(hours=1)
        lifecycle.move(job, State.SUCCEEDED, actor="test", finished_at=ended, is_live=False)
        return quoted

    monkeypatch.setattr(admission, "quote", quote_slowly)
    mine = submit(client, headers, cubegen_request(**shared("race.zarr", replace=True)))
    assert mine.status_code == 409
    assert Job.objects.count() == 1


def test_two_users_may_use_the_same_name_in_a_store_of_their_own_folders(client, headers):
    other = make_user(permissions=SCOPES, units=1000)
    assert submit(client, headers, cubegen_request("mine.zarr")).status_code == 200
    response = submit(client, bearer(other, SCOPES), cubegen_request("mine.zarr"))
    assert response.status_code == 200, response.content


class TestIdempotencyKey:
    def test_a_repeated_submission_returns_the_first_answer(self, client, user, headers):
        first = submit(client, headers, **{"Idempotency-Key": "k1"})
        second = submit(client, headers, **{"Idempotency-Key": "k1"})
        assert first.json()["job_id"] == second.json()["job_id"]
        assert Job.objects.count() == 1
        assert balance(user) == (1000, 12)

    @pytest.mark.parametrize("units", [1000, 12])
    def test_a_repeat_while_the_first_is_being_estimated_returns_the_first_answer(
        self, client, user, headers, monkeypatch, units
    ):
        ledger.override(user, units, key="test")
        quote, answers = admission.quote, []

        def quote_slowly(resolved, **asking):
            quoted = quote(resolved, **asking)
            monkeypatch.setattr(admission, "quote", quote)
            answers.append(submit(client, headers, request, **{"Idempotency-Key": "k1"}))
            return quoted

        request = cubegen_request("same.zarr")
        monkeypatch.setattr(admission, "quote", quote_slowly)
        answers.append(submit(client, headers, request, **{"Idempotency-Key": "k1"}))
        assert [a.status_code for a in answers] == [200, 200]
        assert len({a.json()["job_id"] for a in answers}) == 1
        assert Job.objects.count() == 1
        assert balance(user) == (units, 12)

    def test_the_same_key_with_another_body_is_422(self, client, headers):
        submit(client, headers, **{"Idempotency-Key": "k1"})
        response = submit(client, headers, cubegen_request("y.zarr"), **{"Idempotency-Key": "k1"})
        assert response.status_code == 422

    def test_keys_belong_to_their_user(self, client, headers):
        submit(client, headers, **{"Idempotency-Key": "k1"})
        other = make_user(permissions=SCOPES, units=1000)
        response = submit(client, bearer(other, SCOPES), **{"Idempotency-Key": "k1"})
        assert response.status_code == 200
        assert Job.objects.count() == 2

    def test_a_key_is_forgotten_after_a_day(self, client, headers):
        submit(client, headers, **{"Idempotency-Key": "k1"})
        IdempotencyKey.objects.update(created_at="2020-01-01T00:00:00Z")
        assert submit(client, headers, **{"Idempotency-Key": "k1"}).status_code == 200
        assert Job.objects.count() == 2

    def test_a_key_that_is_no_text_is_400(self, client, headers):
        assert submit(client, headers, **{"Idempotency-Key": "x" * 300}).status_code == 400


class TestRetryOf:
    """A job can say which ended one it repeats."""

    @staticmethod
    def retry(client, headers, job_id, data_id="again.zarr"):
        return client.put(
            f"/api/v2/cubegens?retry_of={job_id}",
            data=cubegen_request(data_id),
            content_type="application/json",
            headers=headers,
        )

    @pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
    def test_both_are_linked(self, client, headers, user, state):
        first = make_job(user, state=state, is_live=False)
        answer = self.retry(client, headers, first.job_id)
        assert answer.status_code == 200
        assert answer.json()["retry_of"] == first.job_id
        job_id = answer.json()["job_id"]
        shown = client.get(f"/api/v2/cubegens/{job_id}", headers=headers).json()
        assert shown["retry_of"] == first.job_id
        assert [job.job_id for job in first.retries.all()] == [job_id]

    def test_other_jobs_show_no_such_key(self, client, headers):
        assert "retry_of" not in submit(client, headers).json()

    def test_only_ones_own_job_without_a_cube_can_be_repeated(self, client, headers, user):
        others = make_job(make_user(units=10), state=State.FAILED, is_live=False)
        made = make_job(user, state=State.SUCCEEDED, is_live=False)
        running = make_job(user, state=State.RUNNING)
        for job_id in (others.job_id, made.job_id, running.job_id, "x", "%00"):
            answer = self.retry(client, headers, job_id)
            assert answer.status_code == 400, job_id
            assert answer.json()["errors"][0]["field"] == "retry_of"
        assert Job.objects.exclude(retry_of=None).count() == 0


class TestUserCode:
    CODE = {"inline_code": "def f(cube):\n    return cube\n", "callable_ref": "m:f"}
    BOTH = ("manage:cubegens", "process:cubegens")

    def test_is_refused_by_an_engine_that_cannot_isolate_it(self, client, settings):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_ENGINE": "local"}
        user = make_user(permissions=self.BOTH, units=1000)
        response = submit(client, bearer(user, self.BOTH), cubegen_request(code_config=self.CODE))
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "code_config"

    def test_needs_its_own_permission(self, client, headers):
        response = submit(client, headers, cubegen_request(code_config=self.CODE))
        assert response.status_code == 403

    def test_can_be_allowed(self, client, settings):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_LOCAL_USER_CODE": True}
        user = make_user(permissions=self.BOTH, units=1000)
        response = submit(client, bearer(user, self.BOTH), cubegen_request(code_config=self.CODE))
        assert response.status_code == 200, response.content
        assert Job.objects.get().has_user_code

    def test_a_path_of_the_callers_choosing_is_400(self, client):
        user = make_user(permissions=self.BOTH, units=1000)
        code = {"file_set": {"path": "/etc"}, "callable_ref": "a:b"}
        response = submit(client, bearer(user, self.BOTH), cubegen_request(code_config=code))
        assert response.status_code == 400
        assert Job.objects.count() == 0

    def test_info_takes_the_path_that_the_client_names_before_it_uploads(self, client):
        user = make_user(permissions=self.BOTH, units=1000)
        code = {"file_set": {"path": "/home/me/package.zip"}, "callable_ref": "a:b"}
        response = client.post(
            f"{CUBEGENS}/info",
            cubegen_request(code_config=code),
            content_type="application/json",
            headers=bearer(user, self.BOTH),
        )
        assert response.status_code == 200, response.content

    def upload(self, client, headers, *, entries=None, archive=None, document=None, name="c.zip"):
        if archive is None:
            stream = BytesIO()
            with zipfile.ZipFile(stream, "w") as zipped:
                for path, text in (entries or {"m.py": "def f(cube):\n    return cube\n"}).items():
                    zipped.writestr(path, text)
            archive = stream.getvalue()
        code_config = {"file_set": {"path": name}, "callable_ref": "m:f"}
        document = document or cubegen_request(code_config=code_config)
        parts = {
            "body": SimpleUploadedFile(
                "request.json", json.dumps(document).encode(), "application/json"
            ),
            "user_code": SimpleUploadedFile(name, archive, "application/octet-stream"),
        }
        return client.put(
            f"{CUBEGENS}/code",
            encode_multipart("BoUnDaRyStRiNg", parts),
            content_type=MULTIPART_CONTENT,
            headers=headers,
        )

    def test_an_uploaded_zip_is_kept_with_the_job(self, client, settings):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_LOCAL_USER_CODE": True}
        user = make_user(permissions=self.BOTH, units=1000)
        response = self.upload(client, bearer(user, self.BOTH))
        assert response.status_code == 200, response.content
        job = Job.objects.get()
        assert bytes(job.document.code).startswith(b"PK")
        assert job.document.request["cube_config"]["time_range"] == ["2020-01-01", "2020-01-06"]

    def test_an_upload_needs_process_cubegens(self, client, headers):
        assert self.upload(client, headers).status_code == 403

    @pytest.mark.parametrize(
        "entries",
        [{"../m.py": ""}, {"/m.py": ""}, {"a/../../m.py": ""}, {"bomb": "0" * 101_000_000}],
    )
    def test_archives_that_escape_or_explode_are_refused(self, client, settings, entries):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_LOCAL_USER_CODE": True}
        user = make_user(permissions=self.BOTH, units=1000)
        archive = BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path, text in entries.items():
                zipped.writestr(path, text)
        response = self.upload(client, bearer(user, self.BOTH), archive=archive.getvalue())
        assert response.status_code == 400, response.content
        assert Job.objects.count() == 0

    def test_a_form_without_its_parts_is_400(self, client):
        user = make_user(permissions=self.BOTH, units=1000)
        response = client.put(
            f"{CUBEGENS}/code",
            encode_multipart("BoUnDaRyStRiNg", {"body": "{}"}),
            content_type=MULTIPART_CONTENT,
            headers=bearer(user, self.BOTH),
        )
        assert response.status_code == 400
        assert response.json()["errors"] == [
            {"field": "user_code", "message": "this part is missing"}
        ]


class TestReading:
    def test_a_queued_job(self, client, user, headers):
        job = make_job(user)
        body = client.get(f"{CUBEGENS}/{job.job_id}", headers=headers).json()
        assert body["state"] == "QUEUED"
        assert body["progress"] == []
        assert "job_result" not in body

    def test_a_running_job_shows_its_newest_progress(self, client, user, headers):
        report = {"sender": "on_update", "state": {"progress": 0.5, "total_work": 100}}
        job = make_job(user, state=State.RUNNING, progress=report)
        response = client.get(f"{CUBEGENS}/{job.job_id}", headers=headers)
        assert response.status_code == 200
        body = response.json()
        assert body["progress"] == [report]
        assert body["job_status"]["active"] == 1
        assert body["job_status"]["failed"] is None

    def test_polling_takes_two_queries_the_token_and_the_job(
        self, client, user, headers, django_assert_num_queries
    ):
        job = make_job(user, state=State.RUNNING)
        with django_assert_num_queries(2):
            client.get(f"{CUBEGENS}/{job.job_id}", headers=headers)

    @pytest.mark.parametrize("job_id", ["a%00b", "..", "a.b", "ä", "x" * 5000])
    def test_ids_that_no_job_can_have_are_404(self, client, headers, job_id):
        assert client.get(f"{CUBEGENS}/{job_id}", headers=headers).status_code == 404

    def test_a_successful_job_has_its_result_and_last_lines(self, client, user, headers):
        result = {"status": "ok", "status_code": 201, "result": {"data_id": "x.zarr"}}
        job = make_job(user, state=State.SUCCEEDED, result=result, message="done")
        logs.append(job.pk, [LogChunk(0, [f"line {n}" for n in range(600)])])
        body = client.get(f"{CUBEGENS}/{job.job_id}", headers=headers).json()
        assert body["job_result"] == {**result, "message": "done"}
        assert body["job_status"]["succeeded"] == 1
        assert len(body["output"]) == 500
        assert body["output"][-1] == "line 599"

    def test_a_failed_job_says_why(self, client, user, headers):
        job = make_job(user, state=State.FAILED, reason="OUT_OF_MEMORY", message="Too big.")
        body = client.get(f"{CUBEGENS}/{job.job_id}", headers=headers).json()
        assert body["job_status"]["failed"] == 1
        assert body["job_result"] == {
            "status": "error",
            "status_code": 500,
            "message": "Too big.",
        }
        assert body["reason"] == "OUT_OF_MEMORY"

    @pytest.mark.parametrize("method", ["get", "delete"])
    def test_anothers_job_is_as_absent_as_none(self, client, headers, method):
        job = make_job(make_user(units=10))
        theirs = getattr(client, method)(f"{CUBEGENS}/{job.job_id}", headers=headers)
        none = getattr(client, method)(f"{CUBEGENS}/{job.job_id[:-1]}x", headers=headers)
        assert theirs.status_code == none.status_code == 404
        assert theirs.json()["title"] == none.json()["title"]
        assert Job.objects.get().state == State.QUEUED

    def test_anothers_log_is_absent(self, client, headers):
        job = make_job(make_user(units=10))
        assert client.get(f"{CUBEGENS}/{job.job_id}/logs", headers=headers).status_code == 404

    def test_the_log_can_be_followed(self, client, user, headers):
        job = make_job(user, state=State.RUNNING)
        logs.append(job.pk, [LogChunk(0, ["a", "b"]), LogChunk(2, ["c"])])
        url = f"{CUBEGENS}/{job.job_id}/logs"
        first = client.get(f"{url}?limit=2", headers=headers).json()
        assert [line["text"] for line in first["lines"]] == ["a", "b"]
        rest = client.get(f"{url}?offset={first['next_offset']}", headers=headers).json()
        assert rest == {"lines": [{"line": 2, "text": "c"}], "next_offset": 3}
        end = client.get(f"{url}?offset=3", headers=headers).json()
        assert end == {"lines": [], "next_offset": 3}

    @pytest.mark.parametrize("query", ["limit=-1", "limit=x", "offset=1e3", "limit=9999999"])
    def test_bad_parts_are_400(self, client, headers, query):
        response = client.get(f"{CUBEGENS}?{query}", headers=headers)
        assert response.status_code == 400
        assert response.json()["errors"][0]["field"] == query.partition("=")[0]


class TestList:
    def test_lists_own_jobs_newest_first_in_few_queries(
        self, client, user, headers, django_assert_max_num_queries
    ):
        make_job(make_user(units=10))
        jobs = [make_job(user) for _ in range(5)]
        with django_assert_max_num_queries(4):
            response = client.get(CUBEGENS, headers=headers)
        assert [j["job_id"] for j in response.json()] == [j.job_id for j in reversed(jobs)]
        assert "output" not in response.json()[0]
        assert "progress" not in response.json()[0]
        assert response["X-Total-Count"] == "5"

    def test_parts_are_linked(self, client, user, headers):
        for _ in range(5):
            make_job(user)
        response = client.get(f"{CUBEGENS}?limit=2&offset=2", headers=headers)
        assert len(response.json()) == 2
        assert 'offset=4>; rel="next"' in response["Link"].replace("&limit=2", "")
        assert 'rel="prev"' in response["Link"]

    def test_can_be_filtered_by_status(self, client, user, headers):
        make_job(user)
        done = make_job(user, state=State.SUCCEEDED)
        response = client.get(f"{CUBEGENS}?status=succeeded", headers=headers)
        assert [j["job_id"] for j in response.json()] == [done.job_id]
        assert client.get(f"{CUBEGENS}?status=x", headers=headers).status_code == 400


class TestDelete:
    def test_cancels_and_hides(self, client, user, headers, django_capture_on_commit_callbacks):
        job = make_job(user, state=State.RUNNING, units=12)
        with django_capture_on_commit_callbacks(execute=True):
            response = client.delete(f"{CUBEGENS}/{job.job_id}", headers=headers)
        assert (response.status_code, response.json()) == (200, "Success")
        job.refresh_from_db()
        assert job.state == State.CANCELLED
        assert balance(user) == (1000, 12), "billed when its run is over, by what that came to"
        assert queued_tasks() == ["remove_objects"]
        assert client.get(CUBEGENS, headers=headers).json() == []
        body = client.get(f"{CUBEGENS}/{job.job_id}", headers=headers).json()
        assert body["job_result"]["message"] == "The job was cancelled."

    def test_all_leaves_what_is_submitted_meanwhile(self, client, user, headers, monkeypatch):
        make_job(user)
        late = []
        cancel = lifecycle.cancel

        def cancel_slowly(job, *, actor):
            late.append(make_job(user))
            return cancel(job, actor=actor)

        monkeypatch.setattr(lifecycle, "cancel", cancel_slowly)
        client.delete(CUBEGENS, headers=headers)
        listed = client.get(CUBEGENS, headers=headers).json()
        assert [(j["job_id"], j["state"]) for j in listed] == [(late[0].job_id, "QUEUED")]

    def test_all(self, client, user, headers):
        theirs = make_job(make_user(units=10))
        jobs = [make_job(user), make_job(user, state=State.SUCCEEDED)]
        response = client.delete(CUBEGENS, headers=headers)
        assert (response.status_code, response.json()) == (200, "Success")
        assert client.get(CUBEGENS, headers=headers).json() == []
        assert [Job.objects.get(pk=j.pk).state for j in jobs] == ["CANCELLED", "SUCCEEDED"]
        assert Job.objects.get(pk=theirs.pk).state == State.QUEUED


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", ""),
            ("put", ""),
            ("delete", ""),
            ("post", "/info"),
            ("put", "/code"),
            ("get", "/x"),
            ("delete", "/x"),
            ("get", "/x/logs"),
            ("put", "/x/callbacks"),
            ("get", "/x/code"),
        ],
    )
    def test_nothing_without_a_token(self, client, method, path):
        response = getattr(client, method)(f"{CUBEGENS}{path}")
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")
        if path != "/info":
            assert response.json()["job_status"]["failed"] == 1

    def test_nothing_without_the_permission(self, client):
        user = make_user(units=1000)
        response = submit(client, bearer(user, SCOPES))
        assert response.status_code == 403
        assert "manage:cubegens" in response.json()["message"]

    def test_versions_are_public(self, client):
        body = client.get(f"{CUBEGENS}/version").json()
        assert any(text.startswith("xcube: 1.") for text in body["result"])

    def test_switched_off(self, client, headers, settings):
        settings.HUB = {**settings.HUB, "CUBEGENS_SILENT": True}
        assert submit(client, headers).status_code == 422
        assert client.get(f"{CUBEGENS}/version").status_code == 422

    def test_cors_for_pages_that_bear_a_token(self, client):
        response = client.options(
            CUBEGENS,
            headers={"Origin": "https://cate.example", "Access-Control-Request-Method": "GET"},
        )
        assert response.status_code == 204
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in response["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in response


def test_an_estimator_that_is_away_is_503_and_leaves_nothing(
    client, user, headers, monkeypatch, tmp_path
):
    monkeypatch.setattr("jobs.estimates.asking.estimate_socket", lambda: tmp_path / "none.sock")
    for response in (
        submit(client, headers),
        client.post(
            f"{CUBEGENS}/info", cubegen_request(), content_type="application/json", headers=headers
        ),
    ):
        assert response.status_code == 503
        assert response["Retry-After"]
    assert Job.objects.count() == 0
    assert balance(user) == (1000, 0)


@pytest.fixture
def broken_stores_file(settings, tmp_path):
    path = tmp_path / "stores.yaml"
    path.write_text("demo: {store_id: [")
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": path}


def test_a_broken_stores_file_is_503_and_tells_operators_only(
    client, headers, broken_stores_file, caplog
):
    response = submit(client, headers)
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "stores.yaml" not in response.content.decode()
    assert "stores.yaml" in caplog.text
    assert Job.objects.count() == 0


def test_what_was_committed_is_answered_even_if_the_queue_cannot_be_written(
    client, headers, monkeypatch, django_capture_on_commit_callbacks
):
    def fail(*args):
        raise RuntimeError("the queue is full")

    monkeypatch.setattr("hubsite.coordination.queues.async_task", fail)
    with django_capture_on_commit_callbacks(execute=True):
        assert submit(client, headers).status_code == 200


def test_a_slow_store_of_ones_own_does_not_hold_every_estimator(
    client, headers, settings, monkeypatch
):
    """Places for such estimates are half of the estimators; others are estimated meanwhile."""
    settings.HUB = {**settings.HUB, "XCUBE_HUB_ESTIMATORS": 2}
    monkeypatch.setattr(asking, "OWN_STORE_WAIT_S", 0.2)
    with asking._own_store_place():
        with pytest.raises(Refused) as refused, asking._own_store_place():
            pass
        assert refused.value.kind == Kind.UNAVAILABLE
        assert submit(client, headers).status_code == 200
    with asking._own_store_place():
        pass
