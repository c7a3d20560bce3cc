"""The supervisor of one service: starts its process, watches it, starts it again after a crash.

It is a process of its own in a session of its own, so it and the viewer outlive the runner. It
reads no secret. It ends when the service falls asleep, is removed, crashes too often, or is left
alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import time
from typing import Any

from ..record import notify
from ..record.failures import NO_SPACE_HERE
from ..record.limits import Limits, run_memory
from ..record.logbuffer import LogBuffer
from ..record.outcome import LAUNCH, NO_SPACE_EXIT, OUT_OF_MEMORY, REFUSED_EXIT
from ..record.rundir import insistently, now
from ..system import linux, process, signals
from . import child
from .alone import ALONE_S, Alone
from .folder import ServiceDir
from .restarts import MOST_RESTARTS, Restarts

CRASH_LOOP = "CRASH_LOOP"
STOP_S = 12.0
"""So long a viewer may finish its open requests before it is killed."""
CLAIM_TRIES = 5
LOG_INTERVAL_S = 2.0
STATE_RETRY_S = 1.0
_LINES, _BYTES = 1_000, 256_000
_NEWS_LIMIT = 1 << 20


def supervise(folder: ServiceDir, *, listener: int, alone_s: float = ALONE_S) -> int:
    """Run the service in the folder, unless another supervisor has claimed it."""
    os.setsid()
    wakeup, asked = _catch_signals()
    who = linux.identity(os.getpid())
    if not insistently(lambda: folder.write_once("supervisor.json", who), tries=CLAIM_TRIES):
        return 0
    with socket.socket(fileno=os.dup(listener)) as bound:
        alone = Alone(folder, bound.getsockname(), limit_s=alone_s)
    return _Supervisor(folder, listener, asked, alone).run(wakeup)


def _catch_signals() -> tuple[int, set[int]]:
    """A pipe that wakes up the loop, and the set of the signals that have come."""
    receive, send = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(send, warn_on_full_buffer=False)
    asked: set[int] = set()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: asked.add(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return receive, asked


class _Supervisor:
    def __init__(self, folder: ServiceDir, listener: int, asked: set[int], alone: Alone):
        self._folder = folder
        self._listener = listener
        self._asked = asked
        self._alone = alone
        self._meta: dict[str, Any] = folder.read("meta.json") or {}
        earlier = folder.read("state.json") or {}
        self._restarts = Restarts(earlier.get("restarts", 0), earlier.get("crashes", []))
        self._state: dict[str, Any] = {"phase": "PENDING", "broken": {}}
        self._served: dict[str, Any] | None = None
        self._news = b""
        self._refused: str | None = None
        self._log = LogBuffer(head_lines=0, tail_lines=_LINES, part_bytes=_BYTES)
        for chunk in folder.read("log.json", limit=16 << 20) or []:
            self._log.feed("".join(f"{line}\n" for line in chunk["lines"]).encode())
        self._log_written = (self._log.count, 0.0)
        self._child: int | None = None
        self._start_at = 0.0
        self._kill_at = float("inf")
        self._is_stopping = False
        self._is_ended = False
        self._is_restarting = False
        self._must_refresh = False
        self._state_due = 0.0
        self._is_killed_for_memory = False
        self._selector = selectors.DefaultSelector()
        self._pipes: dict[str, int] = {}
        self._limits: Limits | None = None
        if earlier.get("phase") in ("PENDING", "RUNNING"):
            # The supervisor before was killed, and its viewer with it.
            self._crashed(0, "The service's supervisor was ended from outside.")

    def run(self, wakeup: int) -> int:
        linux.become_subreaper()
        self._oom_kills = linux.oom_kills()
        self._selector.register(wakeup, selectors.EVENT_READ, "wakeup")
        while not self._is_ended:
            self._obey()
            self._end_if_alone()
            self._start_if_due()
            self._enforce()
            self._write_state()
            self._write_log()
            if self._is_ended:
                break
            for key, _ in self._selector.select(self._wait_s()):
                self._receive(key.fd, key.data)
            self._reap()
        self._end_descendants()
        self._log.finish()
        self._write_log(at_once=True)
        if self._state["phase"] == "FAILED":
            insistently(self._write_failure, tries=CLAIM_TRIES)
        else:
            # It was stopped on purpose, so a later start begins without its crashes.
            self._folder.discard("state.json")
        self._folder.discard("child.json")
        notify.tell(self._folder.root, self._folder.name)
        return 0

    def _wait_s(self) -> float:
        moments = [self._kill_at]
        if self._child is None:
            moments.append(self._start_at)
        if self._state_due:
            moments.append(self._state_due)
        if self._log.count > self._log_written[0]:
            moments.append(self._log_written[1] + LOG_INTERVAL_S)
        wait = max(0.0, min(moments) - time.monotonic())
        return min(wait, self._limits.wait_s() if self._limits else 5.0)

    def _obey(self) -> None:
        """Do what the signals say that have come."""
        asked = set(self._asked)
        self._asked -= asked
        if signal.SIGTERM in asked:
            self._stop()
        if signal.SIGHUP in asked:
            self._reload()
        if signal.SIGUSR1 in asked:
            self._must_refresh = True
        if self._must_refresh and self._served is not None:
            self._must_refresh = False
            self._signal(signal.SIGUSR1)

    def _stop(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._stop_child()
            self._is_ended = self._child is None

    def _end_if_alone(self) -> None:
        """End as if it fell asleep; the next runner starts it again if it shall be awake."""
        if not self._is_stopping and self._alone.must_end():
            process.say(f"{self._folder.name}: ends, because there is no runner any more")
            self._stop()

    def _reload(self) -> None:
        """Compare what shall be with what is served."""
        self._meta = self._folder.read("meta.json") or self._meta
        if self._limits:
            self._limits.memory_bytes = self._meta.get("memory_bytes")
        if self._served is None:
            return  # it reads the new one by itself, or its first report shows that it did not
        if self._served["digest"] == self._meta["digest"]:
            self._note_served()
        elif self._served["place"] != self._meta.get("place"):
            self._is_restarting = True
            self._stop_child()
        else:
            self._state["phase"] = "PENDING"
            self._signal(signal.SIGHUP)
        self._changed()

    def _start_if_due(self) -> None:
        if self._child is not None or self._is_stopping or self._is_ended:
            return
        if time.monotonic() < self._start_at:
            return
        self._meta = self._folder.read("meta.json") or self._meta
        output, output_end = os.pipe2(os.O_CLOEXEC)
        news, news_end = os.pipe2(os.O_CLOEXEC)
        go_end, go = os.pipe2(os.O_CLOEXEC)
        self._child = child.start(
            self._folder,
            listener=self._listener,
            output=output_end,
            news=news_end,
            go=go_end,
            supervisor=os.getpid(),
        )
        for fd in (output_end, news_end, go_end):
            os.close(fd)
        for fd, what in ((output, "output"), (news, "news")):
            os.set_blocking(fd, False)
            self._selector.register(fd, selectors.EVENT_READ, what)
            self._pipes[what] = fd
        self._limits = Limits(
            deadline_s=None,
            memory_bytes=self._meta.get("memory_bytes"),
            measure=lambda: run_memory(os.getpid()),
        )
        self._served, self._refused, self._news = None, None, b""
        self._is_killed_for_memory = False
        self._kill_at = float("inf")
        try:
            self._folder.write("child.json", linux.identity(self._child))
        except OSError as error:
            process.say(f"{self._folder.name}: {error}")
        os.write(go, b"g")
        os.close(go)
        self._changed()

    def _receive(self, fd: int, what: str) -> None:
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        if what == "wakeup":
            return
        if not data:
            self._selector.unregister(fd)
        elif what == "output":
            self._log.feed(data)
        else:
            *lines, self._news = (self._news + data).split(b"\n")
            self._news = self._news[-_NEWS_LIMIT:]
            for line in lines:
                self._heard(json.loads(line))

    def _heard(self, report: dict[str, Any]) -> None:
        """The child has reported what it serves, or why it cannot."""
        if "refused" in report:
            self._refused = report["refused"]
            return
        is_first = self._served is None
        self._served = report
        self._state["broken"] = report["broken"]
        if is_first:
            self._state["ready_since"] = now()
        self._note_served()
        if is_first and report["digest"] != self._meta["digest"]:
            self._asked.add(signal.SIGHUP)
        self._changed()

    def _note_served(self) -> None:
        served = self._served or {}
        is_newest = served["digest"] == self._meta["digest"]
        self._state["revision"] = self._meta["revision"] if is_newest else served["revision"]
        self._state |= {"phase": "RUNNING", "reason": None, "message": None}

    def _enforce(self) -> None:
        kill = self._limits.check() if self._limits and self._child else None
        if kill:
            self._is_killed_for_memory = True
            self._signal(signal.SIGKILL)
        if time.monotonic() >= self._kill_at:
            self._kill_at = time.monotonic() + 1.0
            self._signal(signal.SIGKILL)

    def _stop_child(self) -> None:
        self._signal(signal.SIGTERM)
        self._kill_at = time.monotonic() + STOP_S

    def _signal(self, number: int) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, number)
        if self._child is not None and number == signal.SIGKILL:
            # Also what a command has started, which would use memory until it is found.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child, number)

    def _reap(self) -> None:
        for pid, status in signals.ended_children():
            if pid == self._child:
                self._child_ended(os.waitstatus_to_exitcode(status))

    def _child_ended(self, code: int) -> None:
        for what, fd in self._pipes.items():
            with contextlib.suppress(OSError):
                while data := os.read(fd, 1 << 16):
                    if what == "output":
                        self._log.feed(data)
                    else:
                        self._news += data
            with contextlib.suppress(KeyError):
                self._selector.unregister(fd)
            os.close(fd)
        self._pipes = {}
        for line in self._news.split(b"\n")[:-1]:
            self._heard(json.loads(line))
        self._child, self._limits, self._served = None, None, None
        self._end_descendants()
        self._kill_at = float("inf")
        self._state["ready_since"] = None
        if self._is_stopping:
            self._is_ended = True
        elif code == REFUSED_EXIT and self._refused:
            self._fail(LAUNCH, self._refused)
        elif self._is_restarting:
            self._is_restarting = False
            self._state["phase"] = "PENDING"
        else:
            self._crashed(code, self._describe(code))
        self._changed()

    def _describe(self, code: int) -> str:
        if self._is_killed_for_memory:
            limit = (self._meta.get("memory_bytes") or 0) / 2**20
            return f"The server used more than its {limit:,.0f} MiB of memory."
        if code == -signal.SIGKILL and linux.oom_kills() > self._oom_kills:
            self._oom_kills = linux.oom_kills()
            self._is_killed_for_memory = True
            return "The machine ran out of memory and ended the server."
        if code == NO_SPACE_EXIT:
            return NO_SPACE_HERE
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"The server was ended by {signal.Signals(-code).name}."
        return f"The server ended with exit code {code}."

    def _crashed(self, code: int, why: str) -> None:
        pause = self._restarts.crashed(time.time())
        process.say(f"{self._folder.name}: {why}")
        if pause is None:
            reason = OUT_OF_MEMORY if self._is_killed_for_memory else CRASH_LOOP
            self._fail(reason, f"It ended {MOST_RESTARTS + 1} times in ten minutes. {why}")
            return
        reason = OUT_OF_MEMORY if self._is_killed_for_memory else None
        self._state |= {"phase": "PENDING", "reason": reason, "message": why}
        self._start_at = time.monotonic() + pause
        self._changed()

    def _fail(self, reason: str, message: str) -> None:
        self._state |= {"phase": "FAILED", "reason": reason, "message": message}
        self._state["revision"] = self._meta.get("revision")
        self._is_ended = True
        self._changed()

    def _end_descendants(self) -> None:
        give_up = time.monotonic() + 5
        while (left := linux.descendants(os.getpid())) and time.monotonic() < give_up:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
            self._reap()

    def _changed(self) -> None:
        self._state_due = time.monotonic()

    def _write_state(self) -> None:
        """Write what has changed, and tell the runner; on a full disk again a second later."""
        if not self._state_due or time.monotonic() < self._state_due:
            return
        try:
            self._folder.write("state.json", self._report())
        except OSError as error:
            process.say(f"{self._folder.name}: {error}")
            self._state_due = time.monotonic() + STATE_RETRY_S
            return
        self._state_due = 0.0
        notify.tell(self._folder.root, self._folder.name)

    def _report(self) -> dict[str, Any]:
        numbers = {"restarts": self._restarts.count, "crashes": self._restarts.crashes}
        return {**self._state, **numbers}

    def _write_failure(self) -> None:
        self._folder.write("state.json", self._report())

    def _write_log(self, *, at_once: bool = False) -> None:
        count, last = self._log_written
        if self._log.count == count or time.monotonic() < last + LOG_INTERVAL_S and not at_once:
            return
        self._log_written = (self._log.count, time.monotonic())
        with contextlib.suppress(OSError):
            self._folder.write("log.json", self._log.chunks())
