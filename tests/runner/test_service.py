"""Estimates over TCP: who is answered, who is not, and that nobody holds up the others."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.estimates import remote
from jobs.runner.estimates import liveness
from jobs.runner.estimates.front import FINISH_S
from jobs.runner.system import linux
from jobs.running.runner_package import runner_zip
from tests.patience import PATIENCE_S

from .runnerprocess import wait_for
from .test_xcube import s3_store

pytestmark = pytest.mark.xcube

SECRET = "s" * 32

CHILDREN = 4
"""The front, two estimators, one store reader."""


class Service:
    """`python -m jobs.runner estimate`, from its zip in an otherwise empty folder."""

    def __init__(self, python: str, *options: str):
        self.root = Path(tempfile.mkdtemp(prefix="xhe-"))
        self.secret_file = self.root / "secret"
        self.secret_file.write_text(f"{SECRET}\n")
        (self.root / "runner.zip").write_bytes(runner_zip())
        self.log = self.root / "stderr"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [python, "-m", "jobs.runner", "estimate", "--port", "0", "--estimators", "2"]
                + ["--store-readers", "1"]
                + ["--secret-file", str(self.secret_file), "--cache-dir", str(self.root / "c")]
                + list(options),
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.root / "runner.zip")},
                cwd="/",
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def wait(self) -> Service:
        wait_for(lambda: "at port" in self.log.read_text())
        self.port = int(re.search(r"at port (\d+)", self.log.read_text())[1])
        wait_for(lambda: self.get("/health")[0] == 200)
        return self

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def call(self, path: str, body: Any, secret: str = SECRET) -> Any:
        return remote.call(self.address, secret, "POST", path, body, timeout_s=PATIENCE_S)

    def estimate(self, body: Any, secret: str = SECRET) -> tuple[int, Any]:
        reply = self.call("/estimates", body, secret)
        return reply.status, reply.body

    def open(self, data: bytes = b"") -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        sock.sendall(data)
        return sock

    @property
    def front(self) -> int:
        """The first process that it has started."""
        children = linux.children(self.process.pid)
        return min(children, key=lambda pid: linux.read_stat(pid).start_time)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture(scope="module")
def service(xcube_python: Path) -> Iterator[Service]:
    service = Service(str(xcube_python), "--estimate-limit", "60")
    yield service.wait()
    service.close()


@pytest.fixture
def own_service(xcube_python: Path) -> Iterator[Service]:
    service = Service(str(xcube_python))
    yield service
    service.close()


@pytest.fixture
def body(request_body, stores) -> dict[str, Any]:
    return {"request": request_body, "stores": stores}


@pytest.fixture
def slow_store() -> Iterator[socket.socket]:
    """It accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def slow_body(body, slow_store) -> dict[str, Any]:
    slow = json.loads(json.dumps(body))
    slow["stores"]["slow"] = s3_store(f"http://127.0.0.1:{slow_store.getsockname()[1]}")
    slow["request"]["input_config"]["store_id"] = "@slow"
    slow["limit_s"] = 15
    return slow


def versions_of(service: Service) -> Any:
    """Once a process has listed them."""
    status, answer = service.get("/versions", Authorization=f"bearer {SECRET}")
    return answer if status == 200 else None


def test_an_estimate(service, body):
    status, answer = service.estimate(body)
    assert (status, answer["status"]) == (200, "ok"), answer
    assert answer["result"]["dataset_descriptor"]["dims"] == {"time": 12, "lat": 64, "lon": 128}
    answer = wait_for(lambda: versions_of(service), "versions")
    assert answer["versions"]["xcube"].startswith("1.14")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": f"Bearer {SECRET[1:]}"},
        {"Authorization": f"Bearer {SECRET}s"},
        {"Authorization": "Bearer "},
        {"Authorization": SECRET},
    ],
)
def test_nothing_without_the_secret(service, headers):
    for path in ("/versions", "/estimates", "/runs", "/"):
        status, answer = service.get(path, **headers)
        assert status == 401, answer
    assert "versions" not in answer


def test_no_body_is_taken_without_the_secret(service):
    head = b"POST /estimates HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"
    with service.open(head) as sock:
        assert sock.recv(1000).startswith(b"HTTP/1.1 401 Unauthorized\r\n")


def test_only_what_is_there(service, body):
    secret = {"Authorization": f"Bearer {SECRET}"}
    assert service.get("/runs", **secret)[0] == 404
    assert service.get("/estimates", **secret)[0] == 405
    assert service.get("/health", method="DELETE")[0] == 405
    assert service.get("/live") == (200, {"ready": True, "busy": 0, "waiting": 0})
    body["request"] = "x" * (1 << 20)
    head = "POST /estimates HTTP/1.1\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n"
    with service.open(head.format(SECRET, (1 << 20) + 1).encode()) as sock:
        assert b" 413 " in sock.recv(1000)


