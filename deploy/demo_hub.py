"""The hub that the demo runs on: its folder, its process, its accounts, its log."""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 600
STOP_WITHIN_S = 15
UNITS = 100_000
OPERATOR = "operator@example.org"

# What the user has set for a hub of their own must not lead the demo to their data.
_FOREIGN = ("XCUBE_", "CUBEGENS_", "GENERATOR_", "DATABASE_URL", "DJANGO_", "FORWARDED_")


class DemoFailed(Exception):
    """The message says what failed; `parts` are those of the hub whose log may tell why."""

    def __init__(self, message: str, *parts: str) -> None:
        super().__init__(message)
        self.parts = parts


class Hub:
    """A hub in a folder of its own."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.log = folder / "hub.log"
        self.port = free_port(8080) if port is None else port
        self.edge_port = free_port(min(self.port + 1, 65535))
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = f"{self.url}/api/v2"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)},
            "XCUBE_HUB_DATA_DIR": str(folder),
            "XCUBE_HUB_DOTENV": os.devnull,
            "XCUBE_HUB_EDGE_PORT": str(self.edge_port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the hub and wait until it is ready."""
        ties_to_us = [sys.executable, "-IS", "hubsite/start/end_with_parent.py", str(os.getpid())]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*ties_to_us, sys.executable, "manage.py", "start", "--port", str(self.port)],
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._is_ready():
            if self._process.poll() is not None:
                raise DemoFailed("The hub did not start.")
            if time.monotonic() > deadline:
                raise DemoFailed(f"The hub was not ready within {READY_WITHIN_S} s.")
            time.sleep(0.2)

    def _is_ready(self) -> bool:
        try:
            return self.call("GET", f"{self.url}/health/ready")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self) -> None:
        """Until the hub ends by itself."""
        assert self._process
        self._process.wait()
        raise DemoFailed("The hub ended.")

    def stop(self) -> None:
        if not self.is_running:
            return
        assert self._process
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)

    def accounts(self) -> dict[str, str]:
        """The demo's client and operator: made the first time, then kept in the folder."""
        known = self.known_accounts()
        if known and self._may_share(known):
            return known
        client = json.loads(
            self.manage("create_client", "--email", "demo@example.org", "--name", "make demo",
                        "--permission", "manage:cubegens", "--permission", "share:publicly",
                        "--units", str(UNITS), "--json")
        )  # fmt: skip
        password = secrets.token_urlsafe(12)
        operator = f"operator-{secrets.token_hex(2)}@example.org" if known else OPERATOR
        self.manage("createsuperuser", "--noinput", DJANGO_SUPERUSER_EMAIL=operator,
                    DJANGO_SUPERUSER_PASSWORD=password)  # fmt: skip
        self.manage("grant_units", "--email", operator, "--units", str(UNITS),
                    "--reason", "make demo")  # fmt: skip
        accounts = {key: client[key] for key in ("client_id", "client_secret")}
        accounts |= {"operator": operator, "password": password}
        write_private(self._accounts_file, accounts)
        return accounts

    def _may_share(self, accounts: dict[str, str]) -> bool:
        """Whether they still work; those of an old demo may not share publicly."""
        status, answer = self.token(accounts)
        if status != 200:
            return False
        payload = answer["access_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(f"{payload}=="))
        return "share:publicly" in claims["permissions"]

    def known_accounts(self) -> dict[str, str] | None:
        """What `accounts` has made, here or in an earlier demo of this folder."""
        file = self._accounts_file
        return json.loads(file.read_text()) if file.is_file() else None

    @property
    def _accounts_file(self) -> Path:
        return self.folder / "accounts.json"

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run a command of the hub; returns what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise DemoFailed(f"manage.py {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def token(self, accounts: dict[str, str]) -> tuple[int, Any]:
        return self.call(
            "POST",
            f"{self.api}/oauth/token",
            {
                "client_id": accounts["client_id"],
                "client_secret": accounts["client_secret"],
                "audience": f"{self.api}/",
                "grant_type": "client_credentials",
            },
        )

    @staticmethod
    def call(method: str, url: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        """Status and parsed body of a request; without a proxy, for the hub is on this machine."""
        request = urllib.request.Request(url, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=90) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            try:
                return error.code, json.load(error)
            except ValueError:
                return error.code, {}

    def last_lines(self, parts: tuple[str, ...], count: int = 20) -> list[str]:
        """The end of the hub's log: of these parts, of all if none is named."""
        if not self.log.is_file():
            return []
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if not parts or line.startswith(parts)][-count:]


def free_port(wanted: int) -> int:
    """This port of 127.0.0.1 if nobody listens there, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise DemoFailed("No port is free.")


def write_private(file: Path, content: Any) -> None:
    """As JSON, readable by the user only, for there are secrets in it."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(content, stream, indent=2)
