"""Estimates asked for over HTTP: what is sent, what is taken for an answer, what is not."""

import http.server
import json
import socket
import threading

import pytest

from hubsite.refusals import Kind, Refused
from jobs.estimates import asking
from jobs.estimates import remote as remote_estimator
from jobs.models import Job
from tests.accounts.factories import bearer, make_user
from tests.jobs.factories import cubegen_request, submit
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.django_db

SECRET = "s" * 32
SCOPES = ("manage:cubegens", "process:cubegens")
SIZE = {"image_size": [4, 4], "num_variables": 2, "num_requests": 12, "num_bytes": 1000}
DESCRIPTOR = {
    "data_id": "x.zarr",
    "data_type": "dataset",
    "crs": "WGS84",
    "bbox": [0, 0, 40, 40],
    "spatial_res": 10,
    "time_range": ["2020-01-01", "2020-01-06"],
    "time_period": "1D",
    "dims": {"time": 6, "lat": 4, "lon": 4},
    "data_vars": {n: {"name": n, "dims": ["time", "lat", "lon"]} for n in ("sst", "chl")},
}
ANSWER = {
    "status": "ok",
    "result": {"dataset_descriptor": DESCRIPTOR, "size_estimation": SIZE},
    "written": {"images": 12, "width": None, "height": None},
    "output_exists": False,
}


class Estimator(http.server.ThreadingHTTPServer):
    """Stands for an estimator elsewhere; the real one is in tests/runner/test_service.py."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests = []
        self.status, self.answer = 200, json.dumps(ANSWER).encode()
        self.cuts = 0
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.server.requests.append((self.path, dict(self.headers), body))
        if self.server.cuts:
            self.server.cuts -= 1
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_GET = do_POST

    def log_message(self, *args):
        pass


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(asking, "_versions", None)


@pytest.fixture
def remote(settings):
    server = Estimator()
    configure(settings, f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def configure(settings, url, **more):
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_ESTIMATOR_URL": url,
        "XCUBE_HUB_ESTIMATOR_SECRET": SECRET,
        **more,
    }


@pytest.fixture
def user():
    return make_user(permissions=SCOPES, units=1000)


@pytest.fixture
def headers(user):
    return bearer(user, SCOPES)


def info(client, headers, request=None):
    return client.post(
        "/api/v2/cubegens/info",
        request or cubegen_request(),
        content_type="application/json",
        headers=headers,
    )


def test_it_is_asked_with_the_secret_and_answers_for_both(client, headers, remote):
    assert info(client, headers).json()["result"]["cost_estimation"]["required"] == 12
    assert submit(client, headers).status_code == 200
    assert Job.objects.get().units == 12
    for path, sent, _ in remote.requests:
        assert path == "/estimates"
        assert sent["Authorization"] == f"Bearer {SECRET}"
        assert sent["Connection"] == "close"


CODE = "def process_dataset(ds):\n    return ds  # of-a-user"


def test_it_sees_no_code_and_only_the_stores_that_are_named(client, headers, remote, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_LOCAL_USER_CODE": True}
    code = {"callable_ref": "user_code:process_dataset", "inline_code": CODE}
    request = cubegen_request("named.zarr", code_config=code)
    assert submit(client, headers, request).status_code == 200
    assert info(client, headers, request).status_code == 200
    for _, _, body in remote.requests:
        assert b"of-a-user" not in body
        assert b"code_config" not in body
        sent = json.loads(body)
        assert set(sent) == {"request", "stores", "egress"}
        assert set(sent["stores"]) == {"demo", "cubes"}


def away(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    configure(settings, f"http://127.0.0.1:{port}")


def is_refused(client, headers):
    for response in (submit(client, headers), info(client, headers)):
        assert response.status_code == 503, response.content
        assert response["Retry-After"]
        assert SECRET not in response.content.decode()
    assert Job.objects.count() == 0
    return True


def test_one_that_is_away_is_503_and_leaves_nothing(client, headers, settings):
    away(settings)
    assert is_refused(client, headers)
    with pytest.raises(Refused) as refused:
        asking.versions()
    assert refused.value.kind == Kind.UNAVAILABLE


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 502, 503])
def test_no_other_status_is_an_answer(client, headers, remote, status):
    remote.status = status
    remote.answer = b'{"error": "no"}'
    assert is_refused(client, headers)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>It works!</html>",
        b"[]",
        b"{}",
        b'{"status": "ok"}',
        b'{"status": "ok", "result": {"dataset_descriptor": 1}}',
        b'{"status": "error", "message": "of another kind"}',
        b'{"status": "ok", "a": ' + b"[" * 100_000,
    ],
)
def test_nor_is_what_no_estimator_says(client, headers, remote, answer):
    remote.answer = answer
    assert is_refused(client, headers)


def test_nor_is_what_is_too_large(client, headers, remote, monkeypatch):
    monkeypatch.setattr(remote_estimator, "ANSWER_BYTES", 100)
    assert is_refused(client, headers)


def test_a_request_at_fault_is_told(client, headers, remote):
    told = {"status": "error", "status_code": 400, "message": "no such cube", "kind": "request"}
    remote.answer = json.dumps(told).encode()
    response = submit(client, headers)
    assert (response.status_code, response.json()["message"]) == (400, "no such cube")


def test_the_field_at_fault_is_told(client, headers, remote):
    field, why = "cube_config.variable_names", "unknown variable 'ssd'; there are 'sst', 'chl'"
    told = {"status": "error", "status_code": 400, "kind": "request", "field": field}
    remote.answer = json.dumps({**told, "message": f"{field}: {why}"}).encode()
    for response in (submit(client, headers), info(client, headers)):
        assert response.status_code == 400
        assert response.json()["message"] == f"{field}: {why}"
    # An answer to /info has only the members that xcube's client knows.
    assert submit(client, headers).json()["errors"] == [{"field": field, "message": why}]
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    ("written", "units"),
    [
        ({"images": 7, "width": 4, "height": 4}, 7),
        ({"images": 30, "width": 4, "height": 4}, 30),
        ({"images": 7, "width": 40, "height": 40}, 7 * 4),
        ({"images": None, "width": None, "height": None}, 12),
        ({}, 12),
    ],
)
def test_what_was_measured_decides_the_price(client, headers, user, remote, written, units):
    """xcube's estimate, here of 12 images of 4 x 4 pixels, counts where nothing was measured."""
    remote.answer = json.dumps({**ANSWER, "written": written}).encode()
    assert info(client, headers).json()["result"]["cost_estimation"]["required"] == units
    assert submit(client, headers).status_code == 200
    job = Job.objects.get()
    assert (job.units, job.document.admitted_cells) == (
        units,
        (written.get("images") or 12) * (written.get("width") or 4) * (written.get("height") or 4),
    )


