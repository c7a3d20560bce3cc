"""A viewer that the runner forks, against the same xcube server started by itself."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.runner.system import linux
from tests.patience import PATIENCE_S
from tests.runner.conftest import demo_root  # noqa: F401
from tests.runner.runnerprocess import Runner, wait_for
from tests.runner.viewerclient import TILE, Viewers, fetch, workload
from tests.servers.ports import free_port

from .report import alternate

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

MOST_PRIVATE_BYTES = 60 << 20
CONFIGURATION = """\
DataStores:
  - Identifier: demo
    StoreId: file
    StoreParams: {{root: "{root}"}}
    Datasets: [{{Path: demo.zarr}}]
"""


@pytest.fixture
def viewers(bare_runner: Runner) -> Viewers:
    return Viewers(bare_runner)


@pytest.fixture
def forked(viewers: Viewers, demo_root: Path):  # noqa: F811
    """Milliseconds from the order to the first tile of a new viewer."""

    def measure() -> float:
        work = workload(demo_root)
        began = time.perf_counter()
        address = viewers.put(work)["address"]
        assert fetch(Path(address.removeprefix("unix:")), TILE)[0] == 200
        took = 1000 * (time.perf_counter() - began)
        viewers.delete(work["name"])
        viewers.until_gone(work["name"])
        return took

    return measure


@pytest.fixture
def woken(viewers: Viewers, demo_root: Path) -> Iterator[Callable[[], float]]:  # noqa: F811
    """Milliseconds from a request to its tile, for a viewer that was asleep."""
    work = workload(demo_root, is_asleep=True)
    viewers.put(work)

    def measure() -> float:
        nonlocal work
        began = time.perf_counter()
        assert fetch(viewers.socket(work["name"]), TILE)[0] == 200
        took = 1000 * (time.perf_counter() - began)
        work = viewers.change(work)
        claim = viewers.folder(work["name"]) / "supervisor.json"
        wait_for(lambda: not claim.exists())
        return took

    yield measure
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])


@pytest.fixture
def cold(xcube_python: Path, tmp_path: Path, demo_root: Path):  # noqa: F811
    """Milliseconds from the start of `xcube serve` to its first tile."""
    configuration = tmp_path / "server.yml"
    configuration.write_text(CONFIGURATION.format(root=demo_root))
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}

    def measure() -> float:
        port = free_port()
        began = time.perf_counter()
        process = subprocess.Popen(
            [xcube_python.parent / "xcube", "serve", "--config", configuration,
             "--address", "127.0.0.1", "--port", str(port)],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
        )  # fmt: skip
        try:
            wait_for(lambda: _answers(f"http://127.0.0.1:{port}{TILE}"), "answer of xcube serve")
            return 1000 * (time.perf_counter() - began)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE_S)

    return measure


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310
            return answer.status == 200
    except OSError:
        return False


def test_the_first_tile_of_a_new_viewer(report, forked, cold):
    pairs = alternate(forked, cold, rounds=3)
    report.ratio("first tile of a new viewer, cold server", pairs, at_most=0.5, unit="ms")


def test_the_first_tile_of_a_sleeper(report, woken, cold):
    pairs = alternate(woken, cold, rounds=3)
    report.ratio(
        "first tile of a viewer that was asleep, cold server", pairs, at_most=0.5, unit="ms"
    )


def test_the_private_memory_of_a_viewer(report, viewers, demo_root):  # noqa: F811
    works = [workload(demo_root) for _ in range(3)]
    used = []
    for work in copy.deepcopy(works):
        viewers.put(work)
        viewers.until(work["name"], "RUNNING")
        assert fetch(viewers.socket(work["name"]), TILE)[0] == 200
        pids = viewers.child(work["name"]), viewers.supervisor(work["name"])
        used.append(sum(linux.private_bytes(pid) for pid in pids))
    largest = max(used) / 2**20
    report.measured(
        "private memory of a viewer and its supervisor, MiB",
        round(largest, 1),
        limit=f"≤ {MOST_PRIVATE_BYTES >> 20}",
        holds=largest <= MOST_PRIVATE_BYTES >> 20,
    )
