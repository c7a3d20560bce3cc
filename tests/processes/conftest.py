from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import migrated
from tests.benchmarks.hub import Hub

from .hubprocess import HubProcess
from .raw import Server


@pytest.fixture(scope="module")
def start_hub(tmp_path_factory) -> Iterator[Callable[..., HubProcess]]:
    """Starts hubs, each in a new data folder if none is given, and removes them at the end.

    `is_first`: the folder has no database yet.
    """
    with starting(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def few_threads(tmp_path_factory) -> Iterator[Server]:
    """One web process of three threads, with a store for each user."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "stores.yaml").write_text(
        f"cubes: {{store_id: file, store_params: {{root: {folder}/cubes}}, per_user: true}}\n"
    )
    with starting(tmp_path_factory) as start:
        hub = start(
            "--only", "web", "--port", "0", data_dir=folder, XCUBE_HUB_WEB_THREADS="3",
            XCUBE_HUB_STORES=str(folder / "stores.yaml"),
        )  # fmt: skip
        yield Server(hub)


@contextmanager
def starting(tmp_path_factory) -> Iterator[Callable[..., HubProcess]]:
    hubs: list[HubProcess] = []

    def start(
        *arguments: str, data_dir: Path | None = None, is_first: bool = False, **environment: str
    ) -> HubProcess:
        data_dir = data_dir or tmp_path_factory.mktemp("hub")
        if not is_first and "DATABASE_URL" not in environment:
            migrated.copy_database(data_dir / migrated.NAME)
        hubs.append(HubProcess(data_dir, *arguments, **environment))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.remove()


CATE = Path(__file__).resolve().parents[1] / "servers" / "cate.py"


@pytest.fixture(scope="session")
def whole_hub(tmp_path_factory, xcube_python, demo_cube) -> Iterator[Hub]:
    """A hub with all its parts and a stand-in of Cate, for tests that leave each other alone."""
    command = f"{xcube_python} {CATE} -v -b -p {{port}} -a {{address}} -s 86400 -r{{workspace}}"
    hub = Hub(
        tmp_path_factory.mktemp("whole"),
        xcube_python=xcube_python,
        demo_cube=demo_cube,
        settings={"XCUBE_HUB_CATE_COMMAND": command},
    )
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def hub(start_hub) -> HubProcess:
    """A hub without a runner, begun without a database, ready."""
    hub = start_hub("--without", "runner", "--port", "0", is_first=True)
    hub.wait_for("is ready: ")
    return hub
