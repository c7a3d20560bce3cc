"""A hub of real processes, each of which may be killed at any time and comes back."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests import migrated
from tests.patience import PATIENCE_S
from tests.servers.forks import HubCommands
from tests.servers.logs import show_on_failure
from tests.servers.ports import free_port

CHECKOUT = Path(__file__).resolve().parent.parent.parent
KILLED_AFTER_S = 15
"""What has not ended by itself: nothing waits for it."""
PARTS = ("web", "worker", "outside", "observer", "runner")
STORES = """
demo:
  store_id: file
  store_params: {root: SOURCE}
  writable: false
  cost_params: {input_pixels_per_punit: 512, output_pixels_per_punit: 512}
cubes:
  store_id: file
  store_params: {root: cubes}
  per_user: true
"""
"""The stores file of such a hub; SOURCE is the folder of the demo cube."""


class Hub:
    """Starts the parts in `folder` and restarts whichever dies."""

    parts = PARTS

    def __init__(self, folder: Path, xcube_python: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/api/v2"
        self.ran = folder / "ran.txt"
        self._xcube_python = xcube_python
        self._is_closing = False
        self._processes: dict[str, subprocess.Popen] = {}
        self._log = (folder / "hub.log").open("ab")
        show_on_failure(folder / "hub.log")
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "PYTHONPATH": str(CHECKOUT),
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "XCUBE_HUB_DATA_DIR": str(folder),
            "XCUBE_HUB_STORES": str(folder / "stores.yaml"),
            "XCUBE_HUB_DOTENV": os.devnull,
            "XCUBE_HUB_PORT": str(self.port),
            "XCUBE_HUB_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "XCUBE_HUB_LOCAL_RUNS": "4",
            "XCUBE_HUB_LOG_LEVEL": "WARNING",
            "XCUBE_HUB_PROCESS_LIMIT": "100000",
            "CHAOS_FILE": str(self.ran),
        }
        self._commands = HubCommands(self.environment)

    def __enter__(self) -> Hub:
        migrated.copy_database(self.folder / migrated.NAME)
        for part in self.parts:
            self._start(part)
        self._keeper.start()
        self.wait_until_ready()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_closing = True
        self._commands.close()
        self._keeper.join()
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(timeout=KILLED_AFTER_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._log.close()

    def manage(self, *args: str) -> str:
        """Run a management command; its output."""
        return self._commands.run("manage.py", *args)

    def call(
        self, method: str, path: str, token: str = "", body: object = None, **headers: str
    ) -> tuple[int, object]:
        """One request; raises OSError if the web process died meanwhile."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")
        except (ValueError, urllib.error.URLError, http.client.HTTPException) as error:
            raise OSError(str(error)) from error

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                if self.call("GET", "/cubegens/version")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"the hub did not answer; see {self.folder / 'hub.log'}")

    def kill_something(self, chance: random.Random, part: str) -> str:
        """kill -9 a process of `part`: its main one or a child, as chance will have it."""
        if part == "run":
            pids = [p for d in self._run_files("child.json") for p in _living(d)]
        elif part == "supervisor":
            pids = [p for d in self._run_files("supervisor.json") for p in _living(d)]
        else:
            main = self._processes[part].pid
            pids = [main] if part == "runner" else [main, *_children(main)]
        if not pids:
            return f"{part}: none there"
        pid = chance.choice(sorted(pids))
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return f"{part}: gone already"
        return f"{part} {pid}"

    def processes_left(self) -> list[int]:
        """Supervisors and runs that are still alive."""
        return [
            pid
            for name in ("supervisor.json", "child.json")
            for identity in self._run_files(name)
            for pid in _living(identity)
        ]

    def _run_files(self, name: str) -> list[dict]:
        found = []
        for path in (self.folder / "runs").glob(f"[a-z0-9]*/{name}"):
            try:
                found.append(json.loads(path.read_text()))
            except (OSError, ValueError):
                continue
        return found

    def _keep(self) -> None:
        while not self._is_closing:
            for part, process in list(self._processes.items()):
                if process.poll() is not None:
                    _kill_group(process.pid)
                    self._start(part)
            time.sleep(0.1)

    def _start(self, part: str) -> None:
        hub = [sys.executable, "-m", "hubsite.cli"]
        argv = {
            "web": [
                sys.executable, "-m", "gunicorn", "-c", "python:hubsite.web.gunicorn_config",
                "hubsite.web.wsgi:application",
            ],
            "worker": [*hub, "qcluster"],
            "outside": [*hub, "qcluster"],
            "observer": [*hub, "observe"],
            "runner": [
                str(self._xcube_python), "-m", "jobs.runner", "serve", "--allow-standins",
                "--socket", str(self.folder / "runner.sock"),
                "--estimate-socket", str(self.folder / "estimate.sock"),
                "--runs-dir", str(self.folder / "runs"), "--estimators", "2",
                "--services-dir", str(self.folder / "services"),
            ],
        }[part]  # fmt: skip
        self._processes[part] = subprocess.Popen(
            argv,
            env=self.environment | ({"Q_CLUSTER_NAME": part} if part == "outside" else {}),
            cwd=CHECKOUT,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )


def _living(identity: dict) -> list[int]:
    """The pid if that very process lives: same start time."""
    try:
        stat = Path(f"/proc/{identity['pid']}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    is_same = int(stat[19]) == int(identity["start_time"]) and stat[0] not in "ZX"
    return [identity["pid"]] if is_same else []


def _children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _kill_group(pid: int) -> None:
    """What a dead part left in its group (gunicorn's and qcluster's children); runs are in
    sessions of their own and go on."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
