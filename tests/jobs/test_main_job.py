"""The main job from submission to cube, with the real runner and real xcube.

The worker and the observer are called step by step; `tests/processes` has them as processes.
This suite runs on the local engine here, and in pods in `tests/kubernetes/test_main_job.py`.
"""

import json
import time
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings

from accounts.models import Balance
from hubsite.engines import following, get_engine
from jobs.models import Job, JobDocument, JobLog, State
from jobs.running.following import make_follower
from jobs.running.run_token import run_token
from tests.accounts.factories import bearer, make_user
from tests.patience import PATIENCE_S, wait_for

from .conftest import run_queued_tasks
from .factories import cubegen_request, submit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xcube]

SCOPES = ("manage:cubegens",)


@pytest.fixture(autouse=True)
def world(runner, demo_cube, live_server, settings):
    """Where the jobs run; the suite's other home has another one."""
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CALLBACK_URL": f"{live_server.url}/api/v2"}


@pytest.fixture
def user():
    return make_user(permissions=SCOPES, units=1000)


@pytest.fixture
def headers(user):
    return bearer(user, SCOPES)


def the_engine():
    return get_engine(django_settings.HUB["XCUBE_HUB_ENGINE"])


def until(condition):
    """Do the worker's and the observer's work until `condition()` holds."""
    deadline = time.monotonic() + PATIENCE_S

    def is_over():
        run_queued_tasks()
        assert time.monotonic() < deadline, [
            (j.state, j.reason, j.message, j.is_live) for j in Job.objects.all()
        ]
        return condition()

    with patch.object(following, "WATCH_S", 0.2):
        make_follower(the_engine(), is_stopping=is_over).run()
    run_queued_tasks()


def run(client, headers, request):
    """Submit and wait for the end; the job as its owner sees it."""
    response = submit(client, headers, request)
    assert response.status_code == 200, response.content
    job = Job.objects.get(job_id=response.json()["job_id"])
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    return client.get(f"/api/v2/cubegens/{job.job_id}", headers=headers).json()


def cube_path(settings, user, data_id):
    return settings.DATA_DIR / "cubes" / user.username / data_id


COMPARE = """
import sys, xarray as xr
a, b = (xr.open_zarr(p) for p in sys.argv[1:3])
xr.testing.assert_equal(a, b)
print(dict(a.sizes), float(a.chl.sum()))
"""


def test_the_cube_equals_the_one_that_plain_xcube_makes(
    client, user, headers, settings, xcube_forks, demo_cube, tmp_path
):
    body = run(client, headers, cubegen_request("north.zarr"))
    assert body["state"] == "SUCCEEDED", json.dumps(body, indent=1)
    assert body["job_result"]["status"] == "ok"
    assert body["job_result"]["result"] == {"data_id": "north.zarr"}
    assert Balance.objects.get(user=user).total == 988

    stores = {
        "demo": {"store_id": "file", "store_params": {"root": str(demo_cube.parent)}},
        "cubes": {"store_id": "file", "store_params": {"root": str(tmp_path)}},
    }
    (tmp_path / "stores.json").write_text(json.dumps(stores))
    (tmp_path / "request.json").write_text(json.dumps(cubegen_request("plain.zarr")))
    options = ("--stores", "stores.json", "-o", "result.json", "request.json")
    xcube_forks.run("-m", "xcube.cli.main", "gen2", *options, cwd=tmp_path)
    paths = cube_path(settings, user, "north.zarr"), tmp_path / "plain.zarr"
    compared = xcube_forks.run("-c", COMPARE, *paths)
    assert "'time': 6" in compared.stdout


def test_progress_and_log_arrive_by_the_runs_own_reports(client, settings, demo_cube):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_LOCAL_USER_CODE": True}
    scopes = ("manage:cubegens", "process:cubegens")
    headers = bearer(make_user(permissions=scopes, units=1000), scopes)
    seen = demo_cube.parent / "seen"  # a report that comes after the run's end is ignored
    seen.unlink(missing_ok=True)
    code = "import os, time\ndef f(cube):\n"
    code += f"    while not os.path.exists({str(seen)!r}):\n        time.sleep(0.05)\n"
    code += "    return cube\n"
    request = cubegen_request(
        "logged.zarr", code_config={"inline_code": code, "callable_ref": "m:f"}
    )
    job = Job.objects.get(job_id=submit(client, headers, request).json()["job_id"])
    until(lambda: Job.objects.get(pk=job.pk).progress)
    seen.touch()
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    job.refresh_from_db()
    states = [event.to_state for event in job.events.all()]
    assert states == ["QUEUED", "LAUNCHED", "RUNNING", "SUCCEEDED"]
    assert job.progress["state"]["total_work"] > 0
    wait_for(JobLog.objects.filter(job=job).exists, "log", pause_s=0.1)


def test_a_run_leaves_nothing_behind_in_the_engine(client, user, headers):
    job_id = run(client, headers, cubegen_request("tidy.zarr"))["job_id"]
    until(lambda: not the_engine().runs.exists(job_id))
    assert not Job.objects.filter(is_live=True).exists()


