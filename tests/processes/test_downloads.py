"""Cubes that are downloaded from the hub's own server: slowly, in parts, while they change."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from socket import socket

import pytest

from tests.patience import PATIENCE_S, wait_for

from .hubprocess import CHECKOUT, HubProcess
from .raw import Server, head

pytestmark = pytest.mark.processes

BIG = 200 << 20

PREPARE = """
import hashlib, json, os
from django.utils import timezone
from accounts.tokens.hub_tokens import issue_token
from jobs.models import Job
from jobs.stores.catalogue import load_catalogue
from jobs.stores.location import location
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

SCOPES = ["manage:cubegens"]
store = load_catalogue().get("cubes")
told = []
for _ in range(3):
    user = make_user(permissions=SCOPES)
    place = location(store.for_user(user.username), "big.zarr")
    job = make_job(user, units=0, state="SUCCEEDED", output_store="@cubes",
        output_data_id="big.zarr", output_claim=hashlib.sha256(place.encode()).hexdigest(),
        started_at=timezone.now(), finished_at=timezone.now())
    folder = store.for_user(user.username)["store_params"]["root"] + "/big.zarr"
    os.makedirs(folder)
    with open(f"{folder}/chunk", "wb") as file:
        file.truncate(SIZE)
    with open(f"{folder}/.zgroup", "wb") as file:
        file.write(b"{}")
    told.append([job.job_id, issue_token(user, scopes=SCOPES), folder])
print("TOLD" + json.dumps(told))
""".replace("SIZE", str(BIG))


class Owner:
    """A user with one large cube."""

    def __init__(self, server: Server, job_id: str, token: str, folder: str) -> None:
        self.server, self.folder = server, Path(folder)
        self.path = f"/api/v2/cubegens/{job_id}/result/zip"
        self.headers = {"Authorization": f"Bearer {token}"}

    def begin(self) -> socket:
        """A download of which nothing is read but what the kernel takes."""
        return self.server.connect(head("GET", self.path, **self.headers), reads=4096)

    def status(self) -> int:
        with contextlib.closing(http.client.HTTPConnection(*self.server.address)) as connection:
            connection.request("GET", self.path, headers=self.headers)
            return connection.getresponse().status


@pytest.fixture(scope="module")
def owners(few_threads: Server) -> list[Owner]:
    hub = few_threads.hub
    return [Owner(few_threads, *row) for row in prepare(hub, hub.data_dir / "stores.yaml")]


def prepare(hub: HubProcess, stores: Path) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", PREPARE],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "XCUBE_HUB_DATA_DIR": str(hub.data_dir),
            "XCUBE_HUB_DOTENV": os.devnull,
            "XCUBE_HUB_STORES": str(stores),
            "DJANGO_SETTINGS_MODULE": "hubsite.settings",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(re.search("TOLD(.*)", done.stdout)[1])


def memory_of(hub: HubProcess) -> int:
    """Private memory of all processes of the hub, in bytes."""
    total = 0
    for pid, _ in hub.left():
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(n) << 10 for n in re.findall(r"Private_\w+: +(\d+) kB", text))
    return total


def test_slow_readers_of_large_cubes_hold_no_thread_and_no_memory(owners):
    server = owners[0].server
    assert server.get("/login/")[0] == 200
    before = memory_of(server.hub)
    with contextlib.ExitStack() as stack:
        for owner in owners:
            for _ in range(2):
                client = stack.enter_context(owner.begin())
                assert client.recv(12) == b"HTTP/1.1 200"
        assert owners[0].status() == 429
        assert all(server.get(path)[0] == 200 for path in ("/api/v2/", "/login/"))
        assert memory_of(server.hub) - before < BIG / 2, "of six downloads of this size each"
    # A client that has gone frees its place.
    wait_for(lambda: owners[0].status() == 200)


def test_a_whole_cube_is_sent_and_the_connection_is_used_again(owners):
    owner = owners[1]
    wait_for(lambda: owner.status() == 200)
    connection = http.client.HTTPConnection(*owner.server.address, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.request("GET", owner.path, headers=owner.headers)
        answer = connection.getresponse()
        data = answer.read()
        assert len(data) == int(answer.headers["Content-Length"]) > BIG
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
        assert names == ["big.zarr/.zgroup", "big.zarr/chunk"]
        rest = {"Range": f"bytes={len(data) - 50}-", "If-Range": answer.headers["ETag"]}
        connection.request("GET", owner.path, headers={**owner.headers, **rest})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (206, data[-50:])
        connection.request("HEAD", owner.path, headers=owner.headers)
        answer = connection.getresponse()
        assert (answer.read(), int(answer.headers["Content-Length"])) == (b"", len(data))
        connection.request("GET", "/health/live")
        assert connection.getresponse().read()


def test_a_cube_that_changes_is_cut_off(owners):
    owner = owners[2]
    wait_for(lambda: owner.status() == 200)
    with owner.begin() as client:
        assert client.recv(12) == b"HTTP/1.1 200"
        received = 12 + len(client.recv(100_000))
        (owner.folder / "chunk").write_bytes(b"x")
        with contextlib.suppress(ConnectionError):
            while piece := client.recv(1 << 20):
                received += len(piece)
    assert received < BIG / 2
    owner.server.hub.wait_for("A download was cut off: .*was (changed|replaced)")
