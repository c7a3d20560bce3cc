"""Fixtures for all: the real runner with real xcube, a demo cube, a hub on a free port."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts.tokens import last_use
from hubsite import switches
from hubsite.audit.changing import changing
from hubsite.coordination import failures
from hubsite.engines import draining
from hubsite.engines.local import paths
from hubsite.engines.local.connection import SocketUnavailable, call
from hubsite.health import heartbeat, parts
from jobs.prediction import asking
from jobs.queue import ordering
from tests.clock import Clock
from tests.migrated import copy_database
from tests.patience import PATIENCE_S
from tests.servers import forks, logs
from tests.servers.keycloak import Keycloak, keycloak
from tests.servers.missing import missing

# No limits of time for generated examples: a busy machine would make tests fail.
hypothesis.settings.register_profile(
    "hub", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("hub")

CHECKOUT = Path(__file__).resolve().parent.parent

DEMO_CUBE = """
import sys, numpy as np
from xcube.core.new import new_cube
cube = new_cube(
    width=36, height=18, x_res=10, x_start=-180, y_start=-90, time_periods=6, time_freq="D",
    time_start="2020-01-01",
    variables={"sst": 280.5, "chl": lambda t, y, x: np.float64(t * 1000 + y * 36 + x)},
)
cube.to_zarr(sys.argv[1], zarr_format=2, consolidated=True)
"""


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What failed with a server of the test shows what the server said meanwhile."""
    report = yield
    if report.failed:
        report.sections += logs.tails(since=call.start)
    return report


@pytest.fixture(autouse=True)
def read_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every service is open, no engine is drained, as if that had just been read.

    So counts of queries are the same.
    """
    monkeypatch.setattr(switches, "_kept", (float("inf"), {}))
    monkeypatch.setattr(draining, "_kept", (float("inf"), {}))


@pytest.fixture(autouse=True)
def nothing_is_over_meanwhile(request: pytest.FixtureRequest, monkeypatch) -> None:
    """Heartbeats, windows of tries and what a process remembers last until a test has ended.

    On a busy machine some seconds, or the end of a minute, may come anywhere in it. Nothing is
    remembered from the test before.
    """
    parts.forget()
    asking.forget()
    began = time.time()
    monkeypatch.setattr(failures, "time", SimpleNamespace(time=lambda: began))
    for module in (heartbeat, ordering, asking):
        monkeypatch.setattr(module, "STALE_AFTER", timedelta(hours=1))
    if request.node.get_closest_marker("xcube") is None:  # those wait for what changes
        for module in (parts, asking):
            monkeypatch.setattr(module, "KEPT_S", float("inf"))


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The file is in this run's data folder, which goes with it."""
    return settings.IS_SQLITE


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Begin with the migrations applied."""
    if settings.IS_SQLITE:
        copy_database(Path(settings.DATABASES["default"]["TEST"]["NAME"]))


@pytest.fixture(autouse=True, scope="session")
def tests_may_empty_the_audit() -> Iterator[None]:
    """Django empties all tables after a test with transactions; the audit's refuses it."""
    operations = type(connection.ops)
    empty = operations.execute_sql_flush

    def execute_sql_flush(self: Any, statements: Any) -> None:
        with changing():
            empty(self, statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", execute_sql_flush)
        yield


@pytest.fixture(autouse=True)
def last_uses_are_not_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a minute some request writes which tokens were used: no test's, unless it says so."""
    monkeypatch.setattr(last_use, "_written_at", float("inf"))


@pytest.fixture(autouse=True, scope="session")
def static_files_are_found_once() -> Iterator[None]:
    """Each client of a test loads the middleware anew; the static files stay the same ones.

    To find them took most of the time of all tests with a request.
    """
    find = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[tuple[str, int | None], dict] = {}

    def add_files(middleware: WhiteNoiseMiddleware) -> None:
        key = (middleware.static_prefix, middleware.max_age)
        if key not in found:
            find(middleware)
            found[key] = {**middleware.files}
        middleware.files.update(found[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add_files)
        yield


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The hub's clock, which a test moves. That of the database goes on as ever."""
    made = Clock(timezone.now())
    monkeypatch.setattr(timezone, "now", made)
    return made


@pytest.fixture(scope="session")
def xcube_python() -> Path:
    python = settings.HUB["XCUBE_HUB_XCUBE_PYTHON"]
    if not os.access(python, os.X_OK):
        missing(f"xcube is not installed at {python}: run `make xcube`")
    return python


@pytest.fixture(scope="session")
def xcube_forks(xcube_python: Path) -> Iterator[forks.Forks]:
    """Runs scripts that need xcube, in forks: cheaper than a process for each."""
    xcube = forks.xcube_forks(xcube_python)
    yield xcube
    xcube.close()


@pytest.fixture(scope="session")
def keycloak_server() -> Iterator[Keycloak]:
    """One for all tests of a run: it takes half a minute of processor time to start."""
    with keycloak() as server:
        yield server


@pytest.fixture(scope="session")
def demo_cube(xcube_forks: forks.Forks) -> Path:
    """A small global cube in `@demo` and `@free`: 6 days, 36 x 18 pixels, 2 variables."""
    path = settings.DATA_DIR / "source" / "demo.zarr"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        xcube_forks.run("-c", DEMO_CUBE, path)
    return path


@pytest.fixture(scope="session")
def runner(xcube_python: Path) -> Iterator[subprocess.Popen]:
    """The runner with xcube imported, at the sockets of this test run's data folder."""
    process = start_runner(xcube_python)
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=PATIENCE_S)


def start_runner(xcube_python: Path, *options: str) -> subprocess.Popen:
    """Start a runner and wait until it answers. What it says is shown when a test fails."""
    said = settings.DATA_DIR / "runner.log"
    logs.show_on_failure(said)
    process = subprocess.Popen(
        [
            xcube_python,
            "-m",
            "jobs.runner",
            "serve",
            "--socket",
            paths.control_socket(),
            "--estimate-socket",
            paths.estimate_socket(),
            "--stores-socket",
            paths.stores_socket(),
            "--runs-dir",
            paths.runs_dir(),
            "--services-dir",
            paths.services_dir(),
            "--estimators",
            "2",
            *options,
        ],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYTHONPATH": str(CHECKOUT)},
        cwd=settings.DATA_DIR,
        stderr=sys.stderr if os.environ.get("SHOW_RUNNER") else said.open("ab"),
    )
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the runner ended with {process.returncode}: {said.read_text()}")
        try:
            call(paths.control_socket(), "GET", "/", timeout_s=2)
            call(paths.estimate_socket(), "GET", "/versions", timeout_s=PATIENCE_S)
        except SocketUnavailable:
            time.sleep(0.1)
        else:
            return process
    process.kill()
    raise RuntimeError("the runner did not answer")
