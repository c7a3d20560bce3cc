"""Cubes of real runs: what is told of them is true, and each snippet opens them as it is."""

import json
import subprocess
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from django.test import Client

from hubsite.engines import following, get_engine
from jobs.models import Job
from jobs.running.following import make_follower
from tests.accounts.factories import bearer, make_user
from tests.jobs.conftest import run_queued_tasks
from tests.jobs.factories import cubegen_request, submit
from tests.jobs.results.conftest import made
from tests.jobs.results.stac_rules import check
from tests.patience import wait_for
from tests.servers.s3 import s3_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xcube]

SCOPES = ("manage:cubegens",)
RUN = """
import json, os, sys
given = json.loads(sys.argv[1])
os.chdir(given["folder"])
os.environ.update(given.get("env", {}), HUB_TOKEN=given["token"])
for snippet in given["open"]:
    names = {}
    exec(compile(snippet["code"], snippet["id"], "exec"), names)
    if snippet["id"] != "download":
        cube = names["cube"]
        mean = float(cube["sst"][:].mean())
        assert abs(mean - 280.5) < 0.001, (snippet["id"], mean)
        print("OPENED", snippet["id"])
"""


@pytest.fixture(autouse=True)
def world(runner, demo_cube, live_server, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CALLBACK_URL": f"{live_server.url}/api/v2"}


def generate(user, request):
    """The finished job of this request."""
    response = submit(Client(), bearer(user), request)
    assert response.status_code == 200, response.content
    job = Job.objects.get(job_id=response.json()["job_id"])

    def is_over():
        run_queued_tasks()
        job.refresh_from_db()
        return job.is_final

    with patch.object(following, "WATCH_S", 0.2):
        engine = get_engine(django_settings.HUB["XCUBE_HUB_ENGINE"])
        wait_for(lambda: make_follower(engine, is_stopping=is_over).run() or job.is_final)
    run_queued_tasks()
    assert job.state == "SUCCEEDED", job.message
    return job


@pytest.mark.parametrize(
    ("data_id", "extra", "opened"),
    [
        ("a.zarr", {}, ["xcube", "xarray", "zarr"]),
        ("sub/b.zarr", {"write_params": {"zarr_format": 3}}, ["xcube", "xarray", "zarr"]),
        ("c.levels", {}, ["xcube", "xarray", "zarr"]),
        ("d.nc", {}, ["xcube", "xarray"]),
    ],
)
def test_a_cube_is_downloaded_and_opened_as_the_result_says(
    live_server, xcube_forks, tmp_path, data_id, extra, opened
):
    user = make_user(permissions=SCOPES, units=1000)
    request = cubegen_request(data_id)
    request["output_config"] |= extra
    job = generate(user, request)
    client, headers = Client(SERVER_NAME="localhost"), bearer(user)
    address = live_server.url.removeprefix("http://")
    client.defaults["HTTP_HOST"] = address
    told = client.get(f"/api/v2/cubegens/{job.job_id}/result", headers=headers).json()

    described = told["description"]
    assert (described["crs"], described["bbox"]) == ("EPSG:4326", [0, 0, 40, 40])
    assert (described["dims"]["time"], described["time_steps"]) == (6, 6)
    assert set(described["variables"]) == {"sst", "chl"}
    assert told["footprint"]["bbox"] == [0, 0, 40, 40]
    assert told["size_bytes"] > 0 and told["checksum"]["value"]
    item = client.get(f"/api/v2/cubegens/{job.job_id}/result/stac", headers=headers).json()
    assert check(item).bbox == [0, 0, 40, 40]
    assert {band["name"] for band in item["assets"]["data"]["bands"]} == {"sst", "chl"}

    token = headers["Authorization"].removeprefix("Bearer ")
    given = {"folder": str(tmp_path), "token": token, "open": told["open"]}
    done = xcube_forks.run("-c", RUN, json.dumps(given))
    assert [line.split()[1] for line in done.stdout.splitlines() if "OPENED" in line] == opened

    # Who has a copy can make the checksum that the run made.
    copy = tmp_path / data_id.rpartition("/")[2]
    if copy.is_dir():
        line = "find . -type f | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum"
    else:
        line = f"sha256sum {copy.name}"
    found = subprocess.run(
        line, shell=True, cwd=copy if copy.is_dir() else tmp_path, capture_output=True, text=True
    )
    assert found.stdout.split()[0] == told["checksum"]["value"]


WRITE = """
import sys
from xcube.core.new import new_cube
from xcube.core.store import new_data_store
root, endpoint = sys.argv[1:]
options = {"endpoint_url": endpoint, "key": "any", "secret": "any"}
store = new_data_store("s3", root=root, storage_options=options)
cube = new_cube(width=8, height=4, x_res=1, time_periods=2, variables={"sst": 280.5})
store.write_data(cube, "b.zarr")
store.write_data(cube, "b.levels")
"""


def test_a_cube_in_a_bucket_is_opened_with_keys_from_the_environment(
    settings, tmp_path, xcube_forks, client
):
    with s3_server("hub") as endpoint:
        file = tmp_path / "stores.yaml"
        options = {"endpoint_url": endpoint, "key": "ours", "secret": "ours"}
        params = {"root": "hub/cubes", "storage_options": options}
        file.write_text(json.dumps({"bucket": {"store_id": "s3", "store_params": params}}))
        settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": str(file)}
        user = make_user(permissions=SCOPES)
        job = made(user, "b.zarr", store="@bucket", levels_claim="x")
        answer = client.get(f"/api/v2/cubegens/{job.job_id}/result", headers=bearer(user))
        xcube_forks.run("-c", WRITE, "hub/cubes", endpoint)
        env = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "mine"}
        given = {"folder": str(tmp_path), "token": "", "env": env, "open": answer.json()["open"]}
        done = xcube_forks.run("-c", RUN, json.dumps(given))
    opened = [line.split()[1] for line in done.stdout.splitlines() if "OPENED" in line]
    assert opened == ["xcube", "pyramid", "xarray", "zarr"]
