"""Payloads of the hub in the real program: what it serves, and what it must not read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from services.models import State
from services.running.workload import build_service
from tests.runner.runnerprocess import wait_for
from tests.services.factories import make_instance

from .viewerprocess import running_viewer

pytestmark = [pytest.mark.django_db, pytest.mark.xcube]

LEVELS = """
import sys, xarray
from xcube.core.mldataset import BaseMultiLevelDataset
from xcube.core.store import new_data_store
store = new_data_store("file", root=sys.argv[1])
cube = xarray.open_zarr(sys.argv[2])
store.write_data(BaseMultiLevelDataset(cube), "pyramid.levels", zarr_format=2, num_levels=2)
"""


@pytest.fixture
def payload(stores, ada):
    def build(configuration):
        instance = make_instance(ada, state=State.STARTING, configuration=configuration)
        return build_service(instance).payload

    return build


def point_link(levels: Path, target: str) -> None:
    """Let the first level of a pyramid be a link."""
    shutil.rmtree(levels / "0.zarr", ignore_errors=True)
    (levels / "0.link").write_text(target)


def test_good_data_is_shown_beside_broken_and_foreign_data(
    xcube_python, xcube_forks, demo_cube, payload, ada, tmp_path
) -> None:
    cubes, others = tmp_path / "cubes", tmp_path / "users" / "ben"
    shutil.copytree(demo_cube, cubes / "demo.zarr")
    shutil.copytree(demo_cube, others / "secret.zarr")
    mine = tmp_path / "users" / ada.username
    mine.mkdir()
    xcube_forks.run("-c", LEVELS, cubes, demo_cube)
    for name in ("good", "up", "absolute", "own_path"):
        shutil.copytree(cubes / "pyramid.levels", mine / f"{name}.levels")
    shutil.copytree(demo_cube, mine / "cube.zarr")
    point_link(mine / "good.levels", "../cube.zarr")
    point_link(mine / "up.levels", "../../ben/secret.zarr")
    point_link(mine / "absolute.levels", str(others / "secret.zarr"))
    point_link(mine / "own_path.levels", f"{mine}/own_path.levels/../../ben/secret.zarr")
    os.symlink(others / "secret.zarr", mine / "symbolic.zarr")
    (cubes / "broken.zarr").mkdir()
    (cubes / "broken.zarr" / ".zgroup").write_text("{")
    built = payload(
        {
            "DataStores": [
                {"StoreId": "@cubes"},
                {"StoreId": "@mine"},
                {"StoreId": "@keys", "Datasets": [{"Path": "gone.zarr"}]},
            ],
            "DatasetAttribution": "ours",
        }
    )
    built["config"]["DataStores"][2]["StoreParams"]["storage_options"] |= {
        "client_kwargs": {"endpoint_url": "http://127.0.0.1:9"}
    }
    with running_viewer(xcube_python, tmp_path / "viewer", built) as viewer:
        expected = {"cubes~demo.zarr", "cubes~pyramid.levels", "mine~good.levels", "mine~cube.zarr"}
        wait_for(lambda: set(viewer.datasets()) >= expected)
        assert set(viewer.datasets()) == expected
        broken = viewer.status()["broken"]
        outside = {name for name, why in broken.items() if "outside of its data store" in why}
        assert outside == {
            "mine~up.levels", "mine~absolute.levels", "mine~own_path.levels", "mine~symbolic.zarr",
        }  # fmt: skip
        assert {"cubes~broken.zarr", "keys~gone.zarr"} <= set(broken)
        assert str(tmp_path) not in str(broken)
        assert viewer.get("/viewer/config/config.json")[1] == built["viewer"]
        assert built["public_url"] in str(viewer.datasets()["cubes~demo.zarr"]["variables"])
        # What comes and goes is seen at the next refresh.
        shutil.copytree(demo_cube, cubes / "late.zarr")
        shutil.rmtree(cubes / "demo.zarr")
        viewer.refresh()
        assert {"cubes~late.zarr"} <= set(viewer.datasets())
        assert "cubes~demo.zarr" not in viewer.datasets()
