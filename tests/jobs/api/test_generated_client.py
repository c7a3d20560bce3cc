"""A client that a generator makes of the API document generates a cube, end to end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from tests.accounts.factories import make_client, make_user
from tests.api_document import api_document, operations
from tests.conftest import CHECKOUT
from tests.jobs.factories import cubegen_request
from tests.jobs.test_main_job import SCOPES, until
from tests.servers.missing import missing

GENERATOR = CHECKOUT / ".openapi" / "bin"
CONFIG = {
    "post_hooks": [],  # it would format its own code
    "content_type_overrides": {"application/zip": "application/octet-stream"},
}

PROGRAM = """
import json, sys, time
from client import AuthenticatedClient, Client
from client.api.accounts import get_me, get_token
from client.api.cube_generation import (
    delete_cubegen, get_cube_info, get_cubegen, get_cubegen_logs, list_cubegens, submit_cubegen,
)
from client.api.service import get_service_information
from client.models import ClientCredentials, CubegenProblem, CubegenRequest

url, client_id, client_secret, request, wrong = json.loads(sys.argv[1])
hub = Client(base_url=url)
assert get_service_information.sync(client=hub).name == "xcube-gen-api"
credentials = ClientCredentials(client_id=client_id, client_secret=client_secret)
token = get_token.sync(client=hub, body=credentials).access_token
hub = AuthenticatedClient(base_url=url, token=token)
me = get_me.sync(client=hub)

info = get_cube_info.sync(client=hub, body=CubegenRequest.from_dict(request))
refused = submit_cubegen.sync_detailed(client=hub, body=CubegenRequest.from_dict(wrong))
assert isinstance(refused.parsed, CubegenProblem), refused
job = submit_cubegen.sync(client=hub, body=CubegenRequest.from_dict(request))
while not job.job_result:
    time.sleep(0.2)
    job = get_cubegen.sync(job_id=job.job_id, client=hub)
log = get_cubegen_logs.sync(job_id=job.job_id, client=hub)
listed = [one.job_id for one in list_cubegens.sync(client=hub)]
deleted = delete_cubegen.sync(job_id=job.job_id, client=hub)
print(json.dumps({
    "permissions": me.permissions,
    "cost": info.result.cost_estimation.required,
    "refused": [int(refused.status_code), refused.parsed.errors[0].field],
    "result": job.job_result.to_dict(),
    "units": job.units,
    "is_listed": job.job_id in listed,
    "deleted": deleted,
    "lines": len(log.lines),
    "left": [one.job_id for one in list_cubegens.sync(client=hub)],
}))
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    """The folder that the package `client` was generated into."""
    program = GENERATOR / "openapi-python-client"
    if not os.access(program, os.X_OK):
        missing("the generator of clients is not installed: run `make .openapi/.installed`")
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(api_document()))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    done = subprocess.run(
        [
            program, "generate", "--path", "openapi.json", "--output-path", "client",
            "--meta", "none", "--config", "config.json", "--fail-on-warning",
        ],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_operation_has_its_function(generated):
    modules = {path.stem for path in (generated / "client" / "api").glob("*/*.py")}
    for name, operation in operations():
        assert operation["operationId"] in modules, name
    for module in (generated / "client" / "api").glob("*/[!_]*.py"):
        assert "def sync_detailed(" in module.read_text(), module


def test_every_component_has_its_model(generated):
    models = (generated / "client" / "models" / "__init__.py").read_text()
    for name in api_document()["components"]["schemas"]:
        assert f"import {name}\n" in models, name


@pytest.mark.xcube
@pytest.mark.django_db(transaction=True)
def test_it_generates_a_cube(generated, runner, demo_cube, live_server, settings):
    url = f"{live_server.url}/api/v2"
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CALLBACK_URL": url}
    user = make_user(permissions=SCOPES, units=1000)
    client, secret = make_client(user, SCOPES)
    request = cubegen_request("generated.zarr")
    wrong = cubegen_request("generated.zarr")
    wrong["cube_config"]["spatial_res"] = -1
    process = subprocess.Popen(
        [
            GENERATOR / "python", "-c", PROGRAM,
            json.dumps([url, client.client_id, secret, request, wrong]),
        ],
        cwd=generated, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={"PATH": os.environ["PATH"], "no_proxy": "*"},
    )  # fmt: skip
    try:
        until(lambda: process.poll() is not None)
        answer, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors[-3000:]
    told = json.loads(answer)
    assert told["permissions"] == list(SCOPES)
    assert told["cost"] == told["units"] > 0
    assert told["refused"] == [400, "cube_config.spatial_res"]
    assert told["result"]["status"] == "ok"
    assert told["result"]["result"] == {"data_id": "generated.zarr"}
    assert told["is_listed"]
    assert told["deleted"] == "Success"
    assert told["left"] == []
    assert (django_settings.DATA_DIR / "cubes" / user.username / "generated.zarr").is_dir()
