"""A job that costs nothing leaves nothing, and the same request works at the next try.

With the real runner and real xcube; into a folder, and into a bucket of the hub.
"""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from accounts.models import Balance
from hubsite.engines.facts import Phase
from hubsite.engines.local.paths import runs_dir
from jobs import tasks
from jobs.models import Job, State
from jobs.stores.catalogue import load_catalogue
from tests.accounts.factories import bearer, make_user
from tests.patience import PATIENCE_S, wait_for
from tests.servers.s3 import s3_server

from .factories import cubegen_request, submit
from .test_main_job import run, the_engine, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xcube]

SCOPES = ("manage:cubegens",)
S3_STORES = """
demo:
  store_id: file
  store_params: {{root: {source}}}
  writable: false
  cost_params: {{input_pixels_per_punit: 512, output_pixels_per_punit: 512}}
cubes:
  store_id: s3
  store_params:
    root: cubes
    storage_options: {{key: k, secret: s, client_kwargs: {{endpoint_url: "{url}"}}}}
  per_user: true
  cost_params: {{input_pixels_per_punit: 512, output_pixels_per_punit: 512}}
"""


@dataclass
class Store:
    """The store `@cubes`. `files` gives the names of all that lies in a user's folder."""

    files: Callable[[str], list[str]]


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server("cubes") as url:
        yield url


@pytest.fixture(params=["file", "s3"])
def cubes(request, settings, tmp_path, demo_cube) -> Store:
    if request.param == "file":
        root = settings.DATA_DIR / "cubes"
        return Store(lambda user: [p.name for p in (root / user).rglob("*") if p.is_file()])
    url = request.getfixturevalue("bucket")
    stores = tmp_path / "stores.yaml"
    stores.write_text(S3_STORES.format(source=demo_cube.parent, url=url))
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": stores}

    def files(user: str) -> list[str]:
        address = f"{url}/cubes?list-type=2&prefix={user}/"
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
            return re.findall(r"<Key>(.*?)</Key>", answer.read().decode())

    return Store(files)


@pytest.fixture(autouse=True)
def world(runner, demo_cube, live_server, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CALLBACK_URL": f"{live_server.url}/api/v2"}


@pytest.fixture
def user():
    return make_user(permissions=SCOPES, units=1000)


@pytest.fixture
def headers(user):
    return bearer(user, SCOPES)


def asked(cube):
    return cubegen_request("same.zarr", input_config={"store_id": "@demo", "data_id": cube.name})


def submitted(client, headers, request) -> Job:
    response = submit(client, headers, request)
    assert response.status_code == 200, response.content
    return Job.objects.get(job_id=response.json()["job_id"])


def begin(client, headers, request, cubes) -> Job:
    """A job whose run has written most of its cube."""
    job = submitted(client, headers, request)
    until(lambda: Job.objects.get(pk=job.pk).state == State.RUNNING)
    until(lambda: is_written(job, cubes))
    return job


def is_written(job: Job, cubes) -> bool:
    """Whether most of the cube is there."""
    names = cubes.files(job.owner.username)
    return any("sst/0" in name or re.match(r"\d", name) for name in names)


def supervisor_of(job: Job) -> int:
    who = json.loads((Path(runs_dir()) / job.job_id / "supervisor.json").read_text())
    return who["pid"]


def check_nothing_remains(client, user, headers, cubes, cube, job) -> None:
    """Nothing was charged, nothing is left, and the same request makes its cube now."""
    until(lambda: not Job.objects.claiming().exists())
    balance = Balance.objects.get(user=user)
    assert (balance.total, balance.reserved) == (1000, 0)
    assert cubes.files(user.username) == []
    cube.mend()
    body = run(client, headers, asked(cube))
    assert body["state"] == "SUCCEEDED", body
    assert Balance.objects.get(user=user).total == 988
    left = cubes.files(user.username)
    assert left
    assert not [name for name in left if name.endswith(".xcube-hub")]


def test_an_error_in_the_middle_of_writing(client, user, headers, cubes, broken):
    job = submitted(client, headers, asked(broken))
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, "XCUBE_ERROR"), job.message
    check_nothing_remains(client, user, headers, cubes, broken, job)


OPEN = """
import json, sys
from xcube.core.store import new_data_store
given = json.loads(sys.argv[1])
store = new_data_store(given["store_id"], **given["store_params"])
pyramid = store.open_data("same.levels", data_type="mldataset")
cube = store.open_data("same.zarr")
assert pyramid.base_dataset.drop_encoding().identical(cube.drop_encoding())
levels = [pyramid.get_dataset(level).chl.load() for level in range(pyramid.num_levels)]
print(json.dumps([list(level.shape) for level in levels]))
"""


