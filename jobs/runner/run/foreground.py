"""The program `run`: runs one workload in the foreground, without a zygote, as in a pod.

It uses the same folder, claim and supervisor as `serve`. It reports its end whatever happens: a
container also by its termination message, because the hub may be unreachable.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from ..record import rundir
from ..record.admit import admit
from ..record.failures import unwritten
from ..record.outcome import (
    LAUNCH,
    LOST,
    REFUSED_EXIT,
    STOPPED,
    XCUBE_ERROR,
    Outcome,
    process_exit_code,
)
from ..record.rundir import RunDir
from ..record.workload import WorkloadError, read_workload
from ..system import handover, linux, process
from ..work import warm
from . import bundle, summary
from .supervisor import STOP_SIGNALS, supervise

_MESSAGE_CHARS = 2_000


def run_workload(
    *,
    workload: Path,
    runs_dir: Path,
    allow_standins: bool,
    termination_message: Path | None = None,
    handed: int | None = None,
) -> int:
    """Run the workload; returns 0 only if it succeeded, 2 if it was refused.

    `handed`: the file that holds what the environment held before the restart (`handover`).
    """
    teller = _Teller(termination_message)
    for number in STOP_SIGNALS:
        signal.signal(number, teller.stop)
    umask = os.umask(0o077)
    try:
        rundir.prepare_root(runs_dir)
        admitted = _admit(workload, runs_dir, allow_standins, handed)
    except OSError as error:
        return teller.refuse(unwritten(error)[1])
    teller.name, teller.attempt = admitted.get("name"), admitted.get("attempt")
    if "message" in admitted:
        return teller.refuse(f"The workload was not accepted: {admitted['message']}")
    run = RunDir(runs_dir, admitted["name"])
    status = run.read("status.json")
    if status is not None:
        return teller.end(status, run.read("result.json"))
    meta = run.read("meta.json") or {}
    try:
        if meta.get("kind") != "standin":  # it uses none
            warm.import_xcube()
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be told
        return teller.refuse(f"xcube cannot be imported: {type(error).__name__}: {error}")
    try:
        supervise(run, umask=umask, ended=teller.end, retries=admitted["retries"])
    except Exception as error:  # noqa: BLE001 - as above
        process.say(f"the supervisor has failed: {error!r}")
        if teller.code is None:
            # LOST is free of charge, so users' code must not be able to bring it about.
            reason = XCUBE_ERROR if meta.get("has_code") else LOST
            return teller.fail(reason, f"The run's supervisor failed: {error}")
    if teller.code is None:
        return teller.refuse("Another process runs this workload.")
    return teller.code


class _Teller:
    """Reports the end: on standard output, and in the termination message."""

    def __init__(self, path: Path | None):
        self._path = path
        self.name: str | None = None
        self.attempt: int | str | None = None
        self.code: int | None = None

    def end(self, status: dict[str, Any], result: Any) -> int:
        self.code = process_exit_code(status)
        parts = (f"{self.name}:", status["phase"], status.get("reason"), status.get("message"))
        process.say(" ".join(part for part in parts if part))
        if self._path is not None:
            data = summary.termination_message(status, result, name=self.name, attempt=self.attempt)
            _write(self._path, data)
        return self.code

    def refuse(self, message: str) -> int:
        """Report that the run was not begun."""
        self.fail(LAUNCH, message)
        return REFUSED_EXIT

    def fail(self, reason: str, message: str) -> int:
        end = Outcome("FAILED", reason, message[:_MESSAGE_CHARS]).as_dict()
        return self.end({**end, "finished_at": rundir.now()}, None)

    def stop(self, number: int, frame: FrameType | None) -> NoReturn:
        """Handle a signal before the run has begun: only this process has to end."""
        self.fail(STOPPED, "The run was stopped before it had begun.")
        os._exit(128 + number)


def _write(path: Path, data: bytes) -> None:
    """Write it in one call. The file may be writable, but not replaceable."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)
    except OSError as error:
        process.say(f"the termination message was not written: {error}")


def _admit(
    workload: Path, runs_dir: Path, allow_standins: bool, handed: int | None
) -> dict[str, Any]:
    """Store the workload by a process of its own, so that no secret stays in this one.

    Returns name and attempt as far as they are known, and either the number of earlier tries or
    the message why the workload was refused.
    """
    read, write = os.pipe()
    parent = os.getpid()

    def main() -> int:
        linux.die_with_parent(parent)
        linux.hide_memory()
        answer = _take_in(workload, runs_dir, allow_standins, handed)
        os.write(write, json.dumps(answer).encode())
        return 0

    pid = process.spawn(main, keep=[write] if handed is None else [write, handed])
    os.close(write)
    if handed is not None:
        os.close(handed)
    with open(read, "rb") as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text else {"message": "It could not be read and stored."}


def _take_in(
    path: Path, runs_dir: Path, allow_standins: bool, handed: int | None
) -> dict[str, Any]:
    known: dict[str, Any] = {}
    try:
        given = handover.Handover() if handed is None else handover.take(handed)
        workload = read_workload(path)
        known = _known(workload)
        answer = admit(
            runs_dir, bundle.complete(workload, given), None, allow_standins=allow_standins
        )
    except OSError as error:
        # Two messages: operators fix what cannot be read in another place than a full disk.
        is_ours = error.filename is not None and str(error.filename).startswith(str(runs_dir))
        return {**known, "message": unwritten(error)[1] if is_ours else str(error)}
    except (WorkloadError, UnicodeDecodeError, bundle.CodeUnavailable) as error:
        return {**known, "message": str(error)[:_MESSAGE_CHARS]}
    if answer["status"] >= 300:
        return {**known, "message": answer["message"]}
    return {**known, "name": answer["name"], "retries": given.retries}


def _known(workload: Any) -> dict[str, Any]:
    if not isinstance(workload, dict):
        return {}
    kinds: dict[str, Callable[[Any], bool]] = {
        "name": lambda value: isinstance(value, str) and len(value) <= 63,
        "attempt": lambda value: isinstance(value, (int, str)) and len(str(value)) <= 20,
    }
    return {key: workload[key] for key, fits in kinds.items() if fits(workload.get(key))}
