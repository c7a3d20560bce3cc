"""The reporter: sends progress, log lines and quick-looks to the hub by HTTP PUT, in a thread.

Reports are a convenience: they may fail, and they never delay the end of the run. The longer a
run has lasted, the less often it reports.
"""

from __future__ import annotations

import enum
import http.client
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ..record.logbuffer import LogBuffer
from ..record.progress import start_state
from ..system import strictjson
from ..system.process import say

REPORT_LINES = 500
REPORT_BYTES = 64_000
TIMEOUT_S = 5.0
END_PAUSES_S = (0.2, 0.5, 1.0)
LONG_PAUSE_S = 4.0
MOST_LOOKS = 12
HURRY_S = 3.0
_LATER = {408, 425, 429}


class Answer(enum.Enum):
    """The outcome of a report. A refused report would be refused again."""

    TAKEN = enum.auto()
    REFUSED = enum.auto()
    NONE = enum.auto()


def interval_s(elapsed_s: float) -> float:
    """Seconds between two reports of a run that has lasted `elapsed_s`."""
    return min(5.0, max(0.5, elapsed_s / 4))


class Reporter:
    def __init__(
        self,
        *,
        url: str,
        token: str,
        log: LogBuffer,
        patience_s: float = TIMEOUT_S,
        first_line: int = 0,
    ):
        """`patience_s`: how long the last report is retried if the hub is unreachable;
        `first_line`: the number that the first log line has for the hub."""
        self._url = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._log = log
        self._started = time.monotonic()
        self._state = start_state()
        self._patience_s = patience_s
        self._first_line = first_line
        self._looks: deque[dict[str, Any]] = deque(maxlen=MOST_LOOKS)
        self._is_closed = False
        self._end: dict[str, Any] | None = None
        self._result: dict[str, Any] | None = None
        self._give_up = float("inf")
        self._sent: tuple[Any, float] = (None, 0.0)
        self._next_line = 0
        self._lines_at_end = 0
        self._failures = 0
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def update(self, state: dict[str, Any]) -> None:
        with self._wake:
            self._state = state

    def show(self, look: dict[str, Any]) -> None:
        """Send a quick-look after the last report, and again until the hub takes it."""
        with self._wake:
            self._looks.append(look)
            self._wake.notify()

    def finish(
        self,
        state: dict[str, Any],
        *,
        result: dict[str, Any] | None = None,
        timeout_s: float | None = None,
        is_hurried: Callable[[], bool] = lambda: False,
    ) -> None:
        """Send the last report; gives up after `patience_s`, or earlier if it is told to hurry."""
        self.end(state, result=result, timeout_s=timeout_s)
        self.close(timeout_s=timeout_s, is_hurried=is_hurried)

    def end(
        self,
        state: dict[str, Any],
        *,
        result: dict[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> None:
        """Begin to send the last report. Quick-looks may follow it until `close`."""
        with self._wake:
            self._give_up = time.monotonic() + (timeout_s or self._patience_s)
            self._result = result
            self._lines_at_end = self._log.count
            self._end = state
            self._wake.notify()

    def close(
        self,
        *,
        timeout_s: float | None = None,
        is_hurried: Callable[[], bool] = lambda: False,
    ) -> None:
        """Wait until everything is sent; for quick-looks there is a time of their own."""
        with self._wake:
            if self._looks or self._has_late_lines():
                self._give_up = time.monotonic() + (timeout_s or self._patience_s)
            self._is_closed = True
            self._wake.notify()
        hurried = False
        while self._thread.is_alive() and (left := self._give_up - time.monotonic()) > 0:
            self._thread.join(min(left, 0.2))
            if not hurried and is_hurried():
                hurried = True
                self._give_up = min(self._give_up, time.monotonic() + HURRY_S)

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

    def _send_looks(self, state: dict[str, Any], *, give_up: float | None) -> Answer:
        """Send those that wait, until the hub does not answer. A refused one is dropped."""
        while self._looks:
            left = TIMEOUT_S if give_up is None else give_up - time.monotonic()
            if left <= 0:
                return Answer.NONE
            look = self._looks[0]
            answer = self._send("on_update", state, look=look, timeout_s=min(left, TIMEOUT_S))
            if answer is Answer.NONE:
                return answer
            with self._wake:
                if self._looks and self._looks[0] is look:
                    self._looks.popleft()
        return Answer.TAKEN

    def _is_news(self, state: dict[str, Any]) -> bool:
        label, progress = self._sent
        moved = abs(state["progress"] - progress) >= 0.01
        return moved or state["label"] != label or self._log.count > self._next_line

    def _send_end(self, state: dict[str, Any]) -> None:
        """The last report, then the quick-looks that are there or come, until `close`."""
        self._send_last(state)
        pause = END_PAUSES_S[0]
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._looks or self._is_closed)
                is_closed = self._is_closed
            answer = self._send_looks(state, give_up=self._give_up if is_closed else None)
            if answer is not Answer.NONE:
                if not is_closed:
                    continue
                if self._has_late_lines():
                    self._send("on_update", state)
                return
            if is_closed and time.monotonic() + pause >= self._give_up:
                return
            time.sleep(pause)
            pause = min(2 * pause, LONG_PAUSE_S)

    def _has_late_lines(self) -> bool:
        """Whether making quick-looks has printed something."""
        return self._log.count > self._lines_at_end

    def _send_last(self, state: dict[str, Any]) -> None:
        pauses = itertools.repeat(LONG_PAUSE_S) if self._is_patient else ()
        for pause in itertools.chain(END_PAUSES_S, pauses):
            left = self._give_up - time.monotonic()
            if left <= 0:
                return
            answer = self._send_all(state, timeout_s=min(left, TIMEOUT_S))
            if answer is Answer.TAKEN:
                return
            if answer is Answer.REFUSED:
                # The hub may have refused the result. It learns the outcome without it, but
                # the progress and the last log lines only from this report.
                if self._result is None:
                    return
                self._result = None
            time.sleep(min(pause, max(0.0, self._give_up - time.monotonic())))

    def _send_all(self, state: dict[str, Any], *, timeout_s: float) -> Answer:
        """Send the log lines that do not fit into the last report, then the last report."""
        while self._is_patient and self._has_many_lines() and time.monotonic() < self._give_up:
            answer = self._send("on_update", state, timeout_s=timeout_s)
            if answer is not Answer.TAKEN:
                return answer
        return self._send("on_end", state, timeout_s=timeout_s)

    @property
    def _is_patient(self) -> bool:
        return self._patience_s > TIMEOUT_S

    def _has_many_lines(self) -> bool:
        output = self._next_lines()
        return bool(output) and output["first_line"] + len(output["lines"]) < self._log.count

    def _next_lines(self) -> dict[str, Any] | None:
        return self._log.since(self._next_line, max_lines=REPORT_LINES, max_bytes=REPORT_BYTES)

    def _send(
        self,
        sender: str,
        state: dict[str, Any],
        *,
        timeout_s: float = TIMEOUT_S,
        look: dict[str, Any] | None = None,
    ) -> Answer:
        report: dict[str, Any] = {
            "sender": sender,
            "state": {**state, "elapsed": round(self._elapsed(), 3)},
        }
        if sender == "on_end" and self._result is not None:
            report["result"] = self._result
        if look is not None:
            report["quicklook"] = look
        output = self._next_lines()
        if output:
            number = self._first_line + output["first_line"]
            report["output"] = {**output, "first_line": number}
        try:
            status = self._put(strictjson.dumps(report), timeout_s)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._failed(f"{type(error).__name__}: {error}")
            return Answer.NONE
        if status >= 300:
            self._failed(f"HTTP status {status}")
            return Answer.NONE if status >= 500 or status in _LATER else Answer.REFUSED
        self._sent = (state["label"], state["progress"])
        if output:
            self._next_line = output["first_line"] + len(output["lines"])
        return Answer.TAKEN

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures == 1:
            say(f"a progress report was not accepted: {why}")

    def _put(self, body: bytes, timeout_s: float) -> int:
        """Send one report; returns the HTTP status."""
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=timeout_s)
        try:
            path = self._url.path or "/"
            target = f"{path}?{self._url.query}" if self._url.query else path
            connection.request("PUT", target, body, self._headers)
            answer = connection.getresponse()
            answer.read(1 << 16)
            return answer.status
        finally:
            connection.close()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started
