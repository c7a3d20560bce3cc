"""Hubs of real processes, and the table of what was measured."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.factories import cubegen_request
from tests.kubernetes.conftest import cluster, say, simulated_node  # noqa: F401
from tests.runner.runnerprocess import Runner
from tests.servers.ports import free_port

from .hub import Hub, Server, Session
from .report import Report
from .sizes import size


class BareSite(Server):
    """The bare site on the database of `web`, with as many processes and threads."""

    def __init__(self, web: Hub) -> None:
        self.port = free_port()
        environment = {
            **{key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ},
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.bare_settings",
            "BARE_DATABASE_URL": web.environment.get(
                "DATABASE_URL", f"sqlite:///{web.folder}/hub.sqlite3"
            ),
        }
        argv = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}",
                "--worker-class", "gthread", "--workers", "2", "--threads", "24",
                "--keep-alive", "5", "tests.benchmarks.bare_site:application"]  # fmt: skip
        super().__init__(argv, env=environment, log=web.folder / "bare.log")
        try:
            self.until_logged(r"Listening at")
        except BaseException:
            self.stop()
            raise


_REPORT = pytest.StashKey[Report]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    report = config.stash.get(_REPORT, None)
    if report and report.lines:
        terminalreporter.write(f"\n{report}\n")


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    return pytestconfig.stash.setdefault(_REPORT, Report())


@pytest.fixture(scope="session")
def hub(tmp_path_factory, xcube_python: Path, demo_cube: Path) -> Iterator[Hub]:
    """A whole hub that answers estimates: web, worker, observer, runner."""
    folder = tmp_path_factory.mktemp("hub")
    hub = Hub(folder, xcube_python=xcube_python, demo_cube=demo_cube)
    try:
        hub.until_estimates(hub.new_user("first@example.org"), cubegen_request())
        yield hub
    finally:
        hub.stop()


@pytest.fixture(scope="session")
def bare_runner(xcube_python: Path) -> Iterator[Runner]:
    """A runner without a hub, and without estimates."""
    runner = Runner(str(xcube_python), "--estimators", "0").start()
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def web(tmp_path_factory, xcube_python: Path, demo_cube: Path) -> Iterator[Hub]:
    """The web part by itself: what is read changes only as the benchmark changes it."""
    folder = tmp_path_factory.mktemp("web")
    hub = Hub(folder, xcube_python=xcube_python, demo_cube=demo_cube, only=("web",))
    yield hub
    hub.stop()


@pytest.fixture(scope="session")
def reader(web: Hub) -> Session:
    """A user of `web`'s."""
    return web.new_user("reader@example.org")


@pytest.fixture(scope="session")
def filled(web: Hub, reader: Session) -> dict[str, Any]:
    """Jobs of the reader: `job_id` runs for ever, `ended_job_id` has ended with a long log."""
    return _fill(web, users=0, jobs=0)


@pytest.fixture(scope="session")
def running_job(filled: dict[str, Any]) -> str:
    return filled["job_id"]


@pytest.fixture(scope="session")
def crowd(web: Hub, filled: dict[str, Any]) -> list[str]:
    """100,000 more jobs in the database of `web`; tokens of the 200 users who own them."""
    return _fill(web, users=size(200, 4), jobs=size(100_000, 2_000))["tokens"]


def _fill(web: Hub, *, users: int, jobs: int) -> dict[str, Any]:
    printed = web.python("-m", "tests.benchmarks.fill", "reader@example.org", str(users), str(jobs))
    return json.loads(printed)


@pytest.fixture(scope="session")
def bare(web: Hub) -> Iterator[BareSite]:
    """The bare site on the database of `web`."""
    site = BareSite(web)
    yield site
    site.stop()


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory, demo_cube: Path) -> Path:
    """Where xcube by itself finds the same stores (stores.json) and request (request.json)."""
    folder = tmp_path_factory.mktemp("plain")
    stores = {
        "demo": {"store_id": "file", "store_params": {"root": str(demo_cube.parent)}},
        "cubes": {"store_id": "file", "store_params": {"root": str(folder)}},
    }
    (folder / "stores.json").write_text(json.dumps(stores))
    (folder / "request.json").write_text(json.dumps(cubegen_request("plain.zarr")))
    return folder


@pytest.fixture(scope="session")
def plain_environment() -> dict[str, str]:
    """For processes of xcube's own: nothing of the hub."""
    return {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
