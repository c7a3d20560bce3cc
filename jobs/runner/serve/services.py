"""The registry of services: starts and adopts their supervisors, holds the sockets of sleepers.

The folders are the truth, as for runs. A service that is asleep has no process: the zygote holds
its listening socket, and starts its supervisor when someone connects. The socket is inherited,
so what has connected meanwhile is answered.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..system import linux, process
from ..viewers.folder import ServiceDir, names
from ..viewers.supervisor import supervise
from . import leftovers
from .intake import Intake

SUPERVISOR_END_S = 20.0
AGAIN_S = 5.0
WOKEN_S = 60.0
"""A service that was woken by a connection falls asleep again, if no apply follows in this time."""


@dataclass
class KeptService:
    """One service. `meta` is what it shall be, `state` what its supervisor has reported."""

    folder: ServiceDir
    meta: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    listener: socket.socket | None = None
    is_polled: bool = False
    pidfd: int | None = None
    told_revision: int = -1
    starts: int = 0
    start_at: float = 0.0
    woken_until: float = 0.0
    deleting: bool = False
    is_stopping: bool = False
    kill_at: float = float("inf")
    settle_at: float = float("inf")
    trouble: str | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether it shall have a process."""
        return not self.meta.get("is_asleep") or time.monotonic() < self.woken_until

    @property
    def has_failed(self) -> bool:
        same = self.state.get("revision") == self.meta.get("revision")
        return self.state.get("phase") == "FAILED" and same

    @property
    def phase(self) -> str:
        if self.has_failed:
            return "FAILED"
        if not self.is_wanted:
            return "ASLEEP"
        is_newest = self.state.get("revision") == self.meta.get("revision")
        is_running = self.pidfd is not None and self.state.get("phase") == "RUNNING"
        return "RUNNING" if is_running and is_newest else "PENDING"

    def as_dict(self) -> dict[str, Any]:
        phase, state = self.phase, self.state
        shows = phase in ("PENDING", "RUNNING")
        return {
            "name": self.folder.name,
            "revision": self.meta.get("revision"),
            "phase": phase,
            "reason": state.get("reason") if phase != "ASLEEP" else None,
            "message": (state.get("message") or self.trouble) if phase != "ASLEEP" else None,
            "address": "" if phase == "FAILED" else f"unix:{self.folder.socket}",
            "ready_since": state.get("ready_since") if shows else None,
            "restarts": state.get("restarts", 0),
            "broken": state.get("broken", {}),
            "deleting": self.deleting,
        }


class Services:
    def __init__(
        self,
        *,
        root: Path,
        selector: selectors.BaseSelector,
        intake: Intake,
        alone_s: float,
    ):
        """`alone_s`: so long an unused viewer goes on after the runner has ended."""
        self.root = root
        self.services: dict[str, KeptService] = {}
        # Another number after a restart, so that no caller waits for a change already made.
        self.version = time.time_ns()
        self._selector = selector
        self._intake = intake
        self._alone_s = alone_s

    def restore(self) -> None:
        """At the start: adopt the services of this boot, clear those of an earlier one."""
        for name in names(self.root):
            folder = ServiceDir(self.root, name)
            if folder.is_of_this_boot or folder.is_deleting:
                self.admitted(name)
            else:
                folder.forget()
        self._intake.order(do="empty_trash")

    def admitted(self, name: str) -> None:
        """Do what the workload says that was stored."""
        service = self.services.get(name)
        folder = ServiceDir(self.root, name)
        if service is None:
            if not folder.exists():
                return
            service = KeptService(folder, deleting=folder.is_deleting)
            self.services[name] = service
        self._settle(service)
        self._changed()

    def remove(self, name: str) -> int:
        """Stop and remove a service: 202 while it ends, 200 when it is gone, 404 if unknown."""
        service = self.services.get(name)
        if service is None:
            ServiceDir(self.root, name).leave_tombstone()
            return 404
        if not service.deleting:
            with contextlib.suppress(OSError):
                service.folder.mark_deleting()
            service.deleting = True
            self._changed()
        self._settle(service)
        return 202 if name in self.services else 200

    def refresh(self, name: str) -> int:
        """Have a service open its data anew: 202, also if it is asleep; 404 if unknown."""
        service = self.services.get(name)
        if service is None:
            return 404
        if self._is_claimed(service):
            self._signal(service, signal.SIGUSR1)
        return 202

    def hinted(self, name: str) -> None:
        """Handle the notification that a service has changed."""
        service = self.services.get(name)
        if service is not None:
            self._read(service)
            self._changed()

    def tick(self) -> None:
        now = time.monotonic()
        for service in list(self.services.values()):
            if now >= service.kill_at:
                service.kill_at = float("inf")
                self._signal(service, signal.SIGKILL)
            if now >= service.settle_at:
                self._settle(service)

    def next_wait_s(self) -> float:
        moments = [min(s.kill_at, s.settle_at) for s in self.services.values()]
        return min(moments, default=float("inf")) - time.monotonic()

    def close(self) -> None:
        """Let go of the sockets; those who connect try again until the next runner is there."""
        for service in self.services.values():
            self._drop_listener(service)

    def _settle(self, service: KeptService) -> None:
        """Do what the folder requires; on a full disk, and after a failure, retry later."""
        service.settle_at = float("inf")
        try:
            self._settle_now(service)
            service.trouble = None
        except OSError as error:
            process.say(f"{service.folder.name}: {error}; tried again in {AGAIN_S:g} s")
            service.trouble = f"It cannot be started on this machine now: {error.strerror}."
            service.settle_at = time.monotonic() + AGAIN_S
            self._changed()

    def _settle_now(self, service: KeptService) -> None:
        self._read(service)
        self._adopt(service)
        if service.deleting or service.folder.is_buried:
            self._end(service)
        elif service.pidfd is not None:
            self._guide(service)
        else:
            self._without_supervisor(service)

    def _read(self, service: KeptService) -> None:
        before = service.meta.get("revision")
        service.meta = service.folder.read("meta.json") or service.meta
        service.state = service.folder.read("state.json") or {}
        if before is not None and before != service.meta.get("revision"):
            service.woken_until = 0.0
            service.starts = 0

    def _adopt(self, service: KeptService) -> None:
        """Watch the supervisor that an earlier runner has started."""
        claim = service.folder.read("supervisor.json")
        if service.pidfd is None and linux.is_alive(claim):
            self._watch(service, claim["pid"])

    def _guide(self, service: KeptService) -> None:
        """Signal a running supervisor to end, or to read a new revision."""
        if not service.is_wanted:
            self._hold_listener(service)
            self._stop(service)
            return
        service.settle_at = service.woken_until if service.meta.get("is_asleep") else float("inf")
        revision = service.meta.get("revision", 0)
        if revision > service.told_revision and self._is_claimed(service):
            service.told_revision = revision
            self._signal(service, signal.SIGHUP)

    def _without_supervisor(self, service: KeptService) -> None:
        folder = service.folder
        leftovers.kill(folder.read("supervisor.json"), folder.read("child.json"))
        folder.discard("supervisor.json")
        if service.has_failed:
            self._drop_listener(service)
            folder.unlink_socket()
            return
        if service.state.get("phase") == "FAILED" or not service.is_wanted:
            # It begins anew, without the crashes before.
            folder.discard("state.json")
            service.state = {}
        self._hold_listener(service)
        if not service.is_wanted:
            self._poll(service)
        elif time.monotonic() < service.start_at:
            service.settle_at = service.start_at
        else:
            self._start(service)

    def _start(self, service: KeptService) -> None:
        self._stop_polling(service)
        assert service.listener is not None
        fd = service.listener.fileno()
        service.starts += 1
        service.start_at = time.monotonic() + min(30.0, 0.25 * 2 ** min(service.starts, 8))
        service.is_stopping = False
        service.told_revision = service.meta.get("revision", 0)
        run = partial(supervise, service.folder, listener=fd, alone_s=self._alone_s)
        pid = process.spawn(run, keep=[fd])
        self._watch(service, pid)
        # The supervisor may have read what shall be just before a change.
        service.settle_at = service.woken_until if service.meta.get("is_asleep") else float("inf")
        self._changed()

    def _end(self, service: KeptService) -> None:
        if service.pidfd is not None:
            self._stop(service)
            return
        folder = service.folder
        leftovers.kill(folder.read("supervisor.json"), folder.read("child.json"))
        self._drop_listener(service)
        folder.bury()
        self.services.pop(folder.name, None)
        self._intake.order(do="empty_trash")
        self._changed()

    def _stop(self, service: KeptService) -> None:
        if not service.is_stopping or service.kill_at == float("inf"):
            service.is_stopping = True
            service.kill_at = time.monotonic() + SUPERVISOR_END_S
            self._signal(service, signal.SIGTERM)

    def _is_claimed(self, service: KeptService) -> bool:
        """Whether the supervisor handles signals; it does so before it claims the folder."""
        return service.pidfd is not None and service.folder.read("supervisor.json") is not None

    def _watch(self, service: KeptService, pid: int) -> None:
        try:
            service.pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        self._selector.register(
            service.pidfd, selectors.EVENT_READ, lambda mask: self._supervisor_ended(service)
        )

    def _supervisor_ended(self, service: KeptService) -> None:
        assert service.pidfd is not None
        self._selector.unregister(service.pidfd)
        os.close(service.pidfd)
        service.pidfd = None
        service.is_stopping = False
        service.kill_at = float("inf")
        self._settle(service)
        self._changed()

    def _signal(self, service: KeptService, number: int) -> None:
        if service.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(service.pidfd, number)

    def _hold_listener(self, service: KeptService) -> None:
        if service.listener is None:
            service.listener = service.folder.listen()
            service.listener.setblocking(False)

    def _drop_listener(self, service: KeptService) -> None:
        self._stop_polling(service)
        if service.listener is not None:
            service.listener.close()
            service.listener = None

    def _poll(self, service: KeptService) -> None:
        if not service.is_polled:
            assert service.listener is not None
            self._selector.register(
                service.listener, selectors.EVENT_READ, lambda mask: self._knocked(service)
            )
            service.is_polled = True

    def _stop_polling(self, service: KeptService) -> None:
        if service.is_polled:
            assert service.listener is not None
            self._selector.unregister(service.listener)
            service.is_polled = False

    def _knocked(self, service: KeptService) -> None:
        """Someone has connected to a service that is asleep."""
        self._stop_polling(service)
        service.woken_until = time.monotonic() + WOKEN_S
        service.start_at = 0.0
        self._settle(service)
        self._changed()

    def _changed(self) -> None:
        self.version += 1
