"""Tells the hub how a run goes: progress and new log lines, by HTTP PUT, in a thread.

A convenience for whoever watches: it may fail, and never delays the run's end.
The longer a run has lasted, the rarer the reports.
"""

from __future__ import annotations

import http.client
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from . import strictjson
from .logbuffer import LogBuffer
from .process import say

REPORT_LINES = 500
REPORT_BYTES = 64_000
TIMEOUT_S = 5.0
END_PAUSES_S = (0.2, 0.5, 1.0)


def interval_s(elapsed_s: float) -> float:
    """The least time between two updates of a run that has lasted so long."""
    return min(5.0, max(0.5, elapsed_s / 4))


def start_state() -> dict[str, Any]:
    return {"label": "Starting", "total_work": 1, "error": False, "progress": 0.0}


class Reporter:
    def __init__(self, *, url: str, token: str, log: LogBuffer):
        self._url = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._log = log
        self._started = time.monotonic()
        self._state = start_state()
        self._end: dict[str, Any] | None = None
        self._sent: tuple[Any, float] = (None, 0.0)
        self._next_line = 0
        self._failures = 0
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def update(self, state: dict[str, Any]) -> None:
        with self._wake:
            self._state = state

    def finish(self, state: dict[str, Any], *, timeout_s: float = TIMEOUT_S) -> None:
        """Send the last report; gives up after `timeout_s`."""
        with self._wake:
            self._end = state
            self._wake.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        self._send("on_begin", self._state)
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._end, interval_s(self._elapsed()))
                state, end = self._state, self._end
            if end is not None:
                return self._send_end(end)
            if self._is_news(state):
                self._send("on_update", state)

    def _is_news(self, state: dict[str, Any]) -> bool:
        label, progress = self._sent
        moved = abs(state["progress"] - progress) >= 0.01
        return moved or state["label"] != label or self._log.count > self._next_line

    def _send_end(self, state: dict[str, Any]) -> None:
        give_up = time.monotonic() + TIMEOUT_S
        for pause in END_PAUSES_S:
            left = give_up - time.monotonic()
            if left <= 0 or self._send("on_end", state, timeout_s=left):
                return
            time.sleep(pause)

    def _send(self, sender: str, state: dict[str, Any], *, timeout_s: float = TIMEOUT_S) -> bool:
        report: dict[str, Any] = {
            "sender": sender,
            "state": {**state, "elapsed": round(self._elapsed(), 3)},
        }
        output = self._log.since(self._next_line, max_lines=REPORT_LINES, max_bytes=REPORT_BYTES)
        if output:
            report["output"] = output
        try:
            self._put(strictjson.dumps(report), timeout_s)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._failures += 1
            if self._failures == 1:
                say(f"a progress report was not accepted: {type(error).__name__}: {error}")
            return False
        self._sent = (state["label"], state["progress"])
        if output:
            self._next_line = output["first_line"] + len(output["lines"])
        return True

    def _put(self, body: bytes, timeout_s: float) -> None:
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=timeout_s)
        try:
            path = self._url.path or "/"
            target = f"{path}?{self._url.query}" if self._url.query else path
            connection.request("PUT", target, body, self._headers)
            answer = connection.getresponse()
            answer.read(1 << 16)
            if answer.status >= 300:
                raise ValueError(f"HTTP status {answer.status}")
        finally:
            connection.close()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started