def test_a_removal(service, body, stores, tmp_path):
    """With the same secret; what is left of a run goes, and its claim."""
    cube = tmp_path / "out" / "cube.zarr"
    cube.mkdir(parents=True)
    (cube.parent / ".cube.zarr.xcube-hub").write_text(json.dumps({"run": "a-run"}))
    output = {"store_id": "@out", "data_id": "cube.zarr"}
    wanted = {"run": "a-run", "output": output, "stores": {"out": stores["out"]}}
    for secret, status in (("x" * 32, 401), (SECRET, 200)):
        reply = service.call("/removals", wanted, secret)
        assert reply.status == status
    assert reply.body == {"status": "ok", "removed": True}
    assert list(cube.parent.iterdir()) == []
    assert service.get("/removals", Authorization=f"Bearer {SECRET}")[0] == 405


def test_silent_and_slow_clients_hold_nobody_up(service, body):
    half = f"POST /estimates HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: 9\r\n"

    def is_answered_first() -> bool:
        """Before those are given up; a slow machine may need some tries."""
        silent = [service.open(data) for data in (b"", b"G", half.encode()) for _ in range(20)]
        try:
            is_answered = service.estimate(body)[0] == 200
            is_first = not any(is_closed(sock) for sock in silent)
            wait_for(lambda: all(is_closed(sock) for sock in silent))
            return is_answered and is_first
        finally:
            for sock in silent:
                sock.close()

    wait_for(is_answered_first, "answer to others")


