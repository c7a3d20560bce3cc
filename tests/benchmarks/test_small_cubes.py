"""A small cube through the whole hub: web, database, worker, runner, observer, database, web."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time

import pytest

from tests.jobs.factories import cubegen_request
from tests.patience import PATIENCE_S

from .report import alternate

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

POLL_S = 0.05


@pytest.fixture
def cube_by_hub(hub):
    """Seconds from the submission until a poll shows that the cube is made."""
    session = hub.new_user("cubes@example.org")
    numbers = itertools.count()

    def measure() -> float:
        request = cubegen_request(f"small-{next(numbers)}.zarr")
        began = time.perf_counter()
        job = session.submit(request)
        while not (job["job_status"]["succeeded"] or job["job_status"]["failed"]):
            assert time.perf_counter() < began + PATIENCE_S, job
            time.sleep(POLL_S)
            status, job = session.insist("GET", f"/cubegens/{job['job_id']}")
            assert status == 200, job
        assert job["state"] == "SUCCEEDED", job
        return time.perf_counter() - began

    measure()
    return measure


@pytest.fixture
def cube_by_new_process(xcube_python, plain_folder, plain_environment):
    """Seconds of `xcube gen2`, from its start to its end."""

    def measure() -> float:
        shutil.rmtree(plain_folder / "plain.zarr", ignore_errors=True)
        began = time.perf_counter()
        subprocess.run(
            [xcube_python.parent / "xcube", "gen2", "--stores", "stores.json",
             "--output", "result.json", "request.json"],
            cwd=plain_folder, env=plain_environment, check=True,
            capture_output=True, timeout=PATIENCE_S,
        )  # fmt: skip
        took = time.perf_counter() - began
        assert (plain_folder / "plain.zarr").is_dir()
        return took

    return measure


def test_a_small_cube_is_made_faster_than_xcube_starts(report, cube_by_hub, cube_by_new_process):
    pairs = alternate(cube_by_hub, cube_by_new_process, rounds=5)
    report.ratio(
        "small cube, submission to result / new `xcube gen2`", pairs, unit="s", at_most=0.35
    )
