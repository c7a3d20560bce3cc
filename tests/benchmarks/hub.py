"""A hub as an operator runs it: `manage.py start` in a data folder of its own, and its users."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import migrated
from tests.environment import STORES
from tests.patience import PATIENCE_S, pause
from tests.servers.forks import HubCommands
from tests.servers.logs import show_on_failure

CHECKOUT = Path(__file__).resolve().parents[2]
API = "/api/v2"
KILLED_AFTER_S = 30
"""What has not ended by itself: nothing waits for it."""
AUDIENCE = "https://hub.example.org/api/v2/"

# Nothing that configures another hub, or this test run, may reach the measured one.
_FOREIGN = ("XCUBE_", "CUBEGENS_", "GENERATOR_", "DATABASE_URL", "DJANGO_", "FORWARDED_")


class Server:
    """A process of ours with all that it starts; only these are ever ended."""

    def __init__(self, argv: list[str], *, env: Mapping[str, str], log: Path) -> None:
        self.log = log
        show_on_failure(log)
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                argv,
                cwd=CHECKOUT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # as apart as containers are, also to the scheduler
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def until_logged(self, pattern: str) -> re.Match[str]:
        """Wait for a line of the log."""
        began = time.monotonic()
        while not (found := re.search(pattern, self.log.read_text(errors="replace"))):
            self.check_alive()
            waited_s = time.monotonic() - began
            if waited_s > PATIENCE_S:
                raise TimeoutError(f"{self.log} has no {pattern!r}")
            pause(waited_s)
        return found

    def check_alive(self) -> None:
        if self._process.poll() is not None:
            raise RuntimeError(f"it ended: {self.log.read_text(errors='replace')[-2000:]}")

    def web_workers(self) -> list[int]:
        """The gunicorn processes that answer requests: those whose parent is gunicorn too."""
        return [
            pid
            for parent in self._descendants(self._process.pid)
            if _is_gunicorn(parent)
            for pid in _children(parent)
            if _is_gunicorn(pid)
        ]

    def running(self, command: str) -> list[int]:
        """The processes of the management command `command`, parents first."""
        return [
            pid
            for pid in self._descendants(self._process.pid)
            if command.encode() in _command_line(pid)
        ]

    def _descendants(self, pid: int) -> Iterator[int]:
        yield pid
        for child in _children(pid):
            yield from self._descendants(child)

    def stop(self) -> None:
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(KILLED_AFTER_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # its parts end with it
            self._process.wait()


class Hub(Server):
    """`manage.py start` with the stores of the tests and the demo cube; `only` these parts.

    `settings` are environment variables besides.
    """

    def __init__(
        self,
        folder: Path,
        *,
        xcube_python: Path,
        demo_cube: Path,
        only: tuple[str, ...] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        (folder / "source").mkdir(parents=True)
        shutil.copytree(demo_cube, folder / "source" / demo_cube.name)
        (folder / "stores.yaml").write_text(STORES)
        migrated.copy_database(folder / migrated.NAME)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)},
            "XCUBE_HUB_DATA_DIR": str(folder),
            "XCUBE_HUB_STORES": str(folder / "stores.yaml"),
            "XCUBE_HUB_XCUBE_PYTHON": str(xcube_python),
            "XCUBE_HUB_DOTENV": os.devnull,
            "XCUBE_HUB_OAUTH_AUD": AUDIENCE,  # of web, and of commands that make tokens
            **(settings or {}),
        }
        self._commands = HubCommands(self.environment)
        argv = [sys.executable, "manage.py", "start", "--address", "127.0.0.1", "--port", "0"]
        if only:
            argv += ["--only", ",".join(only)]
        super().__init__(argv, env=self.environment, log=folder / "hub.log")
        try:
            self.url = self.until_logged(r"is ready: (http://\S+?)/api/v2")[1]
        except BaseException:
            self.stop()
            raise
        self.port = urlsplit(self.url).port
        assert self.port
        self.environment["XCUBE_HUB_PUBLIC_URL"] = self.url  # where runs report to

    def manage(self, *arguments: str) -> str:
        """Run a command of the hub; returns what it prints."""
        return self.python("manage.py", *arguments)

    def python(self, *arguments: str, timeout_s: float = PATIENCE_S) -> str:
        """Run Python with the hub's own configuration; returns what it prints."""
        return self._commands.run(*arguments, timeout_s=timeout_s)

    def stop(self) -> None:
        self._commands.close()
        super().stop()

    def new_user(self, email: str, *, units: int = 1_000_000) -> Session:
        """A user with a client, signed in."""
        client = json.loads(
            self.manage("create_client", "--email", email, "--permission", "manage:cubegens",
                        "--permission", "share:publicly", "--units", str(units), "--json")
        )  # fmt: skip
        status, answer = Session(self.port).insist(
            "POST",
            "/oauth/token",
            {
                "client_id": client["client_id"],
                "client_secret": client["client_secret"],
                "audience": AUDIENCE,
                "grant_type": "client_credentials",
            },
        )
        assert status == 200, answer
        return Session(self.port, answer["access_token"])

    def until_estimates(self, session: Session, request: Any) -> dict[str, Any]:
        """Wait until the runner has imported xcube; the answer to an info request."""
        status, answer = session.insist("POST", "/cubegens/info", request)
        assert status == 200, answer
        return answer


class Session:
    """What an API client keeps: a connection and a token."""

    def __init__(self, port: int, token: str = "") -> None:
        self.port = port
        self.token = token
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)

    def another(self) -> Session:
        """The same user on a connection of its own."""
        return Session(self.port, self.token)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and parsed body of a request to the API."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, API + path, body=data, headers=headers)
            response = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # gunicorn closes what was idle for 5 s: as every client does, connect again.
            self._connection.close()
            self._connection.request(method, API + path, body=data, headers=headers)
            response = self._connection.getresponse()
        return response.status, json.loads(response.read() or b"null")

    def insist(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The same, asked again as long as the hub is busy.

        On a busy machine an estimate, a store or the lock of the database may take longer than a
        request waits. Then nothing was stored, the answer is 429 or 503, and a client asks again.
        """
        give_up = time.monotonic() + PATIENCE_S
        while (answer := self.call(method, path, body))[0] in (429, 503):
            if time.monotonic() > give_up:
                break
            time.sleep(0.2)
        return answer

    def submit(self, request: Any) -> dict[str, Any]:
        """A job of this request."""
        status, answer = self.insist("PUT", "/cubegens", request)
        assert status == 200, answer
        return answer

    def timed(self, method: str, path: str, body: Any = None) -> tuple[float, Any]:
        """Seconds of a call that is answered 200, and the answer; refused ones do not count."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            began = time.perf_counter()
            status, answer = self.call(method, path, body)
            if status == 200:
                return time.perf_counter() - began, answer
            assert status in (429, 503) and time.monotonic() < give_up, (status, answer)
            time.sleep(0.2)

    def close(self) -> None:
        self._connection.close()


def resident_mb(pid: int) -> float:
    """The resident memory (RSS) of a process in MB."""
    return _memory_mb(pid, "VmRSS")


def most_resident_mb(pid: int) -> float:
    """The most resident memory that a process ever had."""
    return _memory_mb(pid, "VmHWM")


def _memory_mb(pid: int, row: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{row}:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) * 1024 / 1e6


def cpu_s(pid: int) -> float:
    """The processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []  # it has ended


def _is_gunicorn(pid: int) -> bool:
    return b"gunicorn" in _command_line(pid)


def _command_line(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return []  # it has ended