def is_closed(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        while sock.recv(1 << 16):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def test_health_does_not_wait_for_long_estimates_and_others_have_their_turn(
    service, body, slow_body
):
    answers: list[tuple[int, Any]] = []
    bodies = [slow_body, slow_body, body]
    threads = [
        threading.Thread(target=lambda b=b: answers.append(service.estimate(b))) for b in bodies
    ]
    for number, thread in enumerate(threads, 1):
        thread.start()
        wait_for(lambda n=number: sum(service.get("/live")[1][k] for k in ("busy", "waiting")) == n)
    assert service.get("/health") == (200, {"ready": True, "busy": 2, "waiting": 1})
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(answer["status"] for _, answer in answers) == ["error", "error", "ok"]
    assert {answer.get("status_code") for _, answer in answers} >= {504}


def test_whoever_has_gone_is_not_estimated_for(service, body, slow_body):
    data = json.dumps(body).encode()
    head = f"POST /estimates HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\n"
    slow = [threading.Thread(target=service.estimate, args=[slow_body]) for _ in range(2)]
    for thread in slow:
        thread.start()
    wait_for(lambda: service.get("/live")[1]["busy"] == 2)
    gone = [service.open(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            for _ in range(5)]  # fmt: skip
    wait_for(lambda: service.get("/live")[1]["waiting"] == 5)
    for sock in gone:
        sock.close()
    for thread in slow:
        thread.join(PATIENCE_S)
    assert service.get("/live")[1] == {"ready": True, "busy": 0, "waiting": 0}


def test_an_estimator_that_dies_is_told_and_replaced(service, slow_body, slow_store):
    answers: list[tuple[int, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(service.estimate(slow_body)))
    thread.start()
    slow_store.accept()
    front = service.front
    for pid in linux.children(service.process.pid):
        if pid != front:
            os.kill(pid, signal.SIGKILL)
    thread.join(PATIENCE_S)
    assert answers == [(503, {"error": "The estimator has ended."})]
    wait_for(lambda: len(linux.children(service.process.pid)) == CHILDREN)
    wait_for(lambda: looks_into(service, {"do": "list", "store": "s", "stores": {}}) != 503)


def looks_into(service: Service, body: Any) -> int:
    return service.call("/stores", body).status


def test_it_looks_into_stores_whose_readers_are_no_estimators(service, tmp_path):
    (tmp_path / "a.zarr").mkdir()
    given = {"store_id": "file", "store_params": {"root": str(tmp_path)}}
    body = {"do": "list", "store": "s", "stores": {"s": given}}
    for secret, status in (("x" * 32, 401), (SECRET, 200)):
        reply = service.call("/stores", body, secret)
        assert reply.status == status
    assert reply.body["ids"] == [["a.zarr", "dataset"]]


def test_a_front_that_dies_is_replaced(service, body):
    before = service.front
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: before not in linux.children(service.process.pid))
    wait_for(lambda: len(linux.children(service.process.pid)) == CHILDREN)
    wait_for(lambda: not is_refused(service), "the new front's ear")
    assert service.estimate(body)[1]["status"] == "ok"


def test_another_secret_is_heard_at_once_and_none_lets_nobody_in(service, body):
    try:
        service.secret_file.write_text("t" * 32)
        assert service.estimate(body)[0] == 401
        assert service.estimate(body, secret="t" * 32)[0] == 200
        service.secret_file.write_text("")
        assert service.get("/versions", Authorization="Bearer ")[0] == 401
        service.secret_file.unlink()
        assert service.get("/versions", Authorization="Bearer ")[0] == 503
        assert service.get("/health")[0] == 200
    finally:
        service.secret_file.write_text(SECRET)


def is_refused(service: Any) -> bool:
    """Whether nobody listens at its address any more."""
    try:
        service.open().close()
    except ConnectionRefusedError:
        return True
    return False


class TestStopped:
    def test_what_has_been_asked_for_is_answered(self, own_service, slow_body, slow_store):
        """A store that answers after a second stands for an estimate that takes one."""
        own_service.wait()
        answers: list[tuple[int, Any]] = []
        thread = threading.Thread(target=lambda: answers.append(own_service.estimate(slow_body)))
        thread.start()
        first, _ = slow_store.accept()
        own_service.process.terminate()
        wait_for(lambda: is_refused(own_service))
        refuse(first)
        threading.Thread(target=refuse_all, args=[slow_store], daemon=True).start()
        assert own_service.process.wait(PATIENCE_S) == 0
        thread.join(PATIENCE_S)
        assert answers
        assert answers[0][1]["kind"] == "store"

    def test_what_takes_too_long_is_not(self, own_service, slow_body):
        own_service.wait()
        refused: list[BaseException] = []

        def ask() -> None:
            try:
                own_service.estimate({**slow_body, "limit_s": 2 * FINISH_S})
            except remote.EstimatorUnreachable as error:
                refused.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        wait_for(lambda: own_service.get("/live")[1]["busy"] == 1)
        own_service.process.terminate()
        assert own_service.process.wait(PATIENCE_S) == 0
        thread.join(PATIENCE_S)
        assert refused

    def test_while_xcube_is_imported(self, own_service):
        wait_for(lambda: "importing xcube" in own_service.log.read_text())
        own_service.process.terminate()
        assert own_service.process.wait(PATIENCE_S) == 0
        assert "ready" not in own_service.log.read_text()


FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def refuse(sock: socket.socket) -> None:
    with sock, contextlib.suppress(OSError):
        sock.recv(1 << 16)
        sock.sendall(FORBIDDEN)


def refuse_all(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            refuse(server.accept()[0])


@pytest.mark.parametrize("secret", ["short", None])
def test_it_does_not_start_without_a_secret(xcube_python, tmp_path, secret):
    file = tmp_path / "secret"
    if secret:
        file.write_text(secret)
    command = [str(xcube_python), "-m", "jobs.runner", "estimate", "--port", "0"]
    command += ["--secret-file", str(file), "--cache-dir", str(tmp_path / "c")]
    checkout = Path(__file__).resolve().parents[2]
    ended = subprocess.run(
        command,
        env={"PYTHONPATH": str(checkout)},
        capture_output=True,
        timeout=PATIENCE_S,
        text=True,
    )
    assert ended.returncode == 1
    assert "secret" in ended.stderr


class TestVitals:
    def test_life_before_the_first_beat_but_no_readiness(self):
        found = liveness.Liveness(busy_s=10)
        assert found.are_alive
        assert not found.are_ready
        found.beat(is_free=False)
        assert found.are_alive
        assert not found.are_ready

    def test_busy_is_ready_for_as_long_as_an_estimate_may_take(self, monkeypatch):
        now = 1000.0
        monkeypatch.setattr(liveness.time, "monotonic", lambda: now)
        found = liveness.Liveness(busy_s=10)
        found.beat(is_free=True)
        now += 9
        found.beat(is_free=False)
        assert found.are_ready
        now += 2
        found.beat(is_free=False)
        assert not found.are_ready
        assert found.are_alive
        found.beat(is_free=True)
        assert found.are_ready

    def test_a_loop_that_turns_no_more_is_dead(self, monkeypatch):
        now = 1000.0
        monkeypatch.setattr(liveness.time, "monotonic", lambda: now)
        found = liveness.Liveness(busy_s=10)
        found.beat(is_free=True)
        now += liveness.STILL_S + 1
        assert not found.are_alive
        assert not found.are_ready
