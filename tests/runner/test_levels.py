"""Pyramids beside cubes: what is written is what is priced, viewers can open it, and neither
the cube nor the pyramid stays if the run does not end well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers.forks import Forks

from .conftest import WRITTEN
from .runnerprocess import Runner, wait_for
from .test_outputs import files, remove, stop
from .test_pricing import body
from .test_xcube import cubegen

pytestmark = pytest.mark.xcube

TILES = {"tile_size": [4, 3]}
CASES: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "no tiles": ("y2020", {}, {}),
    "tiles": ("y2020", TILES, {}),
    "one time step in a chunk": ("y2020", {"tile_size": [2, 2], "chunks": {"time": 1}}, {}),
    "depths, labels and profiles": ("odd", TILES, {}),
    "an odd area": ("y2020", {"bbox": [2, 2, 15, 9], "tile_size": [3, 2]}, {}),
    "resampled": ("y2020", {"bbox": [2, 2, 8, 6], "spatial_res": 0.3, **TILES}, {}),
    "projected": ("utm", TILES, {}),
    "to metres": (
        "y2020",
        {
            "crs": "EPSG:3857",
            "bbox": [0, 0, 2_000_000, 1_000_000],
            "spatial_res": 50_000,
            "tile_size": [5, 5],
        },
        {},
    ),
    "x before y": ("time-x-y", TILES, {}),
    "south first": ("south-first", TILES, {}),
    "union of pixels": (("y2019", "larger"), {"tile_size": [5, 5], "chunks": {"time": 4}}, {}),
    "any types": ("types", {**TILES, "chunks": {"time": 1}}, {}),
    "odd names": ("names", TILES, {}),
    "another calendar": ("360-days", TILES, {}),
    "four pixels": ("tiny", {"tile_size": [2, 2]}, {}),
    "Zarr 3": ("zarr3", TILES, {}),
    "Zarr 3 of Zarr 2": ("y2020", TILES, {"zarr_format": 3}),
    "packed": ("y2020", TILES, {"encoding": {"a": {"dtype": "int16", "scale_factor": 0.1}}}),
    "not consolidated": ("y2020", TILES, {"consolidated": False}),
}


@pytest.fixture(scope="module")
def places(odd_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    roots = {"odd": odd_root, "out": tmp_path_factory.mktemp("pyramids")}
    return {n: {"store_id": "file", "store_params": {"root": str(r)}} for n, r in roots.items()}


@pytest.fixture(scope="module")
def pyramids(runner: Runner, xcube_forks: Forks, places: dict[str, Any]) -> dict[str, Any]:
    """By case: the estimate's answer, the end of the run, and what was written."""
    answers, payloads, names = {}, {}, []
    for number, (name, (inputs, config, params)) in enumerate(CASES.items()):
        output = {"data_id": f"{number}.zarr", "write_params": {**params, "levels": True}}
        request = body(inputs, config, **output)
        answers[name] = runner.estimate({"request": request, "stores": places})
        assert answers[name]["status"] == "ok", (name, answers[name])
        payload = {"kind": "cubegen", "request": request, "stores": places, "code": None}
        payloads[name] = {**payload, "admitted_cells": cells(answers[name])}
        names.append(f"{number}.zarr")
    ends = runner.ends_of(payloads)
    for name, ended in ends.items():
        assert ended["phase"] == "SUCCEEDED", (name, ended)
    root = places["out"]["store_params"]["root"]
    done = xcube_forks.run("file", WRITTEN, "levels", root, *names)
    written = json.loads(done.stdout.splitlines()[-1])
    return {n: (answers[n], ends[n], *w) for n, w in zip(CASES, written, strict=True)}


def cells(answer: dict[str, Any]) -> int:
    sizes = [answer["written"], *answer["written"]["levels"]]
    return sum(size["images"] * size["width"] * size["height"] for size in sizes)


@pytest.mark.parametrize("name", CASES)
def test_the_pyramid_is_priced_as_it_is_written(pyramids, name):
    answer, ended, faults, (cube, *levels) = pyramids[name]
    assert faults == []
    sizes = [
        [level[n] for n in ("images", "width", "height")] for level in answer["written"]["levels"]
    ]
    assert sizes == levels
    assert cube == [answer["written"][n] for n in ("images", "width", "height")]
    assert answer["result"]["levels"]["image_sizes"] == [size[1:] for size in (cube, *levels)]
    assert ended["written_cells"] == sum(i * w * h for i, w, h in (cube, *levels))