def asked_with_pyramid(cube):
    """12 images of 4 x 4 pixels, and of 2 x 2."""
    request = asked(cube)
    request["cube_config"]["tile_size"] = [2, 2]
    request["output_config"]["write_params"] = {"levels": True}
    return request


def test_a_pyramid_costs_what_the_estimate_said_and_opens(
    client, user, headers, cubes, demo_cube, xcube_forks
):
    request = asked_with_pyramid(demo_cube)
    url = "/api/v2/cubegens/info"
    shown = client.post(url, request, content_type="application/json", headers=headers).json()
    assert shown["result"]["cost_estimation"]["required"] == 24
    body = run(client, headers, request)
    assert (body["state"], body["levels_data_id"]) == ("SUCCEEDED", "same.levels"), body
    balance = Balance.objects.get(user=user)
    assert (balance.total, balance.reserved) == (1000 - 24, 0)
    assert Job.objects.get().usage["written_cells"] == 12 * (16 + 4)
    assert not [name for name in cubes.files(user.username) if name.endswith(".xcube-hub")]
    store = json.dumps(load_catalogue().get("cubes").for_user(user.username))
    opened = xcube_forks.run("-c", OPEN, store)
    assert json.loads(opened.stdout) == [[6, 4, 4], [6, 2, 2]]


def test_a_pyramid_goes_with_the_cube_that_was_not_finished(client, user, headers, cubes, endless):
    job = begin(client, headers, asked_with_pyramid(endless), cubes)
    assert len([f for f in cubes.files(user.username) if f.endswith(".xcube-hub")]) == 2
    client.delete(f"/api/v2/cubegens/{job.job_id}", headers=headers)
    until(lambda: not Job.objects.get(pk=job.pk).is_live)
    check_nothing_remains(client, user, headers, cubes, endless, job)


def test_a_deadline_after_writing_began(client, user, headers, cubes, endless, settings):
    for deadline_s in (15, 60, 240):  # a busy machine may have written nothing at the first one
        settings.HUB = {**settings.HUB, "XCUBE_HUB_JOB_DEADLINE_S": deadline_s}
        job = submitted(client, headers, asked(endless))
        until(lambda: is_written(job, cubes) or Job.objects.get(pk=job.pk).is_final)  # noqa: B023
        if is_written(job, cubes):
            break
        until(lambda: not Job.objects.claiming().exists())
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    job.refresh_from_db()
    assert job.reason == "DEADLINE"
    check_nothing_remains(client, user, headers, cubes, endless, job)


def test_a_cancel_after_writing_began(client, user, headers, cubes, endless):
    job = begin(client, headers, asked(endless), cubes)
    client.delete(f"/api/v2/cubegens/{job.job_id}", headers=headers)
    assert Balance.objects.get(user=user).reserved == 12, "until its run is over"
    until(lambda: not Job.objects.get(pk=job.pk).is_live)
    check_nothing_remains(client, user, headers, cubes, endless, job)


def test_a_supervisor_that_is_killed_with_its_run(client, user, headers, cubes, endless):
    job = begin(client, headers, asked(endless), cubes)
    os.kill(supervisor_of(job), signal.SIGKILL)
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    job.refresh_from_db()
    assert job.reason == "LOST"
    check_nothing_remains(client, user, headers, cubes, endless, job)


def test_the_place_is_held_until_what_was_written_is_removed(
    client, user, headers, cubes, broken, monkeypatch
):
    monkeypatch.setattr("jobs.output.outputs.remove_due", int)  # no worker is there for it
    job = submitted(client, headers, asked(broken))
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    response = submit(client, headers, asked(broken))
    assert response.status_code == 409
    assert "is being cleared" in response.json()["detail"]
    monkeypatch.undo()
    until(lambda: tasks.remove_outputs() or not Job.objects.claiming().exists())
    assert cubes.files(user.username) == []


def test_a_cube_that_was_finished_before_its_cancelled_job_was_seen_is_charged(
    client, user, headers, cubes, demo_cube
):
    """No follower is there, until the job is cancelled."""
    job = submitted(client, headers, cubegen_request("same.zarr"))
    tasks.launch_due()
    wait_for(lambda: the_engine().runs.look(job.job_id).phase == Phase.SUCCEEDED, "end")
    Job.objects.update(started_at=None, result=None)  # nor did its reports arrive
    assert Job.objects.get().state == State.LAUNCHED
    client.delete(f"/api/v2/cubegens/{job.job_id}", headers=headers)
    until(lambda: not Job.objects.claiming().exists())
    assert Job.objects.get().state == State.CANCELLED
    balance = Balance.objects.get(user=user)
    assert (balance.total, balance.reserved) == (988, 0)
    assert cubes.files(user.username), "it is paid, and stays"
