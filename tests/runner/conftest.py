"""Fixtures: demo cubes, one runner that most tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.forks import Forks

from .runnerprocess import Runner

WRITTEN = Path(__file__).with_name("written.py")
DEMO = """
import sys
from xcube.core.new import new_cube
cube = new_cube(width=128, height=64, x_res=360 / 128, time_periods=12, time_freq="D",
                time_start="2010-01-01",
                variables={"sst": 280.5, "chl": lambda t, y, x: t + y + x})
cube.to_zarr(sys.argv[1], zarr_format=2)
"""


@pytest.fixture(scope="session")
def runner(xcube_python: Path) -> Iterator[Runner]:
    runner = Runner(str(xcube_python), "--estimators", "2", "--estimate-limit", "60").start()
    yield runner
    runner.close()


@pytest.fixture
def own_runner(xcube_python: Path) -> Iterator[Runner]:
    """A runner for tests that end it; not yet started."""
    runner = Runner(str(xcube_python), "--estimators", "1")
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def demo_root(xcube_forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    xcube_forks.run("-c", DEMO, root / "demo.zarr")
    return root


@pytest.fixture(scope="session")
def odd_root(xcube_forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Odd but legal datasets, as `written.py` makes them."""
    root = tmp_path_factory.mktemp("odd")
    xcube_forks.run("file", WRITTEN, "make", root)
    return root


@pytest.fixture
def stores(demo_root: Path, tmp_path: Path) -> dict[str, Any]:
    def file_store(root: Path) -> dict[str, Any]:
        return {"store_id": "file", "store_params": {"root": str(root)}}

    return {"demo": file_store(demo_root), "out": file_store(tmp_path / "out")}


@pytest.fixture
def request_body() -> dict[str, Any]:
    """A small cube generation request."""
    return {
        "input_config": {"store_id": "@demo", "data_id": "demo.zarr"},
        "cube_config": {
            "variable_names": ["sst", "chl"],
            "bbox": [-180, -90, 180, 90],
            "spatial_res": 360 / 128,
            "time_range": ["2010-01-01", "2010-01-12"],
            "time_period": "1D",
        },
        "output_config": {"store_id": "@out", "data_id": "cube.zarr"},
    }
