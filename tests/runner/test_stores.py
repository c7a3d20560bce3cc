"""Store readers: the real ones, over real files. What hangs there holds up no estimate."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S, wait_for

from .runnerprocess import Runner, call

pytestmark = pytest.mark.xcube

FILES = (".zmetadata", ".zgroup", ".zattrs", "zarr.json")
MAKE = """
import sys
from pathlib import Path
from xcube.core.new import new_cube
root = Path(sys.argv[1])
cube = new_cube(variables={"sst": 1.5}, width=36, height=18, x_res=10, y_res=10)
cube.to_zarr(root / "a.zarr", zarr_format=2)
cube.to_netcdf(root / "b.nc")
cube.to_zarr(root / "deep" / "c d.zarr", zarr_format=2)
cube.to_zarr(root.parent / "outside" / "secret.zarr", zarr_format=2)
"""


class Store:
    """A folder with data sets, and the readers that look into it."""

    def __init__(self, root: Path, runner: Runner) -> None:
        self.root, self.runner = root, runner

    def ask(
        self, do: str, *, limit_s: float = PATIENCE_S, root: Path | None = None, **more: Any
    ) -> Any:
        params = {"root": str(root or self.root), "max_depth": 3}
        body = {
            "do": do,
            "store": "s",
            "stores": {"s": {"store_id": "file", "store_params": params}},
        }
        status, answer = call(
            self.runner.stores, "POST", "/stores", {**body, **more, "limit_s": limit_s}
        )
        assert status == 200, answer
        return answer

    def ids(self, **more: Any) -> list[str]:
        answer = self.ask("list", **more)
        assert answer["status"] == "ok", answer
        return [data_id for data_id, _ in answer["ids"]]


@pytest.fixture(scope="module")
def template(xcube_forks: Any, tmp_path_factory: Any) -> Path:
    root = tmp_path_factory.mktemp("stores") / "root"
    root.mkdir()
    xcube_forks.run("-c", MAKE, root)
    return root.parent


@pytest.fixture(scope="module")
def reading_runner(xcube_python: Path) -> Any:
    runner = Runner(str(xcube_python), "--estimators", "1", "--estimate-limit", str(PATIENCE_S))
    runner.options += ("--stores-socket", str(runner.stores), "--store-readers", "1")
    yield runner.start()
    runner.close()


@pytest.fixture
def store(template: Path, reading_runner: Runner, tmp_path: Path) -> Store:
    shutil.copytree(template, tmp_path / "data")
    return Store(tmp_path / "data" / "root", reading_runner)


def test_what_a_folder_holds(store):
    answer = store.ask("list")
    found = [["a.zarr", "dataset"], ["b.nc", "dataset"], ["deep/c d.zarr", "dataset"]]
    assert [[name, kind] for name, kind in answer["ids"]] == found
    assert answer["is_complete"] and answer["has_root"]
    none = store.ask("list", root=store.root / "none")
    assert (none["ids"], none["has_root"]) == ([], False)


def test_odd_names_and_links_that_lead_out(store):
    outside = store.root.parent / "outside"
    (store.root / "link.zarr").symlink_to(outside / "secret.zarr")
    (store.root / "folder").symlink_to(outside)
    (store.root / "inside.zarr").symlink_to(store.root / "a.zarr")
    (store.root / "loop").symlink_to(store.root)
    os.mkdir(os.fsencode(store.root) + b"/bad-\xff.zarr")
    (store.root / "line\nbreak.zarr").mkdir()
    (store.root / "ö ü.zarr").mkdir()
    found = store.ids()
    assert {"a.zarr", "b.nc", "deep/c d.zarr", "inside.zarr", "ö ü.zarr"} <= set(found)
    assert not any("secret" in name or "link" in name or "bad" in name for name in found)
    for data_id in ("link.zarr", "folder/secret.zarr", "../outside/secret.zarr"):
        assert store.ask("describe", data_id=data_id)["kind"] == "missing", data_id
    assert store.ask("describe", data_id="inside.zarr")["status"] == "ok"


def test_a_data_set_is_described(store):
    for data_id in ("a.zarr", "b.nc", "deep/c d.zarr"):
        told = store.ask("describe", data_id=data_id)["description"]
        assert told["data_id"] == data_id
        assert told["bbox"] == [-180, -90, 180, 90]
        assert told["time_steps"] == 5
        assert told["variables"]["sst"]["dims"] == ["time", "lat", "lon"]


def test_what_cannot_be_described(store):
    (store.root / "empty.zarr").mkdir()
    (store.root / "text.nc").write_text("no NetCDF")
    (store.root / "a.zarr" / ".zmetadata").write_text("{")
    for data_id in ("empty.zarr", "text.nc", "a.zarr"):
        answer = store.ask("describe", data_id=data_id)
        assert (answer["status"], answer["kind"]) == ("error", "broken"), answer
        assert str(store.root) not in answer["message"]
    assert store.ask("describe", data_id="none.zarr")["kind"] == "missing"
    for bad in ({"do": "remove"}, {"do": "describe"}, {"do": "list", "store": "other"}):
        assert store.ask(**{"do": "list", **bad})["status"] == "error"


def test_what_hangs_is_given_up_and_holds_up_no_estimate(store):
    """A metadata file that no one writes to: to open it never ends by itself."""
    hanging = store.root / "hang.zarr"
    hanging.mkdir()
    for name in FILES:
        os.mkfifo(hanging / name)
    with ThreadPoolExecutor(1) as beside:
        late = beside.submit(store.ask, "describe", data_id="hang.zarr", limit_s=PATIENCE_S)
        assert store.runner.estimate({"request": {}, "stores": {}})["status"] == "error"
        assert not late.done(), "the only reader still waits"
        wait_for(lambda: release(hanging) or late.done())
        assert late.result(PATIENCE_S)["kind"] == "broken"
    answer = store.ask("describe", data_id="hang.zarr", limit_s=0.5)
    assert (answer["kind"], answer["status_code"]) == ("store", 504)
    assert "a.zarr" in store.ids(), "the reader is free again, or a new one"


def release(folder: Path) -> None:
    """Let whoever reads one of the files come to its end."""
    for name in FILES:
        try:
            os.close(os.open(folder / name, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            continue  # no one reads it


def test_parameters_as_xcube_has_them(store):
    answer = store.ask("parameters")
    openers = {opener["id"]: opener["schema"] for opener in answer["openers"]}
    assert "consolidated" in openers["dataset:zarr:file"]["properties"]
    assert "dataset:zarr:file" in {writer["id"] for writer in answer["writers"]}
