"""The processes of one cluster: each told by pid and start time, all ended if the test run dies.

A guard, a process of its own, waits for the end of its input, which is the end of the test run
however it came; it then ends the processes, does the rest of the clean-up and removes the folder:

    python -m tests.servers.kubernetes.processes FOLDER
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.patience import PATIENCE_S, pause

CHECKOUT = Path(__file__).resolve().parents[3]
KILLED_AFTER_S = 15


class Ended(Exception):
    """A process of the cluster ended by itself; the message has the end of its log."""


class Processes:
    """What runs in and for `folder`; `clean_up` is MODULE:FUNCTION(folder), called when all ended.

    `within` is a command that runs another in some place, as `nsenter` does.
    """

    def __init__(self, folder: Path, *, within: tuple[str, ...] = (), clean_up: str = "") -> None:
        self.folder = folder
        self.within = within
        self._children: dict[str, subprocess.Popen] = {}
        for name in ("pids", "logs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "guard.json").write_text(
            json.dumps({"owner": mark(os.getpid()), "clean_up": clean_up})
        )
        with (folder / "logs" / "guard").open("wb") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", __name__, str(folder)],
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self, name: str, *command: str | Path) -> None:
        """Start one, unless it runs."""
        if self.pid(name):
            return
        with self.log(name).open("ab") as log:
            child = subprocess.Popen(
                [*self.within, *map(str, command)],
                cwd=self.folder,
                env={**os.environ, "GOGC": "400"},  # memory is cheaper here than processor time
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o022,  # not that of the hub: containerd makes folders that pods see
            )
        (self.folder / "pids" / name).write_text(json.dumps(mark(child.pid)))
        self._children[name] = child

    def pid(self, name: str) -> int | None:
        return _pid(self.folder / "pids" / name)

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run, by name, in the order of their start."""
        files = sorted((self.folder / "pids").iterdir(), key=lambda file: file.stat().st_mtime_ns)
        return {file.name: pid for file in files if (pid := _pid(file))}

    def log(self, name: str) -> Path:
        return self.folder / "logs" / name

    def end(self, name: str, *, by: signal.Signals = signal.SIGTERM) -> None:
        """End one and wait for it."""
        _end(self.folder / "pids" / name, by=by)
        if child := self._children.pop(name, None):
            child.wait(timeout=PATIENCE_S)

    def until(self, ready: Callable[[], bool], what: str, *, within_s: float = PATIENCE_S) -> None:
        """Wait until it is so; Ended if meanwhile one of the processes ended by itself."""
        began = time.monotonic()
        while not ready():
            for name, child in self._children.items():
                if child.poll() is not None:
                    raise Ended(f"{name} ended with {child.returncode}:\n{self._tail(name)}")
            waited_s = time.monotonic() - began
            if waited_s > within_s:
                logs = "\n".join(f"{name}:\n{self._tail(name)}" for name in self._children)
                raise Ended(f"no {what} within {within_s:.0f} s:\n{logs}")
            pause(waited_s)

    def close(self) -> None:
        """End all, and clean up."""
        assert self._guard.stdin
        self._guard.stdin.close()
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=PATIENCE_S)
        if self._guard.wait(timeout=PATIENCE_S) != 0:
            raise RuntimeError(f"clean-up failed: {self.log('guard').read_text()[-4000:]}")

    def _tail(self, name: str) -> str:
        return self.log(name).read_text(errors="replace")[-2000:]


def mark(pid: int) -> list[int]:
    """Pid and start time, in clock ticks: together they tell a process for good."""
    return [pid, _born(pid) or 0]


def runs(marked: list[int]) -> bool:
    pid, born = marked
    return _born(pid) == born


def is_running(pid: int) -> bool:
    """A zombie is not: it waits only for its parent."""
    return _born(pid) is not None


def clean_up_after_the_dead(pattern: str, *, below: Path) -> None:
    """End what test runs left behind that were killed together with their guards."""
    for file in below.glob(f"{pattern}/guard.json"):
        with (
            contextlib.suppress(FileNotFoundError, json.JSONDecodeError, BlockingIOError),
            file.open() as locked,
        ):
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while the guard lives
            if not runs(json.load(locked)["owner"]):
                end_all(file.parent)


def end_all(folder: Path) -> None:
    """Kill all processes (nothing of theirs is kept), then clean up and remove the folder."""
    for file in (folder / "pids").iterdir():
        _end(file, by=signal.SIGKILL)
    module, _, function = json.loads((folder / "guard.json").read_text())["clean_up"].partition(":")
    if module:
        getattr(importlib.import_module(module), function)(folder)
    shutil.rmtree(folder)


def _born(pid: int) -> int | None:
    """None if the process has ended, also if its parent has not yet asked for its end."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(fields[18])


def _pid(file: Path) -> int | None:
    try:
        marked = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return marked[0] if runs(marked) else None


def _end(file: Path, *, by: signal.Signals = signal.SIGTERM) -> None:
    for how in (by, signal.SIGKILL):
        if pid := _pid(file):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        deadline = time.monotonic() + KILLED_AFTER_S
        while _pid(file) and time.monotonic() < deadline:
            time.sleep(0.01)
    file.unlink(missing_ok=True)


def _guard(folder: Path) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with (folder / "guard.json").open() as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        sys.stdin.read()
        end_all(folder)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
