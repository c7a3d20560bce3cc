"""The process that does the work of a run: it prepares and isolates itself, then works.

It reads the workload itself, so that its supervisor never sees a store's secret. It gets no
other secret. It ends by os._exit, because libraries leave threads behind that would delay an
ordinary exit.
"""

from __future__ import annotations

import contextlib
import gc
import os
import tempfile
import traceback
from pathlib import Path

from ..record.failures import is_full
from ..record.outcome import NO_SPACE_EXIT
from ..record.rundir import RunDir
from ..system import environment, linux, process

NICENESS = 10
"""Runs work for hours. Estimates and the hub have priority, because people wait for them."""


def start(run: RunDir, *, output: int, progress: int, go: int, supervisor: int, umask: int) -> int:
    """Fork the child, which waits for a byte on `go`; returns its pid."""

    def main() -> int:
        linux.die_with_parent(supervisor)
        linux.be_killed_first()
        os.setpgid(0, 0)
        process.set_streams(output)
        if os.read(go, 1) != b"g":
            return 1
        os.close(go)
        os.umask(umask)
        os.nice(NICENESS)
        process.exit_with(_work(run, progress))
        return 0

    pid = process.spawn(main, keep=(output, progress, go))
    # Here too, because a signal to the group may come before the child has made it.
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return pid


def _work(run: RunDir, progress: int) -> int:
    try:
        work = run.read("workload.json", limit=64 << 20)
        run.discard("workload.json")
        _enter_scratch(run.path / "scratch", work["env"])
        payload = work["payload"]
        if payload["kind"] == "standin":
            from ..work.standin import perform

            return perform(payload)
        from ..work.cubegen import generate

        return generate(payload, run=run, progress=progress, scratch=Path.cwd())
    except BaseException as error:  # noqa: BLE001 - whatever it is, it must be told
        traceback.print_exc()
        return NO_SPACE_EXIT if is_full(error) else 70


def _enter_scratch(scratch: Path, extra: dict[str, str]) -> None:
    for folder in (scratch, scratch / "tmp", scratch / "numba", scratch / "matplotlib"):
        folder.mkdir(mode=0o700, exist_ok=True)
    os.chdir(scratch)
    clean = environment.for_run(os.environ, scratch=scratch, extra=extra)
    os.environ.clear()
    os.environ.update(clean)
    tempfile.tempdir = None
    gc.enable()
