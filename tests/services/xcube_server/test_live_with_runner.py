"""Live data, with the real runner: the viewer of a cube while a job replaces the cube."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from hubsite.engines import following, get_engine
from jobs.models import Job
from jobs.running.following import make_follower as follow_jobs
from services.models import ServiceInstance, State
from services.running.following import make_follower as follow_services
from services.xcube_server.cubes import open_cube
from tests.accounts.factories import bearer, make_user
from tests.jobs.conftest import run_queued_tasks
from tests.jobs.factories import cubegen_request, submit
from tests.patience import PATIENCE_S
from tests.services.factories import make_profile

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xcube]

SCOPES = ("manage:cubegens",)


@pytest.fixture(autouse=True)
def world(runner, demo_cube, live_server, settings):
    make_profile()  # a test before this one may have emptied the database
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CALLBACK_URL": f"{live_server.url}/api/v2"}


class OverSocket(http.client.HTTPConnection):
    """HTTP to a service of the local engine, as the edge talks to it."""

    def __init__(self, address: str):
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = address.removeprefix("unix:")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(address: str, path: str) -> tuple[int, bytes]:
    connection = OverSocket(address)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def times_shown(address: str, dataset: str) -> int:
    status, body = get(address, "/datasets?details=1")
    assert status == 200, body
    (shown,) = [one for one in json.loads(body)["datasets"] if one["id"] == dataset]
    (time_axis,) = [axis for axis in shown["dimensions"] if axis["name"] == "time"]
    return int(time_axis["size"])


def until(condition: Callable[[], Any]) -> None:
    """Do the worker's and both followers' work until `condition()` holds."""
    deadline = time.monotonic() + PATIENCE_S
    engine = get_engine("local")
    with patch.object(following, "WATCH_S", 0.2):
        while not condition():
            assert time.monotonic() < deadline, list(
                ServiceInstance.objects.values("state", "reason", "message", "broken")
            )
            for make_follower in (follow_jobs, follow_services):
                turns = iter([False, True])

                def is_over(turns=turns) -> bool:
                    run_queued_tasks()
                    return next(turns, True)

                follower = make_follower(engine, is_stopping=is_over)
                assert follower is not None
                follower.run()
            run_queued_tasks()


def make_cube(client, user, name: str, days: int, **output: Any) -> Job:
    request = cubegen_request(name)
    request["cube_config"]["time_range"] = ["2020-01-01", f"2020-01-0{days}"]
    request["output_config"] |= output
    response = submit(client, bearer(user, SCOPES), request)
    assert response.status_code == 200, response.content
    job = Job.objects.get(job_id=response.json()["job_id"])
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    job.refresh_from_db()
    assert job.state == "SUCCEEDED", (job.reason, job.message)
    return job


class Visitor(threading.Thread):
    """Somebody who looks at the cube all the time."""

    def __init__(self, address: str, paths: list[str]):
        super().__init__(daemon=True)
        self._address, self._paths = address, paths
        self.is_over = threading.Event()
        self.answers: list[tuple[str, int]] = []

    def run(self) -> None:
        while not self.is_over.is_set():
            for path in self._paths:
                try:
                    status = get(self._address, path)[0]
                except OSError:
                    status = 0
                self.answers.append((path, status))
            time.sleep(0.02)


def test_a_replaced_cube_is_shown_without_a_failed_request(client) -> None:
    user = make_user(permissions=SCOPES, units=1000)
    job = make_cube(client, user, "live.zarr", 2)
    instance, url = open_cube(user, job)
    assert url.endswith("?dataset=cubes~live.zarr&variable=sst")
    until(lambda: ServiceInstance.objects.get(pk=instance.pk).state == State.READY)
    instance.refresh_from_db()
    assert times_shown(instance.address, "cubes~live.zarr") == 2
    tile = "/tiles/cubes~live.zarr/chl/0/0/0?time=2020-01-01T12:00:00Z"
    visitor = Visitor(instance.address, ["/datasets?details=1", tile, "/viewer/"])
    visitor.start()
    try:
        make_cube(client, user, "live.zarr", 4, replace=True)
        until(lambda: times_shown(instance.address, "cubes~live.zarr") == 4)
    finally:
        visitor.is_over.set()
        visitor.join(PATIENCE_S)
    assert len(visitor.answers) > 10
    assert {status for _, status in visitor.answers} == {200}
    instance.refresh_from_db()
    assert (instance.state, instance.restarts, instance.broken) == (State.READY, 0, {})
    assert instance.refresh_due_at is None
