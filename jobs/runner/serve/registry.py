"""The registry of runs: starts and adopts supervisors, declares runs lost, removes runs.

The folders are the truth. The registry is a copy in memory, which is refreshed at each
notification. It adopts the supervisors that an earlier zygote started, and declares a run lost
if its supervisor ended without recording an end.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..record import rundir
from ..record.outcome import lost
from ..record.rundir import RunDir
from ..run.supervisor import supervise
from ..system import linux, process, strictjson
from . import leftovers
from .intake import Intake

MAX_STARTS = 3
SUPERVISOR_END_S = 30.0
SETTLE_AGAIN_S = 5.0


@dataclass
class Run:
    folder: RunDir
    attempt: int | str | None
    phase: str = "PENDING"
    status: dict[str, Any] | None = None
    started_at: str | None = None
    result: dict[str, Any] | None = None
    deleting: bool = False
    pidfd: int | None = None
    starts: int = 0
    kill_at: float = float("inf")
    settle_at: float = float("inf")

    def as_dict(self) -> dict[str, Any]:
        status = self.status or {}
        return {
            "name": self.folder.name,
            "attempt": self.attempt,
            "phase": self.phase,
            "reason": status.get("reason"),
            "message": status.get("message"),
            "exit_code": status.get("exit_code"),
            "signal": status.get("signal"),
            "started_at": status.get("started_at") or self.started_at,
            "finished_at": status.get("finished_at"),
            "peak_memory_bytes": status.get("peak_memory_bytes"),
            "written_cells": status.get("written_cells"),
            "wrote": status.get("wrote"),
            "result": self.result,
            "deleting": self.deleting,
        }


class Registry:
    def __init__(self, *, root: Path, selector: selectors.BaseSelector, intake: Intake, umask: int):
        self.root = root
        self.runs: dict[str, Run] = {}
        # Another number after a restart, so that no caller waits for a change already made.
        self.version = time.time_ns()
        self._selector = selector
        self._intake = intake
        self._umask = umask

    def restore(self) -> None:
        """At the start: adopt every run that has a folder."""
        for name in rundir.names(self.root):
            self.admitted(name)

    def admitted(self, name: str) -> None:
        """Start the run whose folder has appeared, unless it runs already."""
        if name in self.runs:
            return
        folder = RunDir(self.root, name)
        if not folder.exists():
            return
        meta = folder.read("meta.json") or {}
        run = Run(folder, meta.get("attempt"), deleting=folder.is_deleting)
        self.runs[name] = run
        self._changed()
        self._settle(run)

    def remove(self, name: str) -> int:
        """Stop and remove a run: 202 while it ends, 200 when it is gone, 404 if unknown.

        The launch of an unknown run may be under way, even with the intake at this moment. Its
        tombstone stops it, because no run is started without a look for one.
        """
        run = self.runs.get(name)
        if run is None:
            RunDir(self.root, name).leave_tombstone()
            return 404
        if not run.deleting:
            run.folder.mark_deleting()
            run.deleting = True
            self._changed()
        if run.pidfd is None:
            self._settle(run)
            return 202 if name in self.runs else 200
        self._signal(run, signal.SIGTERM)
        run.kill_at = min(run.kill_at, time.monotonic() + SUPERVISOR_END_S)
        return 202

    def stop(self, name: str) -> int:
        """End a run, but keep what it came to until it is removed: 202 while it ends, 200 when it
        has ended, 404. A run that was not begun is removed."""
        run = self.runs.get(name)
        if run is None or run.deleting or (run.pidfd is None and run.status is None):
            return self.remove(name)
        if run.pidfd is None or run.status is not None:
            return 200
        self._signal(run, signal.SIGTERM)
        run.kill_at = min(run.kill_at, time.monotonic() + SUPERVISOR_END_S)
        return 202

    def hinted(self, name: str) -> None:
        """Handle the notification that a run has changed."""
        run = self.runs.get(name)
        if run is not None:
            self._refresh(run)

    def tick(self) -> None:
        for run in list(self.runs.values()):
            if time.monotonic() >= run.kill_at:
                run.kill_at = float("inf")
                self._signal(run, signal.SIGKILL)
            if time.monotonic() >= run.settle_at and run.pidfd is None:
                self._settle(run)

    def _settle(self, run: Run) -> None:
        """Do what the state of the folder requires; on a full disk, retry later."""
        run.settle_at = float("inf")
        try:
            self._settle_now(run)
        except OSError as error:
            process.say(f"{run.folder.name}: {error}; tried again in {SETTLE_AGAIN_S:g} s")
            run.settle_at = time.monotonic() + SETTLE_AGAIN_S

    def _settle_now(self, run: Run) -> None:
        """Start, adopt, declare lost or remove the run."""
        self._refresh(run)
        claim = run.folder.read("supervisor.json")
        ended = run.status is not None
        if linux.is_alive(claim) and not run.folder.is_buried:
            if self._watch(run, claim["pid"]):
                if run.deleting:
                    self.remove(run.folder.name)
                return None
            return self._settle_now(run)
        if run.deleting or run.folder.is_buried:
            leftovers.kill(claim, run.folder.read("child.json"))
            return self._bury(run)
        if ended:
            return None
        if claim is None and run.starts < MAX_STARTS and run.folder.has_work:
            return self._start(run)
        leftovers.kill(claim, run.folder.read("child.json"))
        outcome = lost(run.folder.read("result.json"), has_code=self._has_code(run))
        end = {**outcome.as_dict(), "started_at": run.started_at, "finished_at": rundir.now()}
        status = {**end, "peak_memory_bytes": None, "wrote": run.folder.has_written}
        run.folder.write_once("status.json", status)
        for secret in ("report.json", "workload.json"):
            run.folder.discard(secret)
        self._refresh(run)
        return None

    @staticmethod
    def _has_code(run: Run) -> bool:
        return bool((run.folder.read("meta.json") or {}).get("has_code", True))

    def _start(self, run: Run) -> None:
        run.starts += 1
        pid = process.spawn(partial(supervise, run.folder, umask=self._umask))
        self._watch(run, pid)

    def _watch(self, run: Run, pid: int) -> bool:
        """Watch for the end of this process; False if it has ended already."""
        try:
            run.pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        self._selector.register(
            run.pidfd, selectors.EVENT_READ, lambda mask: self._supervisor_ended(run)
        )
        return True

    def _supervisor_ended(self, run: Run) -> None:
        assert run.pidfd is not None
        self._selector.unregister(run.pidfd)
        os.close(run.pidfd)
        run.pidfd = None
        self._settle(run)

    def _signal(self, run: Run, number: int) -> None:
        if run.pidfd is None:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(run.pidfd, number)

    def _refresh(self, run: Run) -> None:
        """Read the folder again."""
        if run.status is not None:
            return
        status = run.folder.read("status.json")
        if status is None:
            child = run.folder.read("child.json") if run.phase == "PENDING" else None
            if child:
                run.started_at = child.get("started_at")
                self._enter(run, "RUNNING")
            return
        run.result = strictjson.clean(run.folder.read("result.json"))
        run.status = status
        self._enter(run, status.get("phase", "FAILED"))

    def _enter(self, run: Run, phase: str) -> None:
        run.phase = phase
        self._changed()

    def _bury(self, run: Run) -> None:
        run.folder.bury()
        self.runs.pop(run.folder.name, None)
        self._intake.order(do="empty_trash")
        self._changed()

    def _changed(self) -> None:
        self.version += 1
