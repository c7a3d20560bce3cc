"""The suite of the main job once more: in pods of a real kubelet, under the hub's own Role.

The estimates are made by the runner on this machine, the cubes in pods.
"""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from pytest_django.live_server_helper import LiveServer

from accounts.models import Balance
from hubsite import engines
from jobs.models import Job, JobLog, State
from tests.accounts.factories import bearer, make_client, make_user
from tests.jobs import test_main_job as suite
from tests.jobs.factories import cubegen_request, submit
from tests.jobs.test_main_job import *  # noqa: F403 - the suite itself
from tests.jobs.test_main_job import SCOPES, run, until
from tests.patience import PATIENCE_S
from tests.servers.kubernetes.access import HubAccess, hub_access, new_namespace
from tests.servers.kubernetes.images import XCUBE, XCUBE_CONDA
from tests.servers.kubernetes.node import NodeCluster

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xcube, pytest.mark.node]

CODER_SCOPES = (*SCOPES, "process:cubegens")
MEMORY_BYTES = 800 << 20
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction"}


@pytest.fixture(scope="module")
def hub_in(node_cluster: NodeCluster, demo_cube: Path, tmp_path_factory) -> HubAccess:
    """A restricted namespace of the node, with the volumes of the stores and the hub's Role."""
    namespace = new_namespace(node_cluster)
    cubes = demo_cube.parent.parent / "cubes"
    cubes.mkdir(exist_ok=True)
    # What this process made is for itself alone; pods have another user id.
    subprocess.run(["chmod", "-R", "a+rX", demo_cube.parent], check=True)
    node_cluster.make_volume(namespace, "source", demo_cube.parent)
    node_cluster.make_volume(namespace, "cubes", cubes)
    return hub_access(node_cluster, namespace, folder=tmp_path_factory.mktemp("access"))


@pytest.fixture(autouse=True)
def world(runner, demo_cube, node_cluster, hub_in, settings):
    """Where the jobs of the suite run here."""
    server = LiveServer(f"{node_cluster.host_address}:0")
    data = demo_cube.parent.parent
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_ENGINE": "kubernetes",
        "KUBECONFIG": str(hub_in.kubeconfig),
        "XCUBE_HUB_NAMESPACE": hub_in.namespace,
        "XCUBE_HUB_CALLBACK_URL": f"{server.url}/api/v2",
        "XCUBE_HUB_POD_IMAGE": XCUBE,
        "XCUBE_HUB_POD_PULL_POLICY": "Never",
        "XCUBE_HUB_POD_VOLUMES": [f"source:{data}/source", f"cubes:{data}/cubes:per-user"],
        "XCUBE_HUB_POD_CPU_REQUEST": "100m",
        "XCUBE_HUB_JOB_MEMORY_BYTES": MEMORY_BYTES,
    }
    engines.get_engine.cache_clear()
    yield server
    server.stop()
    engines.get_engine.cache_clear()


def begin_endless(client, headers, endless, settings) -> tuple[Job, Path] | None:
    """A job whose pod has written most of its cube, and that cube; None if it ended before."""
    subprocess.run(["chmod", "-R", "a+rX", endless.chunk.parent.parent], check=True)
    given = {"store_id": "@demo", "data_id": endless.name}
    response = submit(client, headers, cubegen_request("same.zarr", input_config=given))
    assert response.status_code == 200, response.content
    job = Job.objects.get(job_id=response.json()["job_id"])
    cube = settings.DATA_DIR / "cubes" / job.owner.username / "same.zarr"

    def has_written() -> bool:
        return any((cube / "sst").glob("[0-9]*"))

    until(lambda: has_written() or Job.objects.get(pk=job.pk).is_final)
    return (job, cube) if has_written() else None


@pytest.mark.parametrize("end", ["cancel", "deadline"])
def test_what_a_pod_wrote_that_nobody_pays_for_is_removed(
    client, user, headers, settings, endless, end
):
    # How long a pod takes until it writes depends on the machine: it is tried.
    for deadline_s in (30, 60, 120, 240) if end == "deadline" else (3600,):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_JOB_DEADLINE_S": deadline_s}
        if begun := begin_endless(client, headers, endless, settings):
            break
        until(lambda: not Job.objects.claiming().exists())
    assert begun
    job, cube = begun
    if end == "cancel":
        client.delete(f"/api/v2/cubegens/{job.job_id}", headers=headers)
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    until(lambda: not Job.objects.claiming().exists())
    job.refresh_from_db()
    assert (job.state, job.reason) == (
        ("CANCELLED", "") if end == "cancel" else ("FAILED", "DEADLINE")
    )
    balance = Balance.objects.get(user=user)
    assert (balance.total, balance.reserved) == (1000, 0)
    assert list(cube.parent.iterdir()) == []


