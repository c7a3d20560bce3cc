"""A hub started by `manage.py start`, as a test sees it: its output, its parts, its end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.patience import PATIENCE_S, pause
from tests.servers.logs import show_on_failure

CHECKOUT = Path(__file__).resolve().parents[2]
START_WITHIN_S = STOP_WITHIN_S = PATIENCE_S
PROGRAMS = {
    "web": r"gunicorn",
    "worker": r"qcluster $",
    "outside": r"qcluster --name outside",
    "observer": r"observe",
    "runner": r"jobs\.runner serve",
    "edge": r"services\.edge",
}

START = f"""
import sys
from hubsite.cli import execute
from hubsite.start import process_supervisor
process_supervisor.STOP_WITHIN_S = {PATIENCE_S}
execute("manage.py", sys.argv[1:])
"""
"""`manage.py`, but parts have time to stop: that they do so by themselves is what tests look at."""

T = TypeVar("T")


class HubProcess:
    """Runs `manage.py start …` on a data folder of its own."""

    def __init__(self, data_dir: Path, *arguments: str, **environment: str) -> None:
        self.data_dir = data_dir
        self._log = data_dir.with_suffix(f".{time.monotonic_ns()}.log")
        show_on_failure(self._log)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("XCUBE_HUB_")}
        kept.pop("DJANGO_SETTINGS_MODULE", None)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, "start", *arguments],
                cwd=CHECKOUT,
                env={
                    **kept,
                    "XCUBE_HUB_DATA_DIR": str(data_dir),
                    "XCUBE_HUB_DOTENV": os.devnull,
                    "XCUBE_HUB_WEB_WORKERS": "1",
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_for(self, pattern: str, *, count: int = 1, within_s: float = START_WITHIN_S) -> str:
        """The last of `count` lines that match."""

        def found() -> str | None:
            lines = [line for line in self.output.splitlines() if re.search(pattern, line)]
            return lines[count - 1] if len(lines) >= count else None

        return self.until(found, f"line {pattern!r}", within_s=within_s)

    def until(self, found: Callable[[], T | None], what: str, *, within_s: float = PATIENCE_S) -> T:
        began = time.monotonic()
        while not (result := found()):
            waited_s = time.monotonic() - began
            assert waited_s < within_s, f"no {what} within {within_s} s in:\n{self.output}"
            pause(waited_s)
        return result

    def part(self, name: str) -> int | None:
        """The process id of a part that runs, at the top of its process group."""
        for pid, parent, command in _processes():
            if parent == self.process.pid and re.search(PROGRAMS[name], command):
                return pid
        return None

    def left(self) -> list[tuple[int, str]]:
        """Every process that works on this hub's data folder."""
        mark = f"XCUBE_HUB_DATA_DIR={self.data_dir}\0".encode()
        result = []
        for pid, _, command in _processes():
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes():
                    result.append((pid, command))
        return result

    def wait_until_gone(self) -> None:
        self.until(lambda: not self.left(), "end of all processes", within_s=STOP_WITHIN_S)

    def end(self) -> int:
        """The exit status, when it has ended."""
        return self.process.wait(STOP_WITHIN_S)

    def remove(self) -> None:
        """Whatever is left of it, at the end of a test."""
        for pid, _ in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(STOP_WITHIN_S)


def get(url: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=PATIENCE_S) as response:
        return response.status, response.read().decode()


def listening() -> Any:
    """A socket that somebody else listens on."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken


def _processes() -> list[tuple[int, int, str]]:
    """Process id, parent and command line of everything that runs (zombies do not)."""
    result = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
            if state != "Z":
                result.append((int(folder.name), int(parent), command))
    return result
