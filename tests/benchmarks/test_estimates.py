"""What the service adds to an estimate, and what a warm runner saves.

Both sides open the same cube for the same request; xcube by itself asks neither for a token
nor for a price.
"""

from __future__ import annotations

import json
import subprocess
import time
from statistics import median

import pytest

from tests.jobs.factories import cubegen_request

from .hub import CHECKOUT
from .report import alternate

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

CALLS = 15


@pytest.fixture
def estimate_by_hub(hub):
    """Seconds of a warm estimate over HTTP; the median of `CALLS`."""
    session = hub.new_user("estimates@example.org")

    def measure() -> float:
        took = []
        for _ in range(CALLS):
            began = time.perf_counter()
            status, answer = session.call("POST", "/cubegens/info", cubegen_request("plain.zarr"))
            took.append(time.perf_counter() - began)
            assert status == 200, answer
        return median(took)

    measure()
    return measure


@pytest.fixture
def estimate_in_process(xcube_python, plain_folder, plain_environment):
    """Seconds of the same inside one Python process, warmed up; the median of `CALLS`."""
    program = CHECKOUT / "tests" / "benchmarks" / "plain_xcube.py"
    process = subprocess.Popen(
        [xcube_python, program, "stores.json", "request.json"],
        cwd=plain_folder,
        env=plain_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def measure() -> float:
        process.stdin.write(f"{CALLS}\n")
        process.stdin.flush()
        return median(json.loads(process.stdout.readline()))

    measure()
    yield measure
    process.stdin.close()
    process.wait(timeout=30)


@pytest.fixture
def estimate_by_new_process(xcube_python, plain_folder, plain_environment):
    """Seconds of `xcube gen2 --info`, from its start to its end."""

    def measure() -> float:
        began = time.perf_counter()
        subprocess.run(
            [xcube_python.parent / "xcube", "gen2", "--info", "--stores", "stores.json",
             "--output", "info.json", "request.json"],
            cwd=plain_folder, env=plain_environment, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        return time.perf_counter() - began

    return measure


def test_a_warm_estimate_costs_little_more_than_the_call_inside_python(
    report, estimate_by_hub, estimate_in_process
):
    pairs = alternate(estimate_by_hub, estimate_in_process, rounds=7)
    report.ratio(
        "estimate over HTTP / the same call inside a warm Python", pairs, unit="s", at_most=4
    )


def test_a_warm_estimate_is_much_faster_than_a_process_of_its_own(
    report, estimate_by_hub, estimate_by_new_process
):
    pairs = alternate(estimate_by_hub, estimate_by_new_process, rounds=3)
    report.ratio("estimate over HTTP / new `xcube gen2 --info`", pairs, unit="s", at_most=0.06)
