"""The process of a viewer: it leaves everything of its parent behind, then serves.

It inherits the listening socket, and the pipes to its supervisor. It ends by os._exit, because
libraries leave threads behind that would delay an ordinary exit.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from ..record.failures import is_full
from ..record.outcome import NO_SPACE_EXIT, REFUSED_EXIT
from ..record.workload import WorkloadError
from ..system import linux, process
from .folder import ServiceDir
from .home import enter

NEWS_BYTES = 60_000


def start(
    folder: ServiceDir, *, listener: int, output: int, news: int, go: int, supervisor: int
) -> int:
    """Fork the child, which waits for a byte on `go`; returns its pid."""

    def main() -> int:
        linux.die_with_parent(supervisor)
        linux.be_killed_first()
        os.setpgid(0, 0)
        process.set_streams(output)
        if os.read(go, 1) != b"g":
            return 1
        os.close(go)
        process.exit_with(_serve(folder, listener, news))
        return 0

    return process.spawn(main, keep=(listener, output, news, go))


def _serve_command(
    folder: ServiceDir, listener: int, work: dict[str, Any], report: Callable[[dict], None]
) -> int:
    from . import command

    try:
        return command.serve_command(folder, listener=listener, work=work, report=report)
    except (FileNotFoundError, PermissionError) as error:
        why = command.cannot_start(error, work)
        report({"refused": why})
        return REFUSED_EXIT


def _serve(folder: ServiceDir, listener: int, news: int) -> int:
    def report(state: dict[str, Any]) -> None:
        # The supervisor may have ended; then this process ends, too.
        with contextlib.suppress(OSError):
            os.write(news, (json.dumps(state)[:NEWS_BYTES] + "\n").encode())

    try:
        gc.enable()
        warnings.simplefilter("ignore")
        work = folder.read_work()
        if "command" in work:
            return _serve_command(folder, listener, work, report)
        enter(folder.home, work["env"])
        from .server import ViewerServer

        server = ViewerServer(
            listener=socket.socket(fileno=listener), read=folder.read_work, report=report
        )
        asyncio.run(server.run())
        return 0
    except WorkloadError as error:
        process.say(f"the viewer cannot start: {error}")
        report({"refused": str(error)[:1_000]})
        return REFUSED_EXIT
    except BaseException as error:  # noqa: BLE001 - whatever it is, it must be logged
        traceback.print_exc()
        return NO_SPACE_EXIT if is_full(error) else 70
