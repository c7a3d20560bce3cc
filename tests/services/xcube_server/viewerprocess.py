"""The real program of an xcube server, in the foreground, with a payload that the hub built."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.running.runner_package import runner_zip
from tests.patience import PATIENCE_S
from tests.runner.runnerprocess import wait_for


class Viewer:
    """A running `python -m jobs.runner viewer`."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]):
        self.process = process
        self.log = folder / "log"

    @property
    def address(self) -> str:
        found = re.search(r"serves revision \d+ at ([\d.]+:\d+)", self.log.read_text())
        return f"http://{found[1]}" if found else ""

    def get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"{self.address}{path}", timeout=PATIENCE_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def datasets(self) -> dict[str, dict[str, Any]]:
        status, body = self.get("/datasets?details=1")
        assert status == 200, body
        return {dataset["id"]: dataset for dataset in body["datasets"]}

    def status(self) -> dict[str, Any]:
        return self.get("/.xcube-hub/status")[1]

    def refresh(self) -> None:
        assert self.get("/maintenance/update")[0] == 200


@contextlib.contextmanager
def running_viewer(python: Path, folder: Path, payload: dict[str, Any]) -> Iterator[Viewer]:
    folder.mkdir()
    (folder / "runner.zip").write_bytes(runner_zip())
    workload = {
        "name": "x1", "revision": 1, "payload": payload, "path": "", "probe": "/datasets",
        "env": {}, "memory_bytes": None,
    }  # fmt: skip
    (folder / "workload.json").write_text(json.dumps(workload))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "jobs.runner", "viewer", "--workload", folder / "workload.json",
             "--address", "127.0.0.1", "--port", "0", "--scratch-dir", folder / "scratch"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "runner.zip")},
            cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    viewer = Viewer(folder, process)
    try:
        wait_for(lambda: viewer.address or process.poll() is not None)
        assert process.poll() is None, viewer.log.read_text()[-3000:]
        yield viewer
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
