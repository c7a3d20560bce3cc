"""Users at work while something goes wrong: they submit until told to stop, whatever happens."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

from tests.patience import PATIENCE_S
from tests.servers.kubernetes.api import until

from .hub import KubernetesHub, request

FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
_number = itertools.count()


class Load:
    """A first lot of jobs at once, then one every `every_s`, until it is left."""

    def __init__(self, hub: KubernetesHub, token: str, *, first: int, every_s: float) -> None:
        self.accepted: list[str] = []
        self._hub = hub
        self._token = token
        self._first = first
        self._every_s = every_s
        self._is_over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._submit, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        try:
            until(self._is_busy, "job that runs beside one that waits")
        except BaseException:
            self._is_over.set()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(PATIENCE_S)
        if self._error:
            raise self._error

    def rows(self) -> list[dict[str, Any]]:
        """The jobs accepted so far, in their order."""
        return jobs(self._hub, list(self.accepted))

    def open(self) -> set[str]:
        """Those that have not ended."""
        return {row["job_id"] for row in self.rows() if row["state"] not in FINAL}

    def in_state(self, *states: str) -> set[str]:
        return {row["job_id"] for row in self.rows() if row["state"] in states}

    def lost(self) -> set[str]:
        return {row["job_id"] for row in self.rows() if row["reason"] == "LOST"}

    def _is_busy(self) -> bool:
        if self._error:
            raise self._error
        return bool(self.in_state("RUNNING") and self.in_state("QUEUED"))

    def _submit(self) -> None:
        try:
            for _ in range(self._first):
                self.accepted.append(submit(self._hub, self._token))
            while not self._is_over.wait(self._every_s):
                self.accepted.append(submit(self._hub, self._token))
        except BaseException as error:
            self._error = error


def submit(hub: KubernetesHub, token: str) -> str:
    """Submit one job, as often as it takes under one key, which makes it one job."""
    number = next(_number)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert time.monotonic() < deadline, "a submission was never accepted"
        try:
            status, body = hub.call(
                "PUT", "/cubegens", token, request(number), **{"Idempotency-Key": f"k{number}"}
            )
        except OSError:
            time.sleep(0.1)
            continue
        if status == 200:
            return body["job_id"]
        assert status == 503, (status, body)
        time.sleep(0.3)


def jobs(hub: KubernetesHub, names: list[str]) -> list[dict[str, Any]]:
    marks = ",".join("?" * len(names))
    return hub.rows(f"SELECT * FROM jobs_job WHERE job_id IN ({marks}) ORDER BY id", *names)
