"""The program of a trial run, as a pod's Python runs it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hubsite.engines.kubernetes.check.trial import archive
from hubsite.engines.kubernetes.pod_facts import REFUSED_EXIT
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port


class _Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # noqa: N802
        """The hub's front page of the API, and nothing else."""
        self.send_response(200 if self.path == "/api/v2/" else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run(folder: Path, url: str) -> tuple[int, dict[str, str] | None]:
    """Its exit code and termination message."""
    (folder / "runner.zip").write_bytes(archive("xcube-hub-check-0"))
    workload = {"name": "xcube-hub-check-0", "report": {"url": url}}
    (folder / "workload.json.gz").write_bytes(gzip.compress(json.dumps(workload).encode()))
    message = folder / "message"
    done = subprocess.run(
        [
            sys.executable, "-m", "xcube_hub_check", "run",
            "--workload", folder / "workload.json.gz",
            "--runs-dir", folder / "runs",
            "--termination-message", message,
            "--keep-environment",
        ],
        env={"PYTHONPATH": str(folder / "runner.zip")},
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )  # fmt: skip
    assert not done.stderr
    return done.returncode, json.loads(message.read_text()) if message.exists() else None


def test_it_ends_well_where_the_hub_answers(tmp_path: Path, hub: str) -> None:
    assert run(tmp_path, f"{hub}/api/v2") == (0, None)


def test_it_tells_what_the_hub_answers_instead(tmp_path: Path, hub: str) -> None:
    code, message = run(tmp_path, f"{hub}/api/v1")
    assert code == REFUSED_EXIT
    assert message == {
        "phase": "FAILED",
        "reason": "LAUNCH",
        "message": f"From a pod, the hub at {hub}/api/v1 answers 400",
    }


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"http://127.0.0.1:{free_port()}/api/v2", "Connection refused"),
        ("http://no-such-host.invalid/api/v2", "cannot be reached"),
        ("http://[broken/api/v2", "cannot be reached"),
    ],
    ids=["nobody listens", "no such host", "no address"],  # the same for all who share the tests
)
def test_it_tells_why_the_hub_cannot_be_reached(tmp_path: Path, url: str, said: str) -> None:
    code, message = run(tmp_path, url)
    assert code == REFUSED_EXIT
    assert message
    assert said in message["message"]
