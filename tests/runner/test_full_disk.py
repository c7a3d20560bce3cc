"""A runs folder without room, on a real file system of 64 pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.runner.record import rundir, workload
from tests.servers.missing import missing

from .runnerprocess import Runner, make_workload, standin, wait_for

pytestmark = pytest.mark.xcube

PAGE = 4096
NO_SPACE = "No space left in the output store or on this machine."
SECRET = "s3cret-of-a-store"


@pytest.fixture
def small_runner(xcube_python: str) -> Iterator[Runner]:
    if os.geteuid() != 0:
        missing("mounting a small file system needs root: run the tests as root")
    runner = Runner(xcube_python, "--estimators", "0")
    runner.runs.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={64 * PAGE}", "tmpfs", str(runner.runs)]
    subprocess.run(mount, check=True)
    # What is compiled and cached must not take the room that is measured here.
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
            patch.setenv(name, str(runner.root / "cache"))
        yield runner
        fill(runner, leave=20)
        runner.close()
    subprocess.run(["umount", str(runner.runs)], check=True)
    shutil.rmtree(runner.root, ignore_errors=True)


def fill(runner: Runner, *, leave: int) -> None:
    """Leave so many pages."""
    ballast = runner.runs / ".ballast"
    ballast.unlink(missing_ok=True)
    found = os.statvfs(runner.runs)
    ballast.write_bytes(b"x" * (found.f_bavail * found.f_bsize - leave * PAGE))


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_runs_on_a_full_disk(small_runner: Runner):
    runner = small_runner.start()
    wait_for(lambda: (runner.runs / ".cache" / "versions.json").exists())

    # Neither the spooled workload nor, with a little more room, the run's folder fit.
    for leave in (1, 3):
        fill(runner, leave=leave)
        big = make_workload(standin(line=SECRET + "x" * 2 * PAGE))
        assert runner.put(big) == (507, {"error": "No space left on the runner's disk."})
        assert list((runner.runs / ".incoming").iterdir()) == []
        assert SECRET.encode() not in contents(runner.runs)

    # What is admitted and claimed, but cannot note who its child is.
    fill(runner, leave=3)
    name = runner.launch(standin())
    run = runner.end_of(name)
    assert (run["phase"], run["reason"], run["message"]) == ("FAILED", "LAUNCH", NO_SPACE)

    # What cannot even be claimed.
    fill(runner, leave=20)
    runner.kill()
    unclaimed = make_workload(standin())
    parts = workload.parse(json.dumps(unclaimed), allow_standins=True)
    rundir.create(runner.runs, parts)
    fill(runner, leave=0)
    runner.start()
    run = runner.end_of(unclaimed["name"])
    assert (run["phase"], run["reason"], run["message"]) == ("FAILED", "LAUNCH", NO_SPACE)

    # A short want of room is waited for.
    fill(runner, leave=3)
    name = runner.launch(standin())
    fill(runner, leave=20)
    assert runner.end_of(name)["phase"] == "SUCCEEDED"
    assert runner.process.poll() is None
