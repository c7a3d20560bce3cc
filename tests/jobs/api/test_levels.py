"""A pyramid beside the cube, asked for by clients: its price, its place, and who may have it."""

import json
from itertools import count

import pytest
from django.utils import timezone

from accounts.models import Balance
from jobs.models import Job, State, levels_data_id
from jobs.running.workload import build_run
from jobs.submission import output_claims
from tests.accounts.factories import bearer, make_user
from tests.jobs.factories import cubegen_request, submit

pytestmark = [pytest.mark.django_db, pytest.mark.xcube]

CUBEGENS = "/api/v2/cubegens"
SCOPES = ("manage:cubegens",)
FIELD = "output_config.write_params.levels"
numbers = count()


@pytest.fixture(autouse=True)
def world(runner, demo_cube):
    """A runner that estimates, and a cube to read."""


@pytest.fixture
def user():
    return make_user(permissions=SCOPES, units=1000)


@pytest.fixture
def headers(user):
    return bearer(user, SCOPES)


def asking(data_id="", *, store="@cubes", levels=True, **output):
    """A request for a cube of 12 images of 4 x 4 pixels: with a pyramid, of 12 of 2 x 2, too."""
    request = cubegen_request()
    request["cube_config"]["tile_size"] = [2, 2]
    params = {"write_params": {"levels": levels}} if levels is not None else {}
    data_id = data_id or f"pyramid-{next(numbers)}.zarr"
    request["output_config"] = {"store_id": store, "data_id": data_id, **params, **output}
    return request


def put(client, headers, request, query="?levels=true", **extra):
    return client.put(
        f"{CUBEGENS}{query}",
        data=request,
        content_type="application/json",
        headers={**headers, **extra},
    )


def info(client, headers, request, query=""):
    return client.post(
        f"{CUBEGENS}/info{query}", data=request, content_type="application/json", headers=headers
    )


def test_it_is_shown_and_priced_before_it_is_asked_for(client, headers):
    plain = info(client, headers, asking("x.zarr", levels=None)).json()["result"]
    assert (plain["cost_estimation"]["required"], "levels" in plain) == (12, False)
    for answer in (
        info(client, headers, asking("x.zarr")),
        info(client, headers, asking("x.zarr", levels=None), "?levels=true"),
    ):
        result = answer.json()["result"]
        assert result["cost_estimation"]["required"] == 24
        assert result["levels"] == {
            "data_id": "x.levels",
            "image_sizes": [[4, 4], [2, 2]],
            "tile_size": [2, 2],
        }
    assert Job.objects.count() == 0


@pytest.mark.parametrize("query", ["?levels=true", ""])
def test_it_is_made_with_its_cube_and_costs_what_the_estimate_said(client, user, headers, query):
    request = asking("my.zarr", levels=None if query else True)
    answer = put(client, headers, request, query)
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert (shown["units"], shown["data_id"]) == (24, "my.zarr")
    assert shown["levels_data_id"] == "my.levels"
    assert Balance.objects.get(user=user).reserved == 24
    for listed in client.get(CUBEGENS, headers=headers).json():
        assert listed["levels_data_id"] == "my.levels"
    job = Job.objects.get()
    assert levels_data_id(job) == "my.levels"
    assert job.document.admitted_cells == 12 * (16 + 4)
    params = build_run(job).payload["request"]["output_config"]["write_params"]
    assert params["levels"] is True


def test_without_a_name_the_jobs_id_names_both(client, headers):
    request = asking()
    del request["output_config"]["data_id"]
    assert info(client, headers, request).json()["result"]["levels"].get("data_id") is None
    shown = put(client, headers, request).json()
    assert shown["data_id"] == f"{shown['job_id']}.zarr"
    assert shown["levels_data_id"] == f"{shown['job_id']}.levels"


@pytest.mark.parametrize("levels", [None, False])
def test_other_jobs_show_no_such_key(client, headers, levels):
    for query in ("", "?levels=false"):
        shown = put(client, headers, asking(levels=levels), query).json()
        assert (shown["units"], "levels_data_id" in shown) == (12, False)
    assert {levels_data_id(job) for job in Job.objects.all()} == {""}


@pytest.mark.parametrize("value", ["", "1", "True", "yes", "true%00", "[]", "true,true"])
def test_another_value_is_400(client, headers, value):
    for answer in (
        put(client, headers, asking(), f"?levels={value}"),
        info(client, headers, asking(), f"?levels={value}"),
    ):
        assert answer.status_code == 400
    answer = put(client, headers, asking(), f"?levels={value}")
    assert answer.json()["errors"][0]["field"] == "levels"