def test_there_are_levels_until_one_fits_into_a_tile(pyramids):
    sizes = {
        name: answer["result"]["levels"]["image_sizes"] for name, (answer, *_) in pyramids.items()
    }
    assert sizes["no tiles"] == [[20, 10]]
    assert sizes["tiles"] == [[20, 10], [10, 5], [5, 3]]
    assert sizes["one time step in a chunk"] == [[20, 10], [10, 5], [5, 3], [3, 2]]


def test_an_image_larger_than_512_pixels_in_one_chunk_has_levels(runner, places, xcube_forks):
    script = (
        "import sys; sys.path[:0] = sys.argv[1:2]; import written;"
        "written.cube(written.january(2020, 1), res=0.01, width=1300, height=1030)"
        ".to_zarr(sys.argv[2], zarr_format=2, mode='w')"
    )
    path = f"{places['odd']['store_params']['root']}/wide.zarr"
    xcube_forks.run("-c", script, WRITTEN.parent, path)
    config = {"chunks": {"lat": 1030, "lon": 1300}}
    request = body("wide", config, data_id="wide.zarr", write_params={"levels": True})
    answer = runner.estimate({"request": request, "stores": places})
    assert answer["result"]["levels"]["tile_size"] == [512, 512]
    assert answer["result"]["levels"]["image_sizes"] == [[1300, 1030], [650, 515], [325, 258]]
    ended = runner.end_of(runner.launch({"kind": "cubegen", "request": request, "stores": places}))
    assert ended["phase"] == "SUCCEEDED", ended
    assert ended["written_cells"] == cells(answer)
    root = places["out"]["store_params"]["root"]
    done = xcube_forks.run("file", WRITTEN, "levels", root, "wide.zarr")
    assert json.loads(done.stdout.splitlines()[-1])[0][0] == []


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def asking(request_body: dict[str, Any]) -> dict[str, Any]:
    """A small request with a pyramid."""
    request_body["cube_config"]["tile_size"] = [32, 32]
    request_body["output_config"]["write_params"] = {"levels": True}
    return request_body


def take_back(runner: Runner, name: str, stores: Any) -> list[bool]:
    return [remove(runner, name, stores, f"cube.{e}")["removed"] for e in ("zarr", "levels")]


def test_a_run_that_is_ended_while_it_writes_the_pyramid_leaves_nothing(
    runner, stores, asking, out
):
    name = runner.launch(cubegen(with_endless_level(asking), stores))
    wait_for(lambda: (out / "cube.levels" / "1.zarr").exists())
    stop(runner, name)
    run = runner.end_of(name)
    assert (run["phase"], run["wrote"]) == ("FAILED", True), run
    claims = [file for file in files(out) if file.endswith(".xcube-hub")]
    assert claims == [".cube.levels.xcube-hub", ".cube.zarr.xcube-hub"]
    assert take_back(runner, name, stores) == [True, True]
    assert files(out) == []
    assert take_back(runner, name, stores) == [False, False]


def with_endless_level(request: dict[str, Any]) -> dict[str, Any]:
    """Code of the caller's own that hangs whenever a level is computed from the cube."""
    code = (
        "import time\n"
        "from xcube.core.mldataset import base\n"
        "def hang(*args, **options):\n"
        "    time.sleep(600)\n"
        "def stay(cube):\n"
        "    make = base.subsample_dataset\n"
        "    def slow(dataset, step, **options):\n"
        "        return make(dataset, step, **options) if step < 4 else hang()\n"
        "    base.subsample_dataset = slow\n"
        "    return cube\n"
    )
    return {**request, "code_config": {"callable_ref": "user_code:stay", "inline_code": code}}