@pytest.mark.parametrize(
    ("told", "asked", "stored"), [(3, {}, 3), (3, {"zarr_format": 2}, 2), (2, {}, None)]
)
def test_the_zarr_format_that_was_told_is_the_runs(client, headers, remote, told, asked, stored):
    remote.answer = json.dumps(
        {**ANSWER, "result": {**ANSWER["result"], "zarr_format": told}}
    ).encode()
    request = cubegen_request("format.zarr")
    if asked:
        request["output_config"]["write_params"] = asked
    assert info(client, headers, request).json()["result"]["zarr_format"] == told
    assert submit(client, headers, request).status_code == 200
    output = Job.objects.get().document.request["output_config"]
    assert output.get("write_params", {}).get("zarr_format") == stored


def test_one_that_is_being_replaced_is_asked_again_once(client, headers, remote):
    remote.cuts = 1
    assert submit(client, headers).status_code == 200
    assert len(remote.requests) == 2
    remote.cuts = 2
    assert info(client, headers).status_code == 503


def test_one_that_says_nothing_is_waited_for_no_longer_than_set(client, headers, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(
            settings,
            f"http://127.0.0.1:{silent.getsockname()[1]}",
            XCUBE_HUB_ESTIMATE_TIMEOUT_S=1,
        )
        assert submit(client, headers).status_code == 503


def test_nor_is_one_that_never_ends(client, headers, settings):
    """A byte in good time, and another, until the hub has answered: that is no answer either."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip():
        sock, _ = server.accept()
        with sock:
            sock.recv(1 << 16)
            sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            while not over.wait(0.1):
                try:
                    sock.sendall(b" ")
                except OSError:
                    return

    threading.Thread(target=drip, daemon=True).start()
    configure(
        settings,
        f"http://127.0.0.1:{server.getsockname()[1]}",
        XCUBE_HUB_ESTIMATE_TIMEOUT_S=1,
    )
    assert submit(client, headers).status_code == 503
    over.set()
    server.close()


def test_a_path_before_ours_is_kept(remote):
    url = f"http://127.0.0.1:{remote.server_port}/below/"
    remote_estimator.call(url, SECRET, "GET", "/versions", timeout_s=PATIENCE_S)
    assert remote.requests[0][0] == "/below/versions"


def test_versions(remote):
    remote.answer = b'{"versions": ["xcube"]}'
    with pytest.raises(Refused):
        asking.versions()
    remote.answer = b'{"versions": {"xcube": "1.14.1"}}'
    assert asking.versions() == {"xcube": "1.14.1"}


def test_estimates_with_stores_of_ones_own_hold_a_place(remote, settings, monkeypatch):
    """Half of the estimators at most: the others' wait is not theirs to decide."""
    configure(settings, settings.HUB["XCUBE_HUB_ESTIMATOR_URL"], XCUBE_HUB_ESTIMATORS=2)
    monkeypatch.setattr(asking, "OWN_STORE_WAIT_S", 0.2)
    asked = {"stores": {}, "egress": {"deny_private": True}}
    with asking._own_store_place():
        with pytest.raises(Refused, match="Too many requests"):
            asking.estimate({}, uses_own_store=True, **asked)
        assert asking.estimate({}, uses_own_store=False, **asked).output_exists is False
    assert asking.estimate({}, uses_own_store=True, **asked).size.images == 12
