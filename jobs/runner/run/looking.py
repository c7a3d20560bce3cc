"""The process that makes the quick-looks of a run's cube, and its supervisor's side.

It is forked before the run begins, because the supervisor has threads later, and waits. So it runs
nothing of users' code, and has no token. When the run has succeeded it is told to go. It is bounded
in time and memory, and killed at the bound, at a stop, and at the end: its cube is complete, and no
picture is a reason to wait for.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..record.rundir import RunDir
from ..system import environment, linux, process, strictjson

LONGEST_S = 10.0
SHORTEST_S = 5.0
PART = 0.15
"""Of the time that the run took."""
LATE_S = 0.5
"""It ends by itself in time if it can; after that it is killed."""
MEMORY_BYTES = 384 << 20
FILE_BYTES = 64 << 20
MOST = 12
LINE_BYTES = 120_000
WATCH_S = 0.1
NICENESS = 10
FOLDER = "looks"

Taken = Callable[[dict[str, Any]], None]


class Looking:
    """The waiting process. Used by the supervisor, in one thread."""

    def __init__(self, run: RunDir, *, umask: int) -> None:
        """Fork it. It holds the workload's file open, which the run's own process removes."""
        self._folder = run.path / FOLDER
        go, self._go = os.pipe2(os.O_CLOEXEC)
        self._looks, looks = os.pipe2(os.O_CLOEXEC)
        self._log, log = os.pipe2(os.O_CLOEXEC)
        workload = os.open(run.path / "workload.json", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        supervisor, folder = os.getpid(), self._folder
        try:
            self.pid = process.spawn(
                lambda: _wait_and_look(workload, go, looks, log, folder, supervisor, umask),
                keep=(workload, go, looks, log),
            )
        finally:
            for fd in (workload, go, looks, log):
                os.close(fd)
        for fd in (self._looks, self._log):
            os.set_blocking(fd, False)
        # Its number may be another process's once it has ended.
        self._pidfd = os.pidfd_open(self.pid)

    def look(
        self,
        ran_s: float,
        *,
        taken: Taken,
        said: Callable[[bytes], None],
        must_stop: Callable[[], bool],
        wake: int,
    ) -> str | None:
        """Have the pictures made; passes each to `taken`. Returns what went wrong.

        `wake` is a file that becomes readable if `must_stop` may have changed.
        """
        limit_s = min(LONGEST_S, max(SHORTEST_S, PART * ran_s))
        try:
            os.write(self._go, f"{limit_s}\n".encode())
        except OSError:
            return "the process that makes them was ended before"
        end = time.monotonic() + limit_s + LATE_S
        next_look_at_memory = time.monotonic() + WATCH_S
        feed = _Feed(taken)
        with selectors.DefaultSelector() as selector:
            for fd in (self._looks, self._log, wake):
                selector.register(fd, selectors.EVENT_READ)
            left = {self._looks, self._log}
            while left:
                if must_stop():
                    return "the run was stopped"
                if time.monotonic() >= end:
                    return f"they took longer than {limit_s:g} s"
                if time.monotonic() >= next_look_at_memory:
                    next_look_at_memory = time.monotonic() + WATCH_S
                    if linux.private_bytes(self.pid) > MEMORY_BYTES:
                        return f"they needed more than {MEMORY_BYTES >> 20} MiB of memory"
                for key, _ in selector.select(WATCH_S):
                    if key.fd == wake:
                        selector.unregister(wake)  # `must_stop` is asked in each round anyway
                        continue
                    data = _read(key.fd)
                    if data == b"":
                        selector.unregister(key.fd)
                        left.discard(key.fd)
                    elif data and key.fd == self._log:
                        said(data)
                    elif data and not feed.feed(data):
                        return "what the process reported is too long"
        return None if feed.is_complete else "the process that makes them ended early"

    def end(self) -> None:
        """Kill it; the caller waits for it, and ends whatever it may have started."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        for fd in (self._go, self._looks, self._log, self._pidfd):
            os.close(fd)
        shutil.rmtree(self._folder, ignore_errors=True)


class _Feed:
    """Takes the lines that the process writes: one for each variable, then an empty object."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._rest = b""
        self._count = 0
        self.is_complete = False

    def feed(self, data: bytes) -> bool:
        """Take the complete lines in `data`; False if a line is too long."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                look = json.loads(line)
                if look == {}:
                    self.is_complete = True
                elif isinstance(look, dict) and self._count < MOST:
                    self._count += 1
                    self._taken(look)
        return len(self._rest) <= LINE_BYTES


def _read(fd: int) -> bytes | None:
    try:
        return os.read(fd, 1 << 16)
    except BlockingIOError:
        return None


def _wait_and_look(
    workload: int, go: int, looks: int, log: int, folder: Path, supervisor: int, umask: int
) -> int:
    """The process itself."""
    linux.die_with_parent(supervisor)
    linux.be_killed_first()
    os.setpgid(0, 0)
    process.set_streams(log)
    os.nice(NICENESS)
    from ..work.quicklooks.of_run import looks_of, prepare

    with open(workload, "rb") as stream:
        work = json.loads(stream.read())
    payload = {name: value for name, value in work["payload"].items() if name != "code"}
    extra = work["env"]
    del work
    prepare()  # in a pod, while the run works; else it was done before the fork
    with open(go, "rb", buffering=0) as stream:
        told = stream.read(32)
    if not told:
        return 0
    os.umask(umask)
    _enter(folder, extra)
    _limit()
    warnings.simplefilter("ignore")

    def say(text: str) -> None:
        print(f"Quick-looks: {text[:1000]}", flush=True)

    with open(looks, "wb", buffering=0) as stream:
        for look in looks_of(payload, limit_s=float(told), say=say):
            stream.write(strictjson.dumps(look) + b"\n")
        stream.write(b"{}\n")
        process.exit_with(0)
    return 0


def _enter(folder: Path, extra: dict[str, str]) -> None:
    """A scratch folder of its own, because users' code may have left something in the run's."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    (folder / "tmp").mkdir(mode=0o700)
    os.chdir(folder)
    clean = environment.for_run(os.environ, scratch=folder, extra=extra)
    os.environ.clear()
    os.environ.update(clean)
    tempfile.tempdir = None


def _limit() -> None:
    """Bounds that the kernel holds: memory beyond what the process was forked with, files, time."""
    used = linux.data_bytes()
    for kind, most in (
        (resource.RLIMIT_DATA, used + MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CPU, int(LONGEST_S) + 2),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(kind, (most, most))