def test_if_the_pyramid_fails_the_job_fails(runner, stores, asking, out):
    (out / "cube.levels").parent.mkdir(parents=True, exist_ok=True)
    (out / "cube.levels").write_text("what is no folder is in the way")
    asking["output_config"]["replace"] = True
    code = (
        "from xcube.core.mldataset import base\n"
        "def fail(*args, **options):\n"
        "    raise ValueError('no more')\n"
        "def stay(cube):\n"
        "    base.subsample_dataset = fail\n"
        "    return cube\n"
    )
    asking["code_config"] = {"callable_ref": "user_code:stay", "inline_code": code}
    name = runner.launch(cubegen(asking, stores))
    run = runner.end_of(name)
    assert (run["phase"], run["reason"], run["wrote"]) == ("FAILED", "XCUBE_ERROR", True), run
    assert "cube.zarr/.zattrs" in files(out)
    assert take_back(runner, name, stores) == [True, True]
    assert files(out) == []


def test_a_pyramid_that_exists_is_not_written_over(runner, stores, asking, out):
    (out / "cube.levels").mkdir(parents=True)
    (out / "cube.levels" / "precious").write_text("x")
    answer = runner.estimate({"request": asking, "stores": stores})
    assert (answer["output_exists"], answer["levels_exist"]) == (False, True)
    name = runner.launch(cubegen(asking, stores))
    run = runner.end_of(name)
    assert (run["phase"], run["wrote"]) == ("FAILED", False), run
    assert take_back(runner, name, stores) == [False, False]
    assert files(out) == ["cube.levels/precious"]


def test_a_replaced_pyramid_has_nothing_of_the_old_one(runner, stores, asking, out):
    finest = {**asking, "cube_config": {**asking["cube_config"], "tile_size": [8, 8]}}
    assert runner.end_of(runner.launch(cubegen(finest, stores)))["phase"] == "SUCCEEDED"
    assert (out / "cube.levels" / "3.zarr").exists()
    assert not [file for file in files(out) if file.endswith(".xcube-hub")]
    asking["output_config"]["replace"] = True
    assert runner.end_of(runner.launch(cubegen(asking, stores)))["phase"] == "SUCCEEDED"
    assert sorted(p.name for p in (out / "cube.levels").iterdir()) == [
        ".zlevels",
        "0.link",
        "1.zarr",
    ]


@pytest.mark.parametrize("change", [{"replace": True}, {"write_params": {"append_dim": "time"}}])
def test_a_pyramid_of_a_cube_that_is_changed_without_one_goes(runner, stores, asking, out, change):
    assert runner.end_of(runner.launch(cubegen(asking, stores)))["phase"] == "SUCCEEDED"
    (out / "other.levels").mkdir()
    asking["output_config"] = {"store_id": "@out", "data_id": "cube.zarr", **change}
    asking["cube_config"]["tile_size"] = [32, 32]
    assert runner.end_of(runner.launch(cubegen(asking, stores)))["phase"] == "SUCCEEDED"
    assert sorted(p.name for p in out.iterdir()) == ["cube.zarr", "other.levels"]


def test_a_pyramid_of_another_cube_stays(runner, stores, asking, out):
    pyramid = out / "cube.levels"
    pyramid.mkdir(parents=True)
    (pyramid / "0.link").write_text("../another.zarr")
    asking["output_config"] = {"store_id": "@out", "data_id": "cube.zarr", "replace": True}
    assert runner.end_of(runner.launch(cubegen(asking, stores)))["phase"] == "SUCCEEDED"
    assert files(pyramid) == ["0.link"]


def test_a_pyramid_lies_in_its_store(runner, stores, asking, out, tmp_path):
    (tmp_path / "precious").mkdir()
    out.mkdir(parents=True)
    (out / "cube.levels").symlink_to(tmp_path / "precious")
    asking["output_config"]["replace"] = True
    name = runner.launch(cubegen(asking, stores))
    run = runner.end_of(name)
    assert (run["phase"], run["wrote"]) == ("FAILED", False), run
    assert files(tmp_path / "precious") == []


def test_a_cube_whose_pyramid_makes_it_too_large_is_not_written(runner, stores, asking, out):
    answer = runner.estimate({"request": asking, "stores": stores})
    written = answer["written"]
    cube = written["images"] * written["width"] * written["height"]
    assert cells(answer) == cube * 5 // 4
    name = runner.launch(cubegen(asking, stores, admitted_cells=cells(answer) // 2 - 1))
    run = runner.end_of(name)
    assert (run["reason"], run["wrote"]) == ("COST", False), run
