"""The real runner as a subprocess of the tests, and a client for its two sockets."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from jobs.runner.system import linux
from tests.patience import PATIENCE_S, wait_for
from tests.servers.logs import show_on_failure

from . import measured

CHECKOUT = Path(__file__).resolve().parents[2]
_numbers = itertools.count()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float = PATIENCE_S):
        super().__init__("runner", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = open_socket(self._path)


def open_socket(path: Path, *, timeout_s: float = PATIENCE_S) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout_s)
    sock.connect(str(path))
    return sock


def call(path: Path, method: str, url: str, body: Any = None) -> tuple[int, Any]:
    connection = UnixConnection(path)
    try:
        connection.request(method, url, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


class Runner:
    """`python -m jobs.runner serve` on sockets of its own; `root` outlives restarts."""

    def __init__(self, python: str, *options: str, environment: dict[str, str] | None = None):
        self.root = Path(tempfile.mkdtemp(prefix="xhr-"))
        self.python = python
        self.options = options
        self.environment = environment or {}
        self.inherited: tuple[int, ...] = ()
        self.control = self.root / "control.sock"
        self.estimates = self.root / "estimates.sock"
        self.stores = self.root / "stores.sock"
        self.runs = self.root / "runs"
        self.services = self.root / "services"
        self.log = self.root / "stderr"
        show_on_failure(self.log)
        self.process: subprocess.Popen | None = None

    def command(self, *arguments: str) -> subprocess.Popen:
        path = measured.program(self.root / "program")
        environment = {**os.environ, "PYTHONPATH": str(path), "A_SECRET": "hub-secret"}
        environment |= self.environment
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self.python, "-P", "-m", "jobs.runner", *arguments, "--runs-dir", str(self.runs)],
                env=environment,
                pass_fds=self.inherited,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def start(self) -> Runner:
        self.process = self.command(
            "serve",
            "--socket",
            str(self.control),
            "--estimate-socket",
            str(self.estimates),
            "--services-dir",
            str(self.services),
            "--allow-standins",
            *self.options,
        )
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                raise AssertionError(f"the runner has ended:\n{self.log.read_text()}")
            try:
                if call(self.control, "GET", "/")[1]["pid"] == self.process.pid:
                    return self
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        raise AssertionError(f"the runner does not answer:\n{self.log.read_text()}")

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def terminate(self) -> int:
        assert self.process
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            for run in self.list()["runs"]:
                self.delete(run["name"])
            for service in self.list_services():
                call(self.control, "DELETE", f"/services/{service['name']}")
            wait_for(lambda: not self.list()["runs"] and not self.list_services())
            self.terminate()
        shutil.rmtree(self.root, ignore_errors=True)

    def list(self, query: str = "") -> dict[str, Any]:
        return call(self.control, "GET", f"/runs{query}")[1]

    def list_services(self) -> list[dict[str, Any]]:
        return call(self.control, "GET", "/services")[1]["services"]

    def get(self, name: str) -> dict[str, Any]:
        status, run = call(self.control, "GET", f"/runs/{name}")
        assert status == 200, run
        return run

    def delete(self, name: str) -> int:
        return call(self.control, "DELETE", f"/runs/{name}")[0]

    def put(self, workload: dict[str, Any]) -> tuple[int, Any]:
        return call(self.control, "PUT", f"/runs/{workload['name']}", workload)

    def launch(self, payload: dict[str, Any], **fields: Any) -> str:
        workload = make_workload(payload, **fields)
        status, answer = self.put(workload)
        assert status == 201, answer
        return workload["name"]

    def estimate(self, body: Any) -> dict[str, Any]:
        status, answer = call(self.estimates, "POST", "/estimates", body)
        assert status == 200, answer
        return answer

    def end_of(self, name: str, *, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The run once it has ended."""
        give_up = time.monotonic() + timeout_s
        query = ""
        while time.monotonic() < give_up:
            listing = self.list(query)
            run = next(run for run in listing["runs"] if run["name"] == name)
            if run["phase"] in ("SUCCEEDED", "FAILED"):
                return run
            query = f"?since={listing['version']}&wait=5"
        raise AssertionError(f"the run has not ended: {run}")

    def ends_of(self, payloads: dict[str, Any], *, at_once: int = 4) -> dict[str, Any]:
        """The runs of all these payloads by name, each once it has ended; a few at a time.

        If all ran at once, each would be slow, and the last could reach its deadline.
        """
        names: dict[str, str] = {}
        ends: dict[str, Any] = {}
        for key, payload in payloads.items():
            names[key] = self.launch(payload)
            if len(names) - len(ends) >= at_once:
                oldest = next(key for key in names if key not in ends)
                ends[oldest] = self.end_of(names[oldest])
        return {key: ends.get(key) or self.end_of(name) for key, name in names.items()}

    def pids_of(self, name: str) -> tuple[int, int]:
        """Supervisor and child, once the child works."""
        folder = self.runs / name
        wait_for(lambda: (folder / "child.json").exists())
        read = [json.loads((folder / f).read_text()) for f in ("supervisor.json", "child.json")]
        return read[0]["pid"], read[1]["pid"]


def make_workload(payload: dict[str, Any], **fields: Any) -> dict[str, Any]:
    name = f"test-{os.getpid()}-{next(_numbers)}"
    defaults = {"name": name, "attempt": 1, "env": {}, "deadline_s": 600, "memory_bytes": None}
    return {**defaults, "report": None, "payload": payload, **fields}


def standin(**fields: Any) -> dict[str, Any]:
    return {"kind": "standin", **fields}


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def any_zombie(parent: int) -> bool:
    """Whether a child has ended and nobody has asked how."""
    stats = [linux.read_stat(pid) for pid in linux.children(parent)]
    return any(stat and stat.state == "Z" for stat in stats)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
