"""A client that a generator makes of the API document generates a cube, end to end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from tests.accounts.factories import bearer, make_client, make_user
from tests.api_document import api_document, operations
from tests.conftest import CHECKOUT
from tests.jobs.factories import cubegen_request
from tests.jobs.test_main_job import SCOPES, until
from tests.patience import PATIENCE_S
from tests.servers.missing import missing
from tests.services.factories import CONFIGURATION, make_profile

GENERATOR = CHECKOUT / ".openapi" / "bin"
CONFIG = {
    "post_hooks": [],  # it would format its own code
    "content_type_overrides": dict.fromkeys(
        ("application/zip", "image/png"), "application/octet-stream"
    ),
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
        cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S,
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
        answer, errors = process.communicate(timeout=PATIENCE_S)
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


SERVICES_PROGRAM = """
import datetime, json, sys
from client import AuthenticatedClient
from client.api.services import (
    delete_server, get_server, get_server_events, get_server_log, keep_server, list_profiles,
    list_server_shares, list_servers, make_server_share, put_main_server, revoke_server_share,
    start_server, wake_server,
)
from client.models import (
    KeepRequest, MainServerRequest, Problem, ShareRequest, StartRequest,
)

url, token, user_id, configuration, friend = json.loads(sys.argv[1])
hub = AuthenticatedClient(base_url=url, token=token)
request = StartRequest.from_dict({"configuration": configuration, "title": "Mine"})
made = start_server.sync(client=hub, body=request, idempotency_key="k")
again = start_server.sync(client=hub, body=request, idempotency_key="k")
main = put_main_server.sync(
    client=hub, body=MainServerRequest.from_dict({"user_id": user_id, "cfg": configuration})
)
wrong = StartRequest.from_dict({"configuration": {"Datasets": "none"}})
refused = start_server.sync_detailed(client=hub, body=wrong)
assert isinstance(refused.parsed, Problem), refused
until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2)
kept = keep_server.sync(instance_id=made.id, client=hub, body=KeepRequest(until=until))
link = make_server_share.sync(instance_id=made.id, client=hub, body=ShareRequest(link=True))
person = make_server_share.sync(instance_id=made.id, client=hub, body=ShareRequest(user=friend))
revoke_server_share.sync(instance_id=made.id, share_id=person.id, client=hub)
print(json.dumps({
    "profiles": [one.name for one in list_profiles.sync(client=hub)],
    "is_same": made.id == again.id,
    "urls": [made.server_url, made.viewer_url],
    "datasets": made.datasets,
    "refused": [int(refused.status_code), refused.parsed.errors[0].field],
    "kept": (kept.kept_until - until).total_seconds(),
    "link": link.url,
    "shares": [share.link for share in list_server_shares.sync(instance_id=made.id, client=hub)],
    "woken": wake_server.sync(instance_id=made.id, client=hub).state,
    "state": get_server.sync(instance_id=made.id, client=hub).state,
    "events": len(get_server_events.sync(instance_id=made.id, client=hub)),
    "lines": len(get_server_log.sync(instance_id=made.id, client=hub).lines),
    "deleted": delete_server.sync(instance_id=made.id, client=hub),
    "left": [one.id for one in list_servers.sync(client=hub)] == [main.id],
}))
"""


@pytest.mark.django_db(transaction=True)
def test_it_starts_shares_and_deletes_a_server(generated, live_server):
    make_profile()
    user, friend = make_user(permissions=["manage:cubegens"]), make_user()
    token = bearer(user)["Authorization"].removeprefix("Bearer ")
    url = f"{live_server.url}/api/v2"
    done = subprocess.run(
        [
            GENERATOR / "python", "-c", SERVICES_PROGRAM,
            json.dumps([url, token, user.user_id, CONFIGURATION, friend.email]),
        ],
        cwd=generated, capture_output=True, text=True, timeout=PATIENCE_S,
        env={"PATH": os.environ["PATH"], "no_proxy": "*"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer.pop("urls")[1].endswith("/viewer/")
    assert "/shared/" in answer.pop("link")
    assert answer == {
        "profiles": ["small"],
        "is_same": True,
        "datasets": ["demo"],
        "refused": [400, "configuration.Datasets"],
        "kept": 0.0,
        "shares": [True],
        "woken": "REQUESTED",
        "state": "REQUESTED",
        "events": 5,
        "lines": 0,
        "deleted": "Success",
        "left": True,
    }
