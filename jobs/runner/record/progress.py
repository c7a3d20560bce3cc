"""Progress of a run: the run writes it into a pipe, the supervisor reads and keeps it.

One JSON object per line: label, total_work, progress (0 to 1), error. xcube and dask call the
writer from several threads.
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

from .outcome import Outcome

RECORD_BYTES = 64_000
MIN_INTERVAL_S = 0.1


def start_state() -> dict[str, Any]:
    """The progress of a run that has not reported any."""
    return {"label": "Starting", "total_work": 1, "error": False, "progress": 0.0}


class ProgressWriter:
    """An xcube progress observer; xcube calls only its four methods."""

    def __init__(self, fd: int):
        self._fd = fd
        self._lock = threading.Lock()
        self._last: tuple[str, float] = ("", 0.0)

    def on_begin(self, state_stack: Any) -> None:
        self._write(state_stack)

    def on_update(self, state_stack: Any) -> None:
        self._write(state_stack)

    def on_end(self, state_stack: Any) -> None:
        self._write(state_stack, force=len(state_stack) == 1)

    def _write(self, state_stack: Any, *, force: bool = False) -> None:
        stack = list(state_stack)
        if not stack:
            return
        top, label = stack[0], _label(stack)
        with self._lock:
            last_label, last_time = self._last
            too_soon = time.monotonic() - last_time < MIN_INTERVAL_S
            if too_soon and label == last_label and not force:
                return
            self._last = (label, time.monotonic())
            record = {
                "label": label,
                "total_work": top.total_work,
                "progress": min(1.0, max(0.0, float(top.progress))),
                "error": _error(top),
            }
            data = json.dumps(record).encode() + b"\n"
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                pass


def _label(stack: list[Any]) -> str:
    if len(stack) == 1:
        return str(stack[0].label)
    return f"{stack[0].label}: {stack[-1].label}"


def _error(state: Any) -> Any:
    text = state.exc_info_text
    if not text:
        return False
    kind, message, trace = text
    return [kind, message[:2_000], [line[:1_000] for line in trace[-20:]]]


class ProgressFeed:
    """The supervisor's side of the pipe: keeps the latest record."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = start_state()
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[:RECORD_BYTES]
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            label, work = str(record["label"])[:500], float(record["total_work"])
            progress, error = float(record["progress"]), record.get("error") or False
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return
        if not (0 <= progress <= 1 and 0 < work < 1e18):
            return
        if error is not False and not (isinstance(error, list) and len(error) == 3):
            error = False
        self.state = {"label": label, "total_work": work, "error": error, "progress": progress}

    def end_state(self, outcome: Outcome) -> dict[str, Any]:
        """The progress for the last report, consistent with the outcome of the run."""
        state = dict(self.state)
        if outcome.phase == "SUCCEEDED":
            state.update(progress=1.0, error=False)
        elif outcome.reason != "XCUBE_ERROR" or not state["error"]:
            state["error"] = [outcome.reason, outcome.message, []]
        return state
