"""The supervisor of one run: watches it from its claim to its end and records the outcome.

It is a process of its own in a session of its own, so it outlives the zygote that forked it,
the hub's worker and the hub's web. It reads the report's token only after it has forked the run.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import time
from collections.abc import Callable
from typing import Any

from ..record import notify
from ..record.failures import NO_SPACE, is_full
from ..record.limits import Limits, run_memory
from ..record.logbuffer import LogBuffer
from ..record.outcome import LAUNCH, OUT_OF_MEMORY, STOPPED, Kill, Outcome, decide
from ..record.progress import ProgressFeed
from ..record.rundir import RunDir, insistently, now
from ..system import linux, process, signals
from . import child, summary
from .looking import Looking
from .reporter import TIMEOUT_S, Reporter

TERM_GRACE_S = 2.0
LOG_INTERVAL_S = 2.0
START_TRIES = 10
END_TRIES = 60
FOREGROUND_PATIENCE_S = 30.0
"""In the foreground only the last report and the termination message carry the outcome."""
LINES_OF_A_TRY = 1_000_000
"""The hub keeps each line number once, so each try numbers its lines after those before."""
_STOPPED = Kill(STOPPED, "The run was stopped.")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Ended = Callable[[dict[str, Any], Any], None]
"""Called with status and result when no process of the run is left, before the last report."""


def supervise(run: RunDir, *, umask: int, ended: Ended | None = None, retries: int = 0) -> int:
    """Run the workload in the folder, unless another supervisor has claimed it.

    `retries` is the number of earlier tries. With `ended` (in the foreground) the output is also
    passed on to standard output, and the supervisor stays in its session.
    """
    if ended is None:
        os.setsid()
    try:
        who = linux.identity(os.getpid())
        if not insistently(lambda: run.write_once("supervisor.json", who), tries=START_TRIES):
            return 0
    except OSError as error:
        return _end_unstarted(run, error, ended)
    return _Supervisor(run, ended, retries).run(umask)


class _Supervisor:
    def __init__(self, run: RunDir, ended: Ended | None, retries: int):
        self._run = run
        self._first_line = retries * LINES_OF_A_TRY
        self._is_retry = retries > 0
        self._ended = ended
        self._meta = run.read("meta.json") or {}
        self._log = LogBuffer()
        self._feed = ProgressFeed()
        self._reporter: Reporter | None = None
        self._kill: Kill | None = None
        self._sigkill_at = float("inf")
        self._child = 0
        self._looking: Looking | None = None
        self._wait_status: int | None = None
        self._stops = linux.open_signals(STOP_SIGNALS)
        self._is_stopped = False
        self._log_written = (0, 0.0)

    def run(self, umask: int) -> int:
        wakeup = self._catch_signals()
        linux.become_subreaper()
        self._oom_kills = linux.oom_kills()
        output, progress, go = self._start_child(umask)
        started_at, self._began = now(), time.monotonic()
        who = {**linux.identity(self._child), "started_at": started_at}
        self._announce(who)
        self._start_reporter()
        limits = Limits(
            deadline_s=self._meta.get("deadline_s"),
            memory_bytes=self._meta.get("memory_bytes"),
            measure=lambda: run_memory(os.getpid()),
        )
        if self._kill is None:
            os.write(go, b"g")
        os.close(go)
        notify.tell(self._run.root, self._run.name)
        self._watch(limits, wakeup, output, progress)
        self._end_descendants()
        self._drain(output, self._take_output)
        self._drain(progress, self._feed.feed)
        self._log.finish()
        self._end(limits, started_at)
        return 0

    def _catch_signals(self) -> int:
        receive, send = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(send, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        return receive

    def _is_stop_asked(self) -> bool:
        """Whether a process outside this container asks to stop.

        A stopped run costs nothing, and every other process in the container belongs to the run:
        it must not be able to stop its own supervisor.
        """
        is_first = os.getpid() == 1
        for came in linux.read_signals(self._stops):
            self._is_stopped |= not (is_first and came.sender)
        return self._is_stopped

    def _start_child(self, umask: int) -> tuple[int, int, int]:
        output, output_end = os.pipe2(os.O_CLOEXEC)
        progress, progress_end = os.pipe2(os.O_CLOEXEC)
        go_end, go = os.pipe2(os.O_CLOEXEC)
        self._start_looking(umask)
        self._child = child.start(
            self._run,
            output=output_end,
            progress=progress_end,
            go=go_end,
            supervisor=os.getpid(),
            umask=umask,
        )
        for fd in (output_end, progress_end, go_end):
            os.close(fd)
        os.set_blocking(output, False)
        os.set_blocking(progress, False)
        return output, progress, go

    def _start_looking(self, umask: int) -> None:
        """Fork the process that makes quick-looks, if any are wanted."""
        if not self._meta.get("wants_looks"):
            return
        try:
            self._looking = Looking(self._run, umask=umask)
        except OSError as error:
            process.say(f"there will be no quick-looks: {error}")

    def _announce(self, who: dict[str, Any]) -> None:
        """Record the identity of the child; it must not start before that."""
        try:
            insistently(
                lambda: self._run.write_once("child.json", who),
                tries=START_TRIES,
                stop=self._is_stop_asked,
            )
        except OSError as error:
            self._kill = _STOPPED if self._is_stopped else _unstarted(error)
            self._sigkill_at = time.monotonic()

    def _start_reporter(self) -> None:
        """Read the token. From here on the run must not read the memory of this process."""
        linux.hide_memory()
        report = self._run.read("report.json")
        self._run.discard("report.json")
        if report:
            self._reporter = Reporter(
                url=report["url"],
                token=report["token"],
                log=self._log,
                patience_s=FOREGROUND_PATIENCE_S if self._ended else TIMEOUT_S,
                first_line=self._first_line,
            )
            self._reporter.start()

    def _watch(self, limits: Limits, wakeup: int, output: int, progress: int) -> None:
        selector = selectors.DefaultSelector()
        for fd in (wakeup, self._stops, output, progress):
            selector.register(fd, selectors.EVENT_READ)
        while True:
            self._reap()
            if self._wait_status is not None:
                return
            self._enforce(limits)
            timeout = min(limits.wait_s(), max(0.0, self._sigkill_at - time.monotonic()))
            for key, _ in selector.select(timeout):
                if key.fd == self._stops:
                    continue
                data = _read(key.fd)
                if data == b"":
                    selector.unregister(key.fd)
                elif key.fd == output and data:
                    self._take_output(data)
                elif key.fd == progress and data:
                    self._feed.feed(data)
            if self._reporter:
                self._reporter.update(self._feed.state)
            self._write_log_now_and_then()

    def _take_output(self, data: bytes) -> None:
        self._log.feed(data)
        if self._ended:
            process.pass_on(data)

    def _enforce(self, limits: Limits) -> None:
        reason = limits.check()
        if self._is_stop_asked() and self._kill is None:
            reason = _STOPPED
        if reason and self._kill is None:
            self._kill = reason
            gentle = reason.reason != OUT_OF_MEMORY
            self._sigkill_at = time.monotonic() + (TERM_GRACE_S if gentle else 0)
            if gentle:
                self._signal_group(signal.SIGTERM)
        if time.monotonic() >= self._sigkill_at:
            self._signal_group(signal.SIGKILL)
            self._sigkill_at = time.monotonic() + 1.0

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child, number)

    def _reap(self) -> None:
        for pid, status in signals.ended_children():
            if pid == self._child:
                self._wait_status = status

    def _end_descendants(self) -> None:
        """End every process that the run has left behind, in whichever session it is."""
        self._signal_group(signal.SIGKILL)
        give_up = time.monotonic() + 5
        while (left := self._others()) and time.monotonic() < give_up:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
            self._reap()

    def _others(self) -> list[int]:
        """All processes below this one but the one that makes quick-looks."""
        kept = self._looking.pid if self._looking else 0
        return [pid for pid in linux.descendants(os.getpid()) if pid != kept]

    def _drain(self, fd: int, feed: Any) -> None:
        while data := _read(fd):
            feed(data)

    def _write_log_now_and_then(self) -> None:
        count, last = self._log_written
        if self._log.count > count and time.monotonic() - last > LOG_INTERVAL_S:
            self._log_written = (self._log.count, time.monotonic())
            _forgivingly(lambda: self._run.write("log.json", self._log.chunks()))

    def _end(self, limits: Limits, started_at: str) -> None:
        outcome = self._decide()
        has_cube = outcome.phase == "SUCCEEDED" and not self._is_stop_asked()
        _forgivingly(lambda: self._run.write("log.json", self._log.chunks()))
        result = self._run.read("result.json")
        status = self._status(outcome, limits, started_at)
        if self._ended:
            # In a container the termination message outlives the folder.
            self._ended(status, result)
            _forgivingly(lambda: self._run.write_once("status.json", status))
        else:
            _write_end(self._run, status)
        notify.tell(self._run.root, self._run.name)
        if self._reporter:
            told = None if outcome.reason == STOPPED else summary.reported(result)
            self._reporter.end(self._feed.end_state(outcome), result=told)
        self._look(has_cube)
        if self._reporter:
            self._reporter.close(is_hurried=self._is_stop_asked)
        _forgivingly(lambda: self._run.discard("workload.json"))
        shutil.rmtree(self._run.path / "scratch", ignore_errors=True)

    def _status(self, outcome: Outcome, limits: Limits, started_at: str) -> dict[str, Any]:
        return {
            **outcome.as_dict(),
            "started_at": started_at,
            "finished_at": now(),
            "peak_memory_bytes": limits.peak_memory_bytes,
            # What the tries before have written, nobody knows here.
            "written_cells": self._run.written_cells,
            "wrote": self._run.has_written or (None if self._is_retry else False),
        }

    def _look(self, has_cube: bool) -> None:
        """Have quick-looks made of a complete cube. Its end is recorded: no one waits for them.

        The hub removes a run as soon as it has recorded its end. That is no reason to stop: the
        runner waits longer for a supervisor than they may take. In a container a stop is one.
        """
        looking = self._looking
        if looking is None:
            return
        problem = None
        try:
            if has_cube and self._reporter:
                problem = looking.look(
                    time.monotonic() - self._began,
                    taken=self._reporter.show,
                    said=self._take_output,
                    must_stop=self._is_stop_asked if self._ended else lambda: False,
                    wake=self._stops,
                )
        except Exception as error:  # noqa: BLE001 - the cube is complete whatever comes here
            problem = f"{type(error).__name__}: {error}"
        finally:
            self._looking = None
            looking.end()
            self._end_descendants()
        if problem:
            self._take_output(f"Quick-looks: {problem}.\n".encode())
        self._log.finish()
        _forgivingly(lambda: self._run.write("log.json", self._log.chunks()))

    def _decide(self) -> Outcome:
        failure = self._run.read("failure.json")
        failure = failure if isinstance(failure, dict) else {}
        told = failure.get("message")
        result = self._run.read("result.json")
        return decide(
            wait_status=self._wait_status or 0,
            kill=self._kill,
            result=result,
            failure_message=told if isinstance(told, str) else None,
            failure_kind=failure.get("kind"),
            oom_killed=linux.oom_kills() > self._oom_kills,
            needs_result=self._meta.get("kind") != "standin",
            has_code=bool(self._meta.get("has_code")),
        )


def _read(fd: int) -> bytes | None:
    """Read what is there: b"" at the end of the stream, None if there is nothing yet."""
    try:
        return os.read(fd, 1 << 16)
    except BlockingIOError:
        return None


def _forgivingly(write: Any) -> None:
    try:
        write()
    except OSError as error:
        process.say(f"the run's folder was not written: {error}")


def _unstarted(error: OSError) -> Kill:
    text = NO_SPACE if is_full(error) else f"The run's folder cannot be written: {error.strerror}"
    return Kill(LAUNCH, text)


def _end_unstarted(run: RunDir, error: OSError, ended: Ended | None) -> int:
    """Record the end of a run that could not be claimed."""
    run.discard("report.json")
    why = _unstarted(error)
    end = Outcome("FAILED", why.reason, why.message).as_dict()
    status = {**end, "started_at": None, "finished_at": now(), "peak_memory_bytes": None}
    if ended:
        ended(status, None)
        return 1
    _write_end(run, status)
    notify.tell(run.root, run.name)
    return 1


def _write_end(run: RunDir, status: dict[str, Any]) -> None:
    """Write the end. On a full disk, delete the run's scratch folder and retry."""

    def write() -> None:
        try:
            run.write_once("status.json", status)
        except OSError as error:
            if is_full(error):
                _make_room(run)
            raise

    insistently(write, tries=END_TRIES)


def _make_room(run: RunDir) -> None:
    """Delete the scratch folder of an ended run, so that a full disk has room for its end."""
    for file in ("workload.json", "log.json"):
        with contextlib.suppress(OSError):
            run.discard(file)
    shutil.rmtree(run.path / "scratch", ignore_errors=True)
