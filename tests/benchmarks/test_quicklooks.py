"""A small job with quick-looks against the same job without: its time, and its processor time."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runner.conftest import demo_root, request_body, stores  # noqa: F401
from tests.runner.podprocess import Hub
from tests.runner.runnerprocess import Runner, wait_for

from .report import Pairs
from .sizes import IS_SMOKE

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]


@pytest.fixture
def measure(bare_runner: Runner, stores, request_body) -> Iterator[Callable]:  # noqa: F811
    """(seconds until the job has ended, seconds of processor time until all of it is over)."""
    hub, numbers = Hub(), itertools.count()

    def run(*, quicklooks: bool) -> tuple[float, float]:
        request_body["output_config"]["data_id"] = f"cube-{next(numbers)}.zarr"
        work = {"kind": "cubegen", "request": request_body, "stores": stores}
        before, began = _of_children(bare_runner), time.perf_counter()
        name = bare_runner.launch(
            {**work, "quicklooks": quicklooks}, report={**hub.report, "token": "a-token"}
        )
        assert bare_runner.end_of(name)["phase"] == "SUCCEEDED"
        took = time.perf_counter() - began
        bare_runner.delete(name)
        wait_for(lambda: name not in [run["name"] for run in bare_runner.list()["runs"]])
        return took, _of_children(bare_runner) - before

    def has_looks() -> bool:
        """They have 5 s: a busy machine may need some tries."""
        run(quicklooks=True)
        return any("quicklook" in report for report in hub.reports)

    wait_for(has_looks)
    yield run
    hub.close()


def _of_children(runner: Runner) -> float:
    """Processor time of the runner's ended children, and theirs."""
    assert runner.process
    fields = Path(f"/proc/{runner.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def test_nobody_waits_for_the_pictures(report, measure):
    took, used = Pairs([], []), Pairs([], [])
    for number in range(1 if IS_SMOKE else 10):
        for with_looks in (True, False) if number % 2 else (False, True):
            seconds, processor = measure(quicklooks=with_looks)
            (took.subject if with_looks else took.baseline).append(seconds)
            (used.subject if with_looks else used.baseline).append(processor)
    report.ratio("small job with quick-looks / without", took, unit="s", at_most=1.15)
    report.ratio("processor time of the same", used, unit="s", at_most=1.6)