@pytest.fixture
def coder():
    return make_user(permissions=CODER_SCOPES, units=1000)


def run_code(client, coder, text, **more):
    """Have this code of the user's own run; the job as its owner sees it at the end."""
    code = {"inline_code": text, "callable_ref": "m:f"}
    request = cubegen_request("code.zarr", code_config=code, **more)
    return run(client, bearer(coder, CODER_SCOPES), request)


def test_the_unmodified_client_gets_its_cube_from_a_pod(
    world, settings, xcube_python, tmp_path, demo_cube
):
    user = make_user(permissions=SCOPES, units=1000)
    hub_client, secret = make_client(user, SCOPES)
    service = {
        "endpoint_url": f"{world.url}/api/v2/",
        "client_id": hub_client.client_id,
        "client_secret": secret,
    }
    (tmp_path / "service.json").write_text(json.dumps(service))
    (tmp_path / "request.json").write_text(json.dumps(cubegen_request("client.zarr")))
    arguments = ["gen2", "--service", "service.json", "-v", "-o", "result.json", "request.json"]
    client = subprocess.Popen(
        [xcube_python.parent / "xcube", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until(lambda: client.poll() is not None)
    said = client.stdout.read()
    assert client.returncode == 0, said
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "ok", result
    assert result["result"] == {"data_id": "client.zarr"}

    job = Job.objects.get()
    assert [e.to_state for e in job.events.all()] == ["QUEUED", "LAUNCHED", "RUNNING", "SUCCEEDED"]
    assert job.progress["state"]["progress"] == 1
    assert JobLog.objects.filter(job=job).exists(), "the log came by the run's own reports"
    opened = subprocess.run(
        [
            xcube_python, "-c",
            "import sys, xarray as xr; c = xr.open_zarr(sys.argv[1]); print(float(c.chl.sum()))",
            suite.cube_path(settings, user, "client.zarr"),
        ],
        check=True, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert float(opened.stdout) > 0
    assert Balance.objects.get(user=user).total == 988


def test_a_run_that_needs_too_much_memory_is_told_so(client, coder):
    text = "def f(cube):\n    held = [bytearray(50_000_000) for _ in range(100)]\n    return cube\n"
    body = run_code(client, coder, text)
    assert (body["state"], body["reason"]) == ("FAILED", "OUT_OF_MEMORY"), body


def test_a_run_that_crashes_is_told_so(client, coder):
    text = "import os, signal\ndef f(cube):\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
    body = run_code(client, coder, text)
    assert (body["state"], body["reason"]) == ("FAILED", "XCUBE_ERROR"), body
    assert "SIGSEGV" in body["message"]
    assert Balance.objects.get(user=coder).total == 988, "user code that fails is charged"


def test_users_code_can_neither_end_its_supervisor_nor_speak_for_it(client, coder):
    """Else it would be LOST, which is free, or a success that it only claims."""
    text = (
        "import os, signal\n"
        "def f(cube):\n"
        "    open('/dev/termination-log', 'w').write('{\"phase\": \"SUCCEEDED\"}')\n"
        "    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP):\n"
        "        os.kill(1, number)\n"
        "    raise ValueError('still here')\n"
    )
    body = run_code(client, coder, text)
    assert (body["state"], body["reason"]) == ("FAILED", "XCUBE_ERROR"), body
    assert "still here" in body["message"]


def test_what_a_pod_may_is_little(client, coder):
    text = (
        "import os, pathlib, socket\n"
        "def f(cube):\n"
        "    print('UID', os.getuid())\n"
        "    print('WRITES', [p for p in ('/', '/etc', '/opt', '/usr') if os.access(p, os.W_OK)])\n"
        "    account = '/var/run/secrets/kubernetes.io/serviceaccount'\n"
        "    print('ACCOUNT', os.path.exists(account))\n"
        "    print('ENV', sorted(os.environ))\n"
        "    one = pathlib.Path('/proc/1')\n"
        "    for name in ('environ', 'mem', 'maps'):\n"
        "        try:\n"
        "            data = (one / name).open('rb').read(4096)\n"
        "        except OSError as error:\n"
        "            data = str(error).encode()\n"
        "        print('SUPERVISOR', name, b'run.' in data)\n"
        "    return cube\n"
    )
    body = run_code(client, coder, text)
    assert body["state"] == "SUCCEEDED", body
    said = "\n".join(body["output"])
    assert "UID 1000" in said
    assert "WRITES []" in said
    assert "ACCOUNT False" in said
    assert "KUBERNETES" not in said
    assert "RUN_TOKEN" not in said
    assert "True" not in said.partition("SUPERVISOR")[2]


def test_uploaded_code_is_fetched_by_the_pod(client, coder):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("mine/__init__.py", "")
        writer.writestr("mine/work.py", "def f(cube):\n    print('FETCHED')\n    return cube * 2\n")
    code = {"callable_ref": "mine.work:f", "file_set": {"path": "mine.zip"}}
    body = io.BytesIO(json.dumps(cubegen_request("zip.zarr", code_config=code)).encode())
    body.name = "request.json"
    archive.seek(0)
    archive.name = "mine.zip"
    headers = bearer(coder, CODER_SCOPES)
    response = client.put(
        "/api/v2/cubegens/code",
        data=encode_multipart(BOUNDARY, {"body": body, "user_code": archive}),
        content_type=MULTIPART_CONTENT,
        headers=headers,
    )
    assert response.status_code == 200, response.content
    job_id = response.json()["job_id"]
    until(lambda: Job.objects.get(job_id=job_id).is_final)
    seen = client.get(f"/api/v2/cubegens/{job_id}", headers=headers).json()
    assert seen["state"] == "SUCCEEDED", seen
    assert any("FETCHED" in line for line in seen["output"])


def test_an_image_whose_xcube_is_not_on_its_path_serves_too(client, user, headers, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_POD_IMAGE": XCUBE_CONDA}
    engines.get_engine.cache_clear()
    body = run(client, headers, cubegen_request("conda.zarr"))
    assert body["state"] == "SUCCEEDED", body


def test_a_run_whose_hub_was_away_has_its_result_all_the_same(client, user, headers, settings):
    """The termination message tells it; the log is read off the pod."""
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_CALLBACK_URL": settings.HUB["XCUBE_HUB_CALLBACK_URL"].replace("http:", "https:"),
    }
    body = run(client, headers, cubegen_request("away.zarr"))
    assert body["state"] == "SUCCEEDED", body
    assert body["job_result"]["result"] == {"data_id": "away.zarr"}
    until(lambda: JobLog.objects.exists())  # the log is that of the pod
    seen = client.get(f"/api/v2/cubegens/{body['job_id']}", headers=headers).json()
    assert any("importing xcube" in line for line in seen["output"]), seen["output"]


def test_a_pod_that_was_evicted_begins_again_over_its_half_written_cube(
    client, user, settings, hub_in, node_cluster
):
    coder = make_user(permissions=CODER_SCOPES, units=1000)
    # The first pod goes on until it is evicted, the second one ends.
    sign = suite.cube_path(settings, coder, "go-on")
    text = (
        "import pathlib, time\n"
        "def f(cube):\n"
        f"    while not pathlib.Path('{sign}').exists():\n"
        "        time.sleep(0.1)\n"
        "    return cube\n"
    )
    code = {"inline_code": text, "callable_ref": "m:f"}
    headers = bearer(coder, CODER_SCOPES)
    response = submit(client, headers, cubegen_request("again.zarr", code_config=code))
    job_id = response.json()["job_id"]
    until(lambda: Job.objects.get(job_id=job_id).state == State.RUNNING)
    half = suite.cube_path(settings, coder, "again.zarr")
    half.mkdir(parents=True, exist_ok=True)
    (half / ".zgroup").write_text('{"zarr_format": 2}')
    subprocess.run(["chown", "-R", "1000:1000", str(half)], check=True)
    selector = f"batch.kubernetes.io/job-name={job_id}"
    pods = f"/api/v1/namespaces/{hub_in.namespace}/pods"
    (pod,) = node_cluster.api.items(pods, labelSelector=selector)
    name = pod["metadata"]["name"]
    node_cluster.api.post(f"{pods}/{name}/eviction", EVICTION | {"metadata": {"name": name}})
    until(lambda: not node_cluster.api.exists(f"{pods}/{name}"))
    sign.touch()
    until(lambda: Job.objects.get(job_id=job_id).is_final)
    job = Job.objects.get(job_id=job_id)
    assert job.state == State.SUCCEEDED, (job.reason, job.message)
    assert (half / "sst").is_dir()