@pytest.mark.parametrize(
    ("output", "field"),
    [
        ({"data_id": "x.nc"}, FIELD),
        ({"data_id": "x.levels"}, FIELD),
        ({"data_id": "x"}, FIELD),
        ({"write_params": {"levels": True, "append_dim": "time"}}, FIELD),
        ({"write_params": {"levels": True, "group": "a"}}, FIELD),
        ({"write_params": {"levels": "true"}}, FIELD),
        ({"write_params": {"levels": 1}}, FIELD),
        ({"write_params": {"levels": {"num_levels": 3}}}, FIELD),
        (
            {"write_params": {"levels": True, "num_levels": 3}},
            FIELD.replace("levels", "num_levels"),
        ),
        ({"write_params": []}, "output_config.write_params"),
    ],
)
def test_where_there_can_be_none_it_is_refused_with_the_field(client, headers, output, field):
    request = asking(**output)
    for answer in (put(client, headers, request, ""), info(client, headers, request)):
        assert answer.status_code == 400, answer.content
    errors = put(client, headers, request, "").json()["errors"]
    assert field in [error["field"] for error in errors], errors
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    "body", [[], "x", 7, None, {}, {"output_config": []}, {"output_config": {}}]
)
def test_the_query_makes_no_sense_of_nonsense(client, headers, body):
    answer = client.put(
        f"{CUBEGENS}?levels=true",
        data=json.dumps(body),
        content_type="application/json",
        headers=headers,
    )
    assert answer.status_code == 400


def test_no_other_job_may_write_either_name(client, headers):
    assert submit(client, headers, asking("a.zarr")).status_code == 200
    for request, field in (
        (asking("a.zarr", levels=None), "output_config.data_id"),
        (asking("a.zarr"), "output_config.data_id"),
        (asking("a.levels", levels=None), "output_config.data_id"),
        (asking("a.ZARR"), FIELD),
    ):
        answer = submit(client, headers, request)
        assert answer.status_code == 409, answer.content
        assert answer.json()["errors"][0]["field"] == field
    assert submit(client, headers, asking("b.levels", levels=None)).status_code == 200
    answer = submit(client, headers, asking("b.zarr"))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, FIELD)
    assert "'b.levels' in @cubes is being written by another job" in answer.json()["detail"]
    # Neither may write while one of them is cleared of what a failed job left.
    Job.objects.update(state=State.FAILED, is_live=False, removal_due_at=timezone.now())
    for request in (asking("a.levels", levels=None), asking("b.zarr"), asking("a.zarr")):
        answer = submit(client, headers, request)
        assert answer.status_code == 409
        assert "is being cleared" in answer.json()["detail"]
    Job.objects.update(removal_due_at=None)
    assert submit(client, headers, asking("a.zarr")).status_code == 200
    assert submit(client, headers, asking("b.zarr")).status_code == 200


def test_the_database_lets_no_two_write_a_pyramid(client, headers, monkeypatch):
    """Of two at once, the check of the second saw nothing."""
    assert submit(client, headers, asking("twice.zarr")).status_code == 200
    monkeypatch.setattr(output_claims, "_check_output", lambda *args, **options: None)
    answer = submit(client, headers, asking("twice.ZARR"))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, FIELD)
    assert Job.objects.count() == 1


def test_what_another_put_there_is_not_replaced(client, user, headers, settings):
    shared = settings.DATA_DIR / "shared"
    (shared / "theirs.levels").mkdir(parents=True, exist_ok=True)
    for replace in (False, True):
        answer = submit(client, headers, asking("theirs.zarr", store="@shared", replace=replace))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, FIELD)
        assert "is not yours to replace" in answer.json()["detail"]

    assert submit(client, headers, asking("mine.zarr", store="@shared")).status_code == 200
    (shared / "mine.levels").mkdir(exist_ok=True)
    began = {"launched_at": "2020-01-01T00:00:00Z", "started_at": "2020-01-01T00:00:00Z"}
    Job.objects.update(state=State.SUCCEEDED, is_live=False, **began)
    answer = submit(client, headers, asking("mine.zarr", store="@shared"))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, FIELD)
    assert "replace" in answer.json()["detail"]
    stranger = bearer(make_user(permissions=SCOPES, units=1000), SCOPES)
    for request in (
        asking("mine.zarr", store="@shared", replace=True),
        asking("mine.levels", store="@shared", replace=True, levels=None),
    ):
        assert submit(client, stranger, request).status_code == 409
    again = submit(client, headers, asking("mine.zarr", store="@shared", replace=True))
    assert again.status_code == 200, again.content


def test_the_option_is_part_of_a_repeated_submission(client, headers):
    key = {"Idempotency-Key": "a-key"}
    request = asking("once.zarr", levels=None)
    first = put(client, headers, request, **key).json()
    assert put(client, headers, request, **key).json()["job_id"] == first["job_id"]
    assert put(client, headers, request, "", **key).status_code == 422
    assert Job.objects.count() == 1


def test_a_store_that_holds_no_files_has_none(client, headers, user):
    from jobs.request import InvalidRequest, parse_request, resolve
    from jobs.stores.catalogue import load_catalogue

    request = parse_request(asking("x.zarr", store="geo"))
    with pytest.raises(InvalidRequest) as caught:
        resolve(request, catalogue=load_catalogue(), user_id=user.username, own_store_types=["geo"])
    assert FIELD in [fault.field for fault in caught.value.errors]
