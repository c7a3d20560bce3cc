"""Where a finished cube is and how it is opened, as the API tells it."""

import json

import pytest
from django.utils import timezone

from jobs.models import Job, JobDocument, State
from jobs.output import quicklooks
from tests.accounts.factories import make_user
from tests.api_document import answer_faults
from tests.jobs.results.conftest import made
from tests.jobs.results.cubes import MADE

pytestmark = pytest.mark.django_db

OPERATION = "GET /cubegens/{job_id}/result"


def result(ask, job, status=200):
    answer = ask(f"/cubegens/{job.job_id}/result")
    assert answer.status_code == status, answer.content
    assert not answer_faults(OPERATION, status, answer.json())
    return answer.json()


def test_a_cube_on_the_hubs_machine(ask, cube, stores, django_assert_num_queries):
    told = result(ask, cube.job)
    here = f"http://testserver/api/v2/cubegens/{cube.job.job_id}"
    assert told["links"] == {
        "self": f"{here}/result",
        "stac": f"{here}/result/stac",
        "zip": f"{here}/result/zip",
        "viewer": f"{here}/viewer",
        "quicklooks": f"{here}/quicklooks",
    }
    assert (told["store_id"], told["data_id"], told["format"]) == ("@cubes", "one.zarr", "zarr")
    assert (told["url"], told["endpoint_url"], told["needs_keys"]) == (None, None, False)
    assert (told["size_bytes"], told["file_count"]) == (4711, 23)
    assert told["checksum"]["value"] == "0" * 64 and "sha256sum" in told["checksum"]["of"]
    assert told["description"] == MADE["description"]
    assert [each["id"] for each in told["open"]] == ["download", "xcube", "xarray", "zarr"]
    assert str(stores) not in json.dumps(told), "no path of the machine is told"
    # Six make and check a token; job, later job, record, pictures.
    with django_assert_num_queries(10):
        result(ask, cube.job)


@pytest.mark.parametrize("tail", ["", "/stac"])
def test_no_secret_leaves_the_hub(ask, ada, tail):
    for store, url in (
        ("@bucket", f"s3://cubes/of/{ada.username}/b.zarr"),
        ("@public", "s3://open/b.zarr"),
        ("@azure", None),
    ):
        job = made(ada, "b.zarr", store=store)
        answer = ask(f"/cubegens/{job.job_id}/result{tail}")
        assert answer.status_code == 200
        text = answer.content.decode()
        assert "HIDDENKEY" not in text
        assert url is None or url in text


def test_a_cube_in_a_bucket(ask, ada):
    told = result(ask, made(ada, "b.zarr", store="@bucket", levels_claim="x"))
    assert told["needs_keys"] and told["endpoint_url"] == "https://s3.example.org:9000"
    assert told["levels"] == {
        "data_id": "b.levels", "url": f"s3://cubes/of/{ada.username}/b.levels",
    }  # fmt: skip
    assert told["links"]["zip"] is None
    codes = {each["id"]: each["code"] for each in told["open"]}
    assert codes.keys() == {"xcube", "pyramid", "xarray", "zarr"}
    assert all("AWS_ACCESS_KEY_ID" in code for code in codes.values())
    public = result(ask, made(ada, "b.zarr", store="@public"))
    assert not public["needs_keys"]
    assert all("'anon': True" in each["code"] for each in public["open"])


def test_a_cube_in_a_store_of_its_owners_own(ask, ada):
    output = {
        "store_id": "s3",
        "store_params": {"root": "mine", "storage_options": {"key": "***", "secret": "***"}},
        "data_id": "b.zarr",
    }
    job = made(ada, "b.zarr", store="s3", uses_own_store=True, request={"output_config": output})
    told = result(ask, job)
    assert (told["store_type"], told["url"]) == ("s3", "s3://mine/b.zarr")
    assert "***" not in json.dumps(told)


