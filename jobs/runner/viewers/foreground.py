"""The program `viewer`: serves one viewer in the foreground at a TCP address, as in a pod.

Here the engine that started it limits and restarts it, so it has no supervisor.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from ..record.failures import describe
from ..record.outcome import LAUNCH, REFUSED_EXIT
from ..record.workload import WorkloadError, read_workload
from ..system import process
from ..work import warm as work_warm
from . import warm, workload
from .home import enter

_MESSAGE_CHARS = 2_000
_BACKLOG = 512


def serve_viewer(
    *, file: Path, address: str, port: int, scratch: Path, termination_message: Path | None
) -> int:
    """Serve until SIGTERM; returns 0, or 2 if it cannot start. Then it says why."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # The first process of a container does not end by a signal that it does not handle.
        signal.signal(number, _end_at_once)
    os.umask(0o077)
    try:
        parts = workload.parse(json.dumps(read_workload(file)))
        listener = socket.create_server((address, port), backlog=_BACKLOG)
        enter(scratch / "viewer", parts["work"]["env"])
        work_warm.import_xcube()
        warm.import_server()
        _serve(listener, parts)
    except (WorkloadError, OSError, ImportError) as error:
        return _refuse(error, termination_message)
    return 0


def _serve(listener: socket.socket, parts: dict[str, dict[str, Any]]) -> None:
    from .server import ViewerServer

    host, port = listener.getsockname()[:2]
    work = {**parts["meta"], "payload": parts["work"]["payload"]}

    def report(state: dict[str, Any]) -> None:
        process.say(f"serves revision {state['revision']} at {host}:{port}")
        for name, why in state["broken"].items():
            process.say(f"broken: {name}: {why}")

    asyncio.run(ViewerServer(listener=listener, read=lambda: work, report=report).run())
    process.exit_with(0)


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)


def _refuse(error: Exception, path: Path | None) -> int:
    text = str(error) if isinstance(error, WorkloadError) else describe(error).message
    end = {"phase": "FAILED", "reason": LAUNCH, "message": text[:_MESSAGE_CHARS]}
    process.say(f"the viewer cannot start: {text}")
    if path is not None:
        try:
            path.write_text(json.dumps(end))
        except OSError as failure:
            process.say(f"the termination message was not written: {failure}")
    return REFUSED_EXIT
