"""The fault proxy does each of its faults, between a client under the hub's Role and a server."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from urllib3.exceptions import HTTPError, NewConnectionError

from tests.patience import PATIENCE_S
from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import ApiException, until
from tests.servers.kubernetes.controlplane import Cluster, ControlPlane
from tests.servers.kubernetes.faults import FaultProxy, Request

from .objects import job

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def jobs(namespace: str) -> str:
    """The path of the namespace's Jobs."""
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


@contextmanager
def watched(
    access: HubAccess, path: str, *, line_within_s: float = PATIENCE_S
) -> Iterator[http.client.HTTPResponse]:
    """A watch by the proxy; what is read from it are lines, as they come."""
    host = access.api.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {access.token}"}
    connection.request("GET", f"{path}?watch=1&timeoutSeconds=600", headers=headers)
    with connection.getresponse() as response:
        assert connection.sock
        connection.sock.settimeout(line_within_s)
        yield response
    connection.close()


def test_a_sound_proxy_passes_requests_on_and_counts_them(
    faulty_access: HubAccess, fault_proxy: FaultProxy, cluster: Cluster, jobs: str
) -> None:
    faulty_access.api.post(jobs, job("one"))
    assert [found["metadata"]["name"] for found in cluster.api.items(jobs)] == ["one"]
    with pytest.raises(ApiException, match="already exists") as conflict:
        faulty_access.api.post(jobs, job("one"))
    assert conflict.value.status == 409
    assert fault_proxy.count(method="POST", path="/jobs$") == 2
    assert fault_proxy.count(method="GET") == 0


def test_the_busiest_second_is_found(fault_proxy: FaultProxy) -> None:
    fault_proxy.requests = [Request(at, "GET", "/") for at in (0.0, 5.0, 5.5, 5.9, 6.1, 7.2)]
    assert fault_proxy.most_per_second() == 3
    assert fault_proxy.most_per_second(since=6.0) == 1
    fault_proxy.attempts = [7.0, 7.1, 7.2, 7.9]
    assert fault_proxy.most_per_second() == 4


def test_a_watch_passes_line_by_line(faulty_access: HubAccess, cluster: Cluster, jobs: str) -> None:
    with watched(faulty_access, jobs) as watch:
        for name in ("one", "two"):
            cluster.api.post(jobs, job(name))
            event = json.loads(watch.readline())
            while event["type"] != "ADDED":
                event = json.loads(watch.readline())
            assert event["object"]["metadata"]["name"] == name


def test_events_come_in_a_burst_and_are_counted(
    faulty_access: HubAccess, fault_proxy: FaultProxy, cluster: Cluster, jobs: str
) -> None:
    fault_proxy.repeat_events(3)
    with watched(faulty_access, jobs) as watch:
        cluster.api.post(jobs, job("one"))
        events = [watch.readline() for _ in range(3)]
    assert json.loads(events[0])["object"]["metadata"]["name"] == "one"
    assert events[1:] == events[:-1]
    assert fault_proxy.events >= 3


def test_refused_connections_come_back_on_the_same_port(
    faulty_access: HubAccess, fault_proxy: FaultProxy, jobs: str
) -> None:
    with watched(faulty_access, jobs) as watch:
        fault_proxy.refuse()
        assert watch.readline() == b""
    with pytest.raises(NewConnectionError):
        faulty_access.api.get(jobs)
    fault_proxy.heal()
    faulty_access.api.get(jobs)


def test_attempts_are_counted_while_it_hangs_up(
    faulty_access: HubAccess, fault_proxy: FaultProxy, jobs: str
) -> None:
    fault_proxy.hang_up()
    before = time.monotonic()
    for _ in range(3):
        with pytest.raises(HTTPError):
            faulty_access.api.get(jobs)
    assert len([at for at in fault_proxy.attempts if at >= before]) == 3
    fault_proxy.heal()
    faulty_access.api.get(jobs)


def test_silence_reaches_running_watches_and_new_requests(
    faulty_access: HubAccess, fault_proxy: FaultProxy, cluster: Cluster, jobs: str
) -> None:
    with watched(faulty_access, jobs, line_within_s=1) as watch:
        fault_proxy.silence()
        cluster.api.post(jobs, job("unseen"))
        with pytest.raises(TimeoutError):
            watch.readline()
    with pytest.raises(HTTPError, match="timed out"):
        faulty_access.api.get(jobs, timeout_s=1)
    fault_proxy.heal()
    assert len(faulty_access.api.items(jobs)) == 1


def test_a_lost_answer_has_been_done_and_a_lost_request_has_not(
    faulty_access: HubAccess, fault_proxy: FaultProxy, cluster: Cluster, jobs: str
) -> None:
    fault_proxy.lose_answers(method="POST", path="/jobs")
    with pytest.raises(HTTPError):
        faulty_access.api.post(jobs, job("done"))
    fault_proxy.lose_requests(method="POST", path="/jobs")
    with pytest.raises(HTTPError):
        faulty_access.api.post(jobs, job("never"))
    assert [found["metadata"]["name"] for found in cluster.api.items(jobs)] == ["done"]


@pytest.mark.parametrize("status", [409, 429, 500])
def test_a_status_is_answered_for_as_many_requests_as_told(
    faulty_access: HubAccess, fault_proxy: FaultProxy, jobs: str, status: int
) -> None:
    fault_proxy.answer(status, method="GET", path="/jobs", times=2, retry_after_s=7)
    for _ in range(2):
        with pytest.raises(ApiException) as error:
            faulty_access.api.get(jobs)
        assert error.value.status == status
        assert error.value.headers["Retry-After"] == "7"
        assert json.loads(error.value.body)["code"] == status
    assert faulty_access.api.items(jobs) == []


def test_a_watch_expires_with_an_error_event(
    faulty_access: HubAccess, fault_proxy: FaultProxy, jobs: str
) -> None:
    fault_proxy.expire_watches(path="/jobs")
    assert faulty_access.api.items(jobs) == []  # a list is no watch
    with watched(faulty_access, jobs) as watch:
        assert watch.status == 200
        event = json.loads(watch.readline())
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_a_killed_api_server_cuts_what_went_by_the_proxy(
    faulty_access: HubAccess, control_plane: ControlPlane, jobs: str
) -> None:
    with watched(faulty_access, jobs) as watch:
        control_plane.kill_apiserver()
        assert watch.readline() == b""
    with pytest.raises(HTTPError):
        faulty_access.api.get(jobs)
    control_plane.start_apiserver()
    until(lambda: faulty_access.api.get(jobs), "answer by the proxy")