def test_a_job_that_fails_inside_xcube_says_why_and_costs_nothing(client, user, headers):
    request = cubegen_request("bad.zarr")
    # xcube checks this word itself, when all but the writing is done.
    request["cube_config"] = {"metadata": {"inverse_fine_structure_constant": 1}}
    body = run(client, headers, request)
    assert body["state"] == "FAILED", body
    assert body["reason"] == "XCUBE_ERROR"
    assert body["job_result"]["status"] == "error"
    assert "must be 137" in body["job_result"]["message"]
    assert "Traceback" not in json.dumps(body["job_result"])
    assert any("Traceback" in line for line in body["output"]), "its owner finds it in the log"
    assert Balance.objects.get(user=user).available == 1000


def test_a_run_that_takes_too_long_fails_with_its_deadline(client, user, headers, settings):
    limits = {"XCUBE_HUB_JOB_DEADLINE_S": 1, "XCUBE_HUB_LOCAL_USER_CODE": True}
    settings.HUB = {**settings.HUB, **limits}
    scopes = ("manage:cubegens", "process:cubegens")
    coder = make_user(permissions=scopes, units=1000)
    code = "import time\ndef f(cube):\n    time.sleep(600)\n    return cube\n"
    request = cubegen_request("slow.zarr", code_config={"inline_code": code, "callable_ref": "m:f"})
    body = run(client, bearer(coder, scopes), request)
    assert (body["state"], body["reason"]) == ("FAILED", "DEADLINE")
    assert Balance.objects.get(user=coder).total == 988, "user code that fails is charged"


def test_user_code_works_on_the_cube_and_never_sees_the_runs_token(client, settings, xcube_python):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_LOCAL_USER_CODE": True}
    scopes = ("manage:cubegens", "process:cubegens")
    coder = make_user(permissions=scopes, units=1000)
    code = "import os\ndef f(cube):\n    print('ENV', sorted(os.environ))\n    return cube + 1\n"
    request = cubegen_request("code.zarr", code_config={"inline_code": code, "callable_ref": "m:f"})
    body = run(client, bearer(coder, scopes), request)
    assert body["state"] == "SUCCEEDED", body
    log = "\n".join(body["output"])
    assert "ENV" in log
    assert "SECRET" not in log
    assert run_token(body["job_id"], 1) not in log


def test_a_cube_much_larger_than_admitted_is_not_written(client, user, headers, settings):
    """An input may change between its estimate and the run."""
    response = submit(client, headers, cubegen_request("grown.zarr"))
    job = Job.objects.get(job_id=response.json()["job_id"])
    JobDocument.objects.filter(job=job).update(admitted_cells=90)  # of 2 x 6 x 4 x 4
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, "COST"), job.message
    assert "192 values, its estimate said 90" in job.message
    assert Balance.objects.get(user=user).available == 1000
    assert not cube_path(settings, user, "grown.zarr").exists()


@pytest.mark.parametrize(
    "code",
    [
        "def f(cube):\n    raise ValueError(chr(0xd800) + chr(0))\n",
        "def f(cube):\n    print(chr(0) + 'x')\n    raise ValueError('y' * 100_000)\n",
    ],
)
def test_whatever_a_run_says_its_job_ends_and_so_do_others(client, user, headers, settings, code):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_LOCAL_USER_CODE": True}
    scopes = ("manage:cubegens", "process:cubegens")
    coder = make_user(permissions=scopes, units=1000)
    request = cubegen_request("odd.zarr", code_config={"inline_code": code, "callable_ref": "m:f"})
    submit(client, bearer(coder, scopes), request)
    body = run(client, headers, cubegen_request("other.zarr"))
    assert body["state"] == "SUCCEEDED"
    until(lambda: not Job.objects.filter(is_live=True).exists())
    odd = Job.objects.get(owner=coder)
    assert (odd.state, odd.reason) == (State.FAILED, "XCUBE_ERROR")


def test_a_cancelled_run_ends_and_frees_its_place(client, user, headers, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_LOCAL_USER_CODE": True}
    scopes = ("manage:cubegens", "process:cubegens")
    coder = make_user(permissions=scopes, units=1000)
    code = "import time\ndef f(cube):\n    time.sleep(600)\n    return cube\n"
    request = cubegen_request(
        "endless.zarr", code_config={"inline_code": code, "callable_ref": "m:f"}
    )
    job_id = submit(client, bearer(coder, scopes), request).json()["job_id"]
    until(lambda: Job.objects.get(job_id=job_id).state == State.RUNNING)
    client.delete(f"/api/v2/cubegens/{job_id}", headers=bearer(coder, scopes))
    until(lambda: not Job.objects.get(job_id=job_id).is_live)
    assert Job.objects.get(job_id=job_id).state == State.CANCELLED
    until(lambda: not the_engine().runs.exists(job_id))


def test_a_data_id_that_leaves_its_store_through_a_link_is_refused(
    client, user, headers, settings, demo_cube, tmp_path
):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = demo_cube.parent / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    request = cubegen_request(
        "x.zarr", input_config={"store_id": "@demo", "data_id": "link/secret.zarr"}
    )
    response = submit(client, headers, request)
    assert response.status_code == 400, response.content
    assert Job.objects.count() == 0

    home = settings.DATA_DIR / "cubes" / user.username
    home.mkdir(parents=True, exist_ok=True)
    (home / "out").unlink(missing_ok=True)
    (home / "out").symlink_to(outside)
    response = submit(client, headers, cubegen_request("out/x.zarr"))
    if response.status_code == 200:
        job = Job.objects.get()
        until(lambda: Job.objects.get(pk=job.pk).is_final)
        job.refresh_from_db()
        assert job.state == State.FAILED
    else:
        assert response.status_code == 400
    assert list(outside.iterdir()) == []
