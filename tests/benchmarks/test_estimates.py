"""What the service adds to an estimate, and what a warm runner saves.

Both sides open the same cube for the same request and say the same; xcube by itself asks neither
for a token nor for a price. (The hub may even be ahead: its estimators have xcube's schemas
checked once and dask without threads.)
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pytest

from tests.jobs.factories import cubegen_request
from tests.patience import PATIENCE_S

from .hub import CHECKOUT
from .report import alternate
from .sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

CALLS = size(15, 2)


class Timed:
    """Times a call; keeps its last answer, so that both sides can be seen to do the same."""

    def __init__(self, call: Callable[[int], tuple[list[float], Any]]) -> None:
        self._call = call
        self.answer: Any = None
        self()  # warmed up

    def __call__(self) -> float:
        """The median of `CALLS`, in seconds."""
        took, self.answer = self._call(CALLS)
        return median(took)


@pytest.fixture
def by_hub(hub) -> Timed:
    """A warm estimate over HTTP."""
    session = hub.new_user("estimates@example.org")

    def call(count: int) -> tuple[list[float], Any]:
        took = []
        for _ in range(count):
            request = cubegen_request("plain.zarr")
            seconds, answer = session.timed("POST", "/cubegens/info", request)
            took.append(seconds)
        return took, answer["result"]

    return Timed(call)


@pytest.fixture
def in_process(xcube_python, plain_folder, plain_environment) -> Iterator[Timed]:
    """The same inside one Python process, xcube as it is."""
    program = CHECKOUT / "tests" / "benchmarks" / "plain_xcube.py"
    process = subprocess.Popen(
        [xcube_python, program, "stores.json", "request.json"],
        cwd=plain_folder,
        env=plain_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def call(count: int) -> tuple[list[float], Any]:
        process.stdin.write(f"{count}\n")
        process.stdin.flush()
        took, answer = json.loads(process.stdout.readline())
        return took, answer["result"]

    yield Timed(call)
    process.stdin.close()
    process.wait(timeout=PATIENCE_S)


@pytest.fixture
def by_new_process(xcube_python, plain_folder, plain_environment):
    """Seconds of `xcube gen2 --info`, from its start to its end."""

    def measure() -> float:
        began = time.perf_counter()
        subprocess.run(
            [xcube_python.parent / "xcube", "gen2", "--info", "--stores", "stores.json",
             "--output", "info.json", "request.json"],
            cwd=plain_folder, env=plain_environment, check=True,
            capture_output=True, timeout=PATIENCE_S,
        )  # fmt: skip
        return time.perf_counter() - began

    return measure


def test_a_warm_estimate_costs_little_more_than_the_call_inside_python(report, by_hub, in_process):
    for part in ("data_id", "crs", "bbox", "dims"):  # the hub counts sizes itself
        cubes = [
            answer["dataset_descriptor"][part] for answer in (by_hub.answer, in_process.answer)
        ]
        assert cubes[0] == cubes[1]
    pairs = alternate(by_hub, in_process, rounds=7)
    report.ratio(
        "estimate over HTTP / the same call inside a warm Python", pairs, unit="s", at_most=4
    )


def test_a_warm_estimate_is_much_faster_than_a_process_of_its_own(report, by_hub, by_new_process):
    pairs = alternate(by_hub, by_new_process, rounds=3)
    report.ratio("estimate over HTTP / new `xcube gen2 --info`", pairs, unit="s", at_most=0.06)
