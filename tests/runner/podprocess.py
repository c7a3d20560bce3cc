"""The runner as a pod has it: from its zip, as process 1, by a user in no list, nothing writable
but its scratch and the termination message. And a stand-in for the hub that it talks with.
"""

from __future__ import annotations

import gzip
import http.server
import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

from jobs.runner.system import linux
from jobs.running.runner_package import runner_zip
from tests.patience import PATIENCE_S
from tests.servers.missing import missing

from .runnerprocess import wait_for

TOKEN = "run." + "0123456789abcdef" * 4

_ENTER = """
set -e
scratch=$1; message=$2; shift 2
mount --bind "$scratch" "$scratch"
mount --bind "$message" "$message"
mount -o remount,bind,ro /
cd /
exec unshare --user --map-user=4242 --map-group=4242 -- "$@"
"""
_NAMESPACES = ["--user", "--map-root-user", "--mount", "--pid", "--mount-proc"]
_NAMESPACES += ["--fork", "--kill-child"]


class Pod:
    def __init__(self, python: str, folder: Path):
        self.python = python
        self.folder = folder
        self.scratch = folder / "scratch"
        self.message = folder / "termination-log"
        self.output = folder / "output"
        self.environment = {"XCUBE_HUB_RUN_TOKEN": TOKEN, "XCUBE_HUB_RUN_RETRIES": ""}
        self.process: subprocess.Popen | None = None
        self.scratch.mkdir(parents=True)
        self.message.touch()
        (folder / "package").mkdir()
        (folder / "package" / "runner.zip").write_bytes(runner_zip())

    def start(self, workload: Any, *options: str) -> Pod:
        """`workload`: JSON, or bytes as they are."""
        check_namespaces()
        file = self.folder / "workload.json.gz"
        is_raw = isinstance(workload, bytes)
        file.write_bytes(workload if is_raw else gzip.compress(json.dumps(workload).encode()))
        command = [self.python, "-m", "jobs.runner", "run", "--allow-standins"]
        command += ["--workload", str(file), "--runs-dir", str(self.scratch / "runs")]
        command += ["--termination-message", str(self.message), *options]
        enter = ["sh", "-c", _ENTER, "sh", str(self.scratch), str(self.message)]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.scratch),
            "PYTHONPATH": str(self.folder / "package" / "runner.zip"),
            **self.environment,
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                ["unshare", *_NAMESPACES, *enter, *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def run(self, workload: Any, *options: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """To its end: what the termination message says, with the exit code as `exited`."""
        self.start(workload, *options)
        return self.end(timeout_s=timeout_s)

    def end(self, *, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        assert self.process
        code = self.process.wait(timeout_s)
        text = self.message.read_bytes()
        assert len(text) <= 4096
        assert text, self.log
        return {**json.loads(text), "exited": code}

    @property
    def log(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def first(self) -> int:
        """Process 1, by its number outside."""
        assert self.process
        wait_for(lambda: linux.children(self.process.pid))
        return linux.children(self.process.pid)[0]

    def child_of(self, name: str) -> int:
        """The run's own process, once it works."""
        wait_for(lambda: (self.scratch / "runs" / name / "child.json").exists())
        return linux.children(self.first)[0]

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)


def check_namespaces() -> None:
    probe = ["unshare", *_NAMESPACES, "unshare", "--user", "--map-user=4242", "true"]
    try:
        subprocess.run(probe, check=True, capture_output=True, timeout=PATIENCE_S)
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"pods need user namespaces and unshare of util-linux 2.38: {error}")


class Hub(http.server.ThreadingHTTPServer):
    """Stands for the hub. `answers`: what it answers first, by method; then 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reports: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()
        self.answers: dict[str, list[int]] = {"GET": [], "PUT": []}
        self.code = b""
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/v2/cubegens/x"

    @property
    def report(self) -> dict[str, str]:
        """What a workload says of it: no token."""
        return {"url": f"{self.address}/callbacks"}

    @property
    def lines(self) -> list[str]:
        chunks = [report.get("output") or {"lines": []} for report in self.reports]
        return [line for chunk in chunks for line in chunk["lines"]]

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.tokens.add(self.headers["Authorization"])
        self._answer(self._next_status(), self.server.code)

    def do_PUT(self) -> None:
        self.server.tokens.add(self.headers["Authorization"])
        report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self._next_status()
        if status == 200:  # before the answer: after the last one the run ends, and a test looks
            self.server.reports.append(report)
        self._answer(status, b"{}")

    def _next_status(self) -> int:
        waiting = self.server.answers[self.command]
        return waiting.pop(0) if waiting else 200

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass
