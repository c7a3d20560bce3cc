"""The intake: a process that stores workloads and deletes folders for the zygote.

It is forked before xcube is imported, and nothing is forked from it. So the secrets that it
reads never get into the memory of a run, and its disk accesses never delay the zygote.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..record import rundir
from ..record.admit import admit
from ..record.failures import unwritten
from ..system import linux, process
from ..viewers.admit import admit as admit_service

_MESSAGE_BYTES = 1 << 16


class Intake:
    """The zygote's side: sends orders, receives answers, restarts the process if it ends."""

    def __init__(self, *, root: Path, services_root: Path | None, allow_standins: bool):
        self._root = root
        self._services_root = services_root
        self._allow_standins = allow_standins
        self._pid = 0
        self.socket: socket.socket | None = None

    def start(self) -> socket.socket:
        """Start or restart the process; returns the socket to wait on."""
        if self.socket is not None:
            self.socket.close()
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        zygote = os.getpid()

        def main() -> None:
            linux.die_with_parent(zygote)
            os.umask(0o077)
            _work(theirs, self._root, self._services_root, self._allow_standins)

        self._pid = process.spawn(main, keep=[theirs.fileno()])
        theirs.close()
        self.socket.setblocking(False)
        return self.socket

    def is_process(self, pid: int) -> bool:
        return pid == self._pid

    def order(self, **order: Any) -> bool:
        """Send an order; False if the process cannot take one now."""
        try:
            assert self.socket is not None
            self.socket.send(json.dumps(order).encode())
        except OSError:
            return False
        return True

    def answers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        try:
            while self.socket and (data := self.socket.recv(_MESSAGE_BYTES)):
                found.append(json.loads(data))
        except OSError:
            pass
        return found


def _work(
    orders: socket.socket, root: Path, services_root: Path | None, allow_standins: bool
) -> None:
    admits: dict[str, Callable[[bytes, str], dict[str, Any]]] = {
        "admit": lambda text, name: admit(root, text, name, allow_standins=allow_standins),
    }
    if services_root is not None:
        admits["admit_service"] = partial(admit_service, services_root)
    while data := orders.recv(_MESSAGE_BYTES):
        order = json.loads(data)
        if order["do"] in admits:
            answer = _take_in(Path(order["spool"]), order["name"], admits[order["do"]])
            orders.send(json.dumps({"id": order["id"], **answer}).encode())
            continue
        for folder in filter(None, (root, services_root)):
            _tidy(folder, tombstones=order["do"] == "clean")


def _tidy(root: Path, *, tombstones: bool) -> None:
    try:
        if tombstones:
            rundir.clean(root, all_incoming=False)
        else:
            rundir.empty_trash(root)
    except OSError as error:
        process.say(f"cleaning failed: {error}")


def _take_in(
    spool: Path, name: str, store: Callable[[bytes, str], dict[str, Any]]
) -> dict[str, Any]:
    """Store the workload in the spool file: {"status": HTTP status, "name", "message"}."""
    try:
        return store(spool.read_bytes(), name)
    except OSError as error:
        status, message = unwritten(error)
        return {"status": status, "name": name, "message": message}
    finally:
        # It holds secrets and takes up space.
        with contextlib.suppress(OSError):
            spool.unlink()