def test_a_cube_of_an_earlier_version_of_the_hub_is_told_by_its_estimate(ask, ada, put):
    put(ada, "old.zarr")
    job = made(ada, "old.zarr", tells=None)
    descriptor = {
        "crs": "WGS84", "bbox": [7, 53, 9, 55], "time_range": ["2019-08-05", "2019-08-10"],
        "dims": {"time": 6, "lat": 20, "lon": 20}, "spatial_res": 0.1,
        "data_vars": {"sst": {"dtype": "float32", "dims": ["time", "lat", "lon"]}},
    }  # fmt: skip
    JobDocument.objects.filter(job=job).update(
        estimate={"dataset_descriptor": descriptor, "zarr_format": 2}
    )
    told = result(ask, job)
    assert told["description"]["crs"] == "EPSG:4326"
    assert told["description"]["time_range"] == ["2019-08-05T00:00:00Z", "2019-08-10T23:59:59Z"]
    assert told["checksum"] is told["size_bytes"] is told["footprint"] is None
    JobDocument.objects.filter(job=job).update(estimate={})
    assert result(ask, job)["description"] is None
    JobDocument.objects.filter(job=job).delete()
    assert result(ask, job)["description"] is None


@pytest.mark.parametrize(
    ("fields", "status", "why"),
    [
        ({"state": State.QUEUED}, 409, "no result yet: it is QUEUED"),
        ({"state": State.RUNNING}, 409, "no result yet: it is RUNNING"),
        ({"state": State.FAILED}, 404, "no result: it is FAILED"),
        ({"state": State.CANCELLED}, 404, "no result: it is CANCELLED"),
        ({"result": {"status": "warning"}}, 404, "it wrote nothing"),
        ({"hidden_at": timezone.now()}, 410, "was deleted"),
        ({"output_data_id": "gone.zarr", "output_claim": None}, 410, "was removed there"),
        ({"output_claim": "0" * 64}, 410, "is not where it was"),
        ({"output_store": "@former"}, 410, "does not exist any more"),
    ],
)
@pytest.mark.parametrize("tail", ["", "/stac", "/zip"])
def test_a_job_without_a_cube_says_why(ask, ada, cube, fields, status, why, tail):
    if fields.get("output_claim", "") is None:
        job = made(ada, fields["output_data_id"])
    else:
        job = made(ada, **fields)
    answer = ask(f"/cubegens/{job.job_id}/result{tail}")
    assert answer.status_code == status and why in answer.json()["message"]
    assert answer.json()["job_id"] == job.job_id


@pytest.mark.parametrize(
    ("later", "status", "why"),
    [
        ({"state": State.RUNNING, "is_live": True}, 409, "is just being replaced by job"),
        ({"state": State.SUCCEEDED}, 410, "was replaced by job"),
        ({"state": State.FAILED, "usage": {"written_cells": 5}}, 410, "was removed by job"),
        ({"state": State.FAILED, "usage": {"written_cells": 0}}, 200, ""),
        ({"state": State.QUEUED, "started_at": None, "is_live": True}, 200, ""),
    ],
)
def test_a_cube_that_a_later_job_replaced(ask, ada, cube, later, status, why):
    made(ada, **later)
    answer = ask(f"/cubegens/{cube.job.job_id}/result")
    assert answer.status_code == status and why in answer.json().get("message", "")


def test_others_find_nothing(ask, cube):
    for who in (make_user(permissions=["manage:cubegens"]), make_user(permissions=[])):
        for tail in ("", "/stac", "/zip"):
            answer = ask(f"/cubegens/{cube.job.job_id}/result{tail}", who)
            assert answer.status_code in (403, 404)


def test_pictures_are_named(ask, cube):
    from tests.jobs.pictures import looked

    Job.objects.filter(pk=cube.job.pk).update(finished_at=timezone.now())
    quicklooks.keep(cube.job, quicklooks.parse(looked(variable="sst")))
    (picture,) = result(ask, cube.job)["quicklooks"]
    assert picture["url"].endswith(f"/cubegens/{cube.job.job_id}/quicklooks/sst.png")
    assert ask(picture["url"].partition("/api/v2")[2]).status_code == 200
