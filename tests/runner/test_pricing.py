"""What is priced is what is written: by real cubes of odd but legal data, and by refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.servers.forks import Forks

from .runnerprocess import CHECKOUT, Runner

pytestmark = pytest.mark.xcube

SCRIPT = Path(__file__).with_name("written.py")
YEARS = tuple(f"y{year}" for year in range(2015, 2021))
UTM = {"crs": "EPSG:4326", "bbox": [7.8, 45.15, 8.1, 45.2], "spatial_res": 0.01}


CUBES = {
    "no spatial dimensions are free, others multiply": ("odd", {}, 4 + 4 * 3),
    "only a variable": ("odd", {"variable_names": ["a", "label"]}, 4),
    "16 dates in 8 years": ("irregular", {}, 16),
    "a period changes nothing": ("irregular", {"time_period": "1Y"}, 16),
    "some of the years": ("irregular", {"time_range": ["2012-01-01", "2013-12-31"]}, 4),
    "six years in a row": (YEARS, {}, 24),
    "one year of six": (YEARS, {"time_range": ["2017-01-01", "2017-12-31"]}, 4),
    "one year of six, resampled": (
        YEARS,
        {"time_range": ["2017-01-01", None], "bbox": [2, 2, 8, 6], "spatial_res": 0.5},
        16,
    ),
    "the union of times": (("y2020", "other"), {}, 5 * 2),
    "the union of pixels": (("y2019", "larger"), {}, 8 * 2),
    "of grids that do not match": (("y2020", "shifted"), {}, 4 * 2),
    "to the end of the last day, no further": ("y2020", {"time_range": [None, "2020-01-02"]}, 2),
    "from the first day": ("y2020", {"time_range": ["2020-01-02", None]}, 3),
    "both ends open": ("y2020", {"time_range": [None, None]}, 4),
    "times not sorted": ("unsorted", {"time_range": ["2020-01-01", "2020-01-02"]}, 2),
    "times twice": ("repeated", {"time_range": ["2020-01-01", "2020-01-01"]}, 2),
    "times backwards": ("decreasing", {"time_range": ["2020-01-02", "2020-01-03"]}, 2),
    "another calendar": ("360-days", {"time_range": ["2020-01-30", "2020-01-31"]}, 1),
    "another calendar, open": ("360-days", {"time_range": ["2020-01-30", None]}, 3),
    "a day that our calendar lacks": ("30-february", {}, 3),
    "a year that our calendar lacks": ("year-12020", {}, 3),
    "rows of all heights": ("uneven", {}, 4),
    "rows of all heights, one step": ("uneven", {"time_range": ["2020-01-02", "2020-01-02"]}, 1),
    "times that are numbers": ("numbers", {}, 4),
    "dimensions in another order": ("lat-lon-time", {}, 4),
    "x before y": ("time-x-y", {}, 4),
    "south first": ("south-first", {"bbox": [2, 2, 8, 6]}, 4),
    "an area": ("y2020", {"bbox": [2, 2, 8, 6]}, 4),
    "an area beyond the data": ("y2020", {"bbox": [-5, -5, 8, 6]}, 4),
    "an area beyond the data, finer": ("y2020", {"bbox": [-5, -5, 8, 6], "spatial_res": 0.5}, 4),
    "pixels of another size alone": ("y2020", {"spatial_res": 0.5}, 4),
    "four pixels": ("tiny", {}, 4),
    "projected": ("utm", {}, 8),
    "projected, an area": ("utm", {"bbox": [400000, 5000000, 410000, 5010000]}, 8),
    "projected, to degrees": ("utm", UTM, 8),
    "to metres, in one tile": (
        "y2020",
        {"crs": "EPSG:3857", "bbox": [0, 0, 2_000_000, 1_000_000], "spatial_res": 100_000},
        4,
    ),
    "one step, to metres": (
        "one-step",
        {"crs": "EPSG:3857", "bbox": [0, 0, 2_000_000, 1_000_000], "spatial_res": 100_000},
        1 + 3,
    ),
    "texts of any length": ("texts", {"variable_names": ["a", "text"]}, 8),
    "half as precise": ("half", {}, 4),
    "any types, as they are": ("types", {}, 16),
    "complex numbers, resampled": (
        "types",
        {"variable_names": ["a", "complex"], "bbox": [0, 0, 20, 10], "spatial_res": 0.5},
        8,
    ),
    "more than the globe": ("globe", {"bbox": [-200, -90, 200, 90]}, 4),
    "the globe, not quite exact": ("globe", {"bbox": [-180.001, 0, 180.001, 90]}, 4),
    "to the edge": ("globe", {"bbox": [120, 0, 184, 90], "spatial_res": 4}, 4),
    "a time from the attributes": ("covered", {}, 1),
    "odd names": ("names", {"variable_names": ["a b", "x[0]"]}, 8),
    "tiles": ("y2020", {"tile_size": [7, 3], "chunks": {"time": 1, "lat": None}}, 4),
    "Zarr 3": ("zarr3", {}, 4),
    "Zarr 3, resampled": ("zarr3", {"bbox": [2, 2, 8, 6], "spatial_res": 0.5}, 4),
    "Zarr 3 and 2": (("zarr3", "other"), {}, 10),
}

OUTPUTS = {
    "NetCDF": ("odd", {}, {"data_id": "o.nc"}),
    "a pyramid": ("y2020", {}, {"data_id": "o.levels"}),
    "a pyramid of more levels than pixels": (
        "y2020",
        {},
        {"data_id": "o.levels", "write_params": {"num_levels": 20}},
    ),
    "a pyramid in tiles": (
        "y2020",
        {},
        {"data_id": "o.levels", "write_params": {"num_levels": 4, "tile_size": [4, 4]}},
    ),
    "texts in Zarr 3": ("texts", {}, {"write_params": {"zarr_format": 3}}),
    "a pyramid of Zarr 3": ("zarr3", {}, {"data_id": "o.levels"}),
    "Zarr 3 of Zarr 2": ("y2020", {}, {"write_params": {"zarr_format": 3}}),
    "Zarr 2 of Zarr 3": ("zarr3", {}, {"write_params": {"zarr_format": 2}}),
    "packed": (
        "y2020",
        {},
        {"write_params": {"encoding": {"a": {"dtype": "int16", "scale_factor": 0.1}}}},
    ),
}


def body(inputs: Any, cube_config: Any = None, **output: Any) -> dict[str, Any]:
    """A request for a cube of these inputs."""
    names = [inputs] if isinstance(inputs, str) else list(inputs)
    configs = [{"store_id": "@odd", "data_id": f"{name}.zarr"} for name in names]
    of = {"input_config": configs[0]} if len(configs) == 1 else {"input_configs": configs}
    output = {"store_id": "@out", "data_id": "o.zarr", **output}
    return {**of, "cube_config": cube_config or {}, "output_config": output}


def estimated(runner: Runner, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to an estimate; asked again if this machine was too busy to answer in time."""
    for _ in range(5):
        answer = runner.estimate(body)
        if answer.get("status_code") != 504:
            break
    return answer


@pytest.fixture(scope="module")
def stores(odd_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    roots = {"odd": odd_root, "out": tmp_path_factory.mktemp("out")}
    return {n: {"store_id": "file", "store_params": {"root": str(r)}} for n, r in roots.items()}


@pytest.fixture(scope="module")
def ask(runner: Runner, stores: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """The answer to an estimate."""

    def ask(*args: Any, **output: Any) -> dict[str, Any]:
        return estimated(runner, {"request": body(*args, **output), "stores": stores})

    return ask


@pytest.fixture(scope="module")
def cubes(
    runner: Runner, xcube_forks: Forks, stores: dict[str, Any]
) -> dict[str, tuple[dict[str, Any], list[int]]]:
    """All the cubes, made by runs that were admitted at their price: the estimate's answer, and
    [images, width, height, steps] of what was written."""
    answers, payloads, paths = {}, {}, []
    cases = [(name, (inputs, config), {}) for name, (inputs, config, _) in CUBES.items()]
    cases += [(name, (inputs, config), out) for name, (inputs, config, out) in OUTPUTS.items()]
    for number, (name, args, output) in enumerate(cases):
        ending = output.get("data_id", "o.zarr").rpartition(".")[2]
        request = body(*args, **{**output, "data_id": f"{number}.{ending}"})
        answers[name] = estimated(runner, {"request": request, "stores": stores})
        assert answers[name]["status"] == "ok", (name, answers[name])
        size = answers[name]["written"]
        cells = size["images"] * size["width"] * size["height"]
        payload = {"kind": "cubegen", "request": request, "stores": stores, "code": None}
        payloads[name] = {**payload, "admitted_cells": cells}
        paths.append(f"{stores['out']['store_params']['root']}/{number}.{ending}")
    for name, ended in runner.ends_of(payloads).items():
        assert ended["phase"] == "SUCCEEDED", (name, ended)
        assert ended["result"]["status"] == "ok", (name, ended)
    counted = xcube_forks.run("file", SCRIPT, "count", *paths)
    written = json.loads(counted.stdout)
    return {name: (answers[name], size) for name, size in zip(answers, written, strict=True)}


@pytest.mark.parametrize("name", [*CUBES, *OUTPUTS])
def test_what_is_priced_is_what_is_written(cubes, name):
    answer, (images, width, height, steps) = cubes[name]
    assert answer["written"] == {"images": images, "width": width, "height": height}
    assert answer["result"]["dataset_descriptor"]["dims"]["time"] == steps
    assert answer["result"]["size_estimation"]["image_size"] == [width, height]
    if name in CUBES:
        assert images == CUBES[name][2]


def test_a_variable_without_time_counts_once(ask):
    """As the price list says; xcube 1.14 leaves it out of the cube."""
    assert ask("masked")["written"]["images"] == 4 + 1
    assert ask("masked", {"variable_names": ["a"]})["written"]["images"] == 4


@pytest.mark.parametrize(
    ("inputs", "output", "zarr_format"),
    [
        ("zarr3", {}, 3),
        (("y2020", "zarr3"), {}, 3),
        ("y2020", {}, 2),
        ("zarr3", {"write_params": {"zarr_format": 2}}, 2),
        ("y2020", {"write_params": {"zarr_format": 3}}, 3),
        ("zarr3", {"data_id": "x.levels"}, 3),
        ("zarr3", {"data_id": "x.nc"}, None),
    ],
)
def test_the_zarr_format_is_told(ask, inputs, output, zarr_format):
    assert ask(inputs, **output)["result"].get("zarr_format") == zarr_format


ANTIMERIDIAN = "[170, -10, 180, 10] and [-180, -10, -170, 10]"
REFUSED = {
    "a name that is not there": (
        "odd",
        {"variable_names": ["a", "lable"]},
        "variable_names",
        "unknown variable 'lable'; there are 'label', ",
    ),
    "all names not there": ("odd", {"variable_names": ["x", "y"]}, "variable_names", "'x', 'y'; "),
    "no cube's variable": (
        "masked",
        {"variable_names": ["mask"]},
        "variable_names",
        "nothing would be written, because no variable of 'mask' has",
    ),
    "no time": ("timeless", {}, "variable_names", "nothing would be written"),
    "other times": (
        YEARS,
        {"time_range": ["2000-01-01", "2000-12-31"]},
        "time_range",
        "within 2000-01-01 to 2000-12-31; the data has 24 from 2015-01-01 to 2020-01-04",
    ),
    "times between": (
        "irregular",
        {"time_range": ["2012-02-01", "2012-02-02"]},
        "time_range",
        "16",
    ),
    "numbers as times": ("numbers", {"time_range": ["2020-01-01", None]}, "time_range", "no dates"),
    "beside": ("y2020", {"bbox": [100, 50, 110, 60]}, "bbox", "covers [0, 0, 20, 10]"),
    "beside, resampled": (
        "y2020",
        {"bbox": [100, 50, 110, 60], "spatial_res": 0.1},
        "bbox",
        "[100, 50, 110, 60] lies beside the data",
    ),
    "beside, reprojected": ("utm", {**UTM, "bbox": [50, 45.15, 51, 45.3]}, "bbox", "beside"),
    "degrees that are metres": ("y2020", {"crs": "EPSG:32631", "bbox": [2, 2, 8, 6]}, "bbox", "be"),
    "less than a pixel": (
        "utm",
        {**UTM, "bbox": [7.8, 45.15, 7.805, 45.155], "spatial_res": 0.001},
        "bbox",
        "less than one pixel",
    ),
    "one pixel": ("y2020", {"bbox": [2, 2, 3.4, 3.4]}, "bbox", "at least 2 x 2"),
    "coarse": ("y2020", {"bbox": [2, 2, 8, 6], "spatial_res": 5}, "spatial_res", "1 x 1 pixels"),
    "geocentric": ("y2020", {"crs": "EPSG:4978"}, "crs", "geocentric"),
    "vertical": ("y2020", {"crs": "EPSG:5703"}, "crs", "vertical"),
    "compound": ("y2020", {"crs": "EPSG:7415", "bbox": [0, 0, 1e5, 1e5]}, "crs", "compound"),
    "another system without area": ("utm", {"crs": "EPSG:4326"}, "bbox", "missing"),
    "antimeridian": ("east", {"bbox": [170, -10, -170, 10]}, "bbox", ANTIMERIDIAN),
    "antimeridian, to 360": ("east", {"bbox": [170, -10, 190, 10]}, "bbox", ANTIMERIDIAN),
    "antimeridian, resampled": (
        "east",
        {"bbox": [170, -10, -170, 10], "spatial_res": 5},
        "bbox",
        ANTIMERIDIAN,
    ),
    "no numbers": (
        "types",
        {"bbox": [0, 0, 20, 10], "spatial_res": 0.5},
        "variable_names",
        "cannot be resampled",
    ),
    "half as precise, resampled": (
        "half",
        {"bbox": [2, 2, 8, 6], "spatial_res": 0.5},
        "variable_names",
        "'a' is of type float16",
    ),
    "no system at all": ("y2020", {"crs": "CRS84 or so"}, "crs", "invalid"),
    "over the edge of the globe": ("globe", {"bbox": [120, 0, 200, 90]}, "bbox", "antimeridian"),
    "over its other edge": ("globe", {"bbox": [-200, 0, -120, 90]}, "bbox", "antimeridian"),
    "no chunk": ("y2020", {"chunks": {"lon": None}}, "chunks.lon", "null"),
    "chunks of one pixel": ("y2020", {"chunks": {"lat": 1, "lon": 1}}, "chunks.lat", "at least 2"),
    "tiles of one pixel": ("y2020", {"tile_size": [1, 5]}, "tile_size", "at least 2"),
    "more files than paid for": (
        "larger",
        {"tile_size": [2, 2], "chunks": {"time": 1}},
        "tile_size",
        "800 chunks",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_made_is_refused_with_its_field(ask, name):
    inputs, config, field, sentence = REFUSED[name]
    answer = ask(inputs, config)
    assert (answer["status"], answer["status_code"]) == ("error", 400), answer
    assert answer["kind"] == "request"
    assert answer["field"] == f"cube_config.{field}"
    assert answer["message"].startswith(f"cube_config.{field}: ")
    assert sentence in answer["message"]


def test_no_more_than_ten_names_are_told(ask, odd_root, xcube_forks):
    script = (
        "import sys; sys.path[:0] = sys.argv[1:2]; import written;"
        "names = tuple(f'name{i}' for i in range(30));"
        "written.cube(written.january(2020), names=names).to_zarr(sys.argv[2], zarr_format=2)"
    )
    xcube_forks.run("-c", script, SCRIPT.parent, odd_root / "many.zarr")
    message = ask("many", {"variable_names": ["name17x"]})["message"]
    assert message.count("'name") == 1 + 10  # what was asked for, and ten that exist
    assert message.split("there are ")[1].startswith("'name17'")


def test_what_is_no_cube_is_refused_by_its_name(ask):
    for name in ("one-pixel", "empty"):
        answer = ask(name)
        assert (answer["kind"], answer["field"]) == ("request", "input_config.data_id")
    assert ask(("y2020", "empty"))["field"] == "input_configs[1].data_id"
    assert ask("types", data_id="x.nc")["field"] == "output_config.data_id"


@pytest.mark.parametrize(
    "data_id",
    ["nowhere.zarr", "nowhere", "y2020.zarr/a", "damaged.zarr", "damaged.nc", "cut-off.nc",
     "unknown-crs.zarr"],
)  # fmt: skip
def test_an_input_that_cannot_be_opened_is_named(runner, stores, data_id):
    request = body(("y2020", "other"))
    request["input_configs"][1]["data_id"] = data_id
    answer = estimated(runner, {"request": request, "stores": stores})
    assert (answer["kind"], answer["status_code"]) == ("request", 400), answer
    assert answer["field"] == "input_configs[1].data_id"
    assert answer["message"].startswith("input_configs[1].data_id: ")


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("over-360", {}),
        ("over-360", {"time_range": ["2020-01-02", None]}),
        ("uneven", {"bbox": [2, 2, 14, 8], "spatial_res": 3}),
    ],
)
def test_pixels_that_xcube_cannot_place_on_a_grid_are_refused(ask, name, config):
    answer = ask(name, config)
    assert (answer["kind"], answer["field"]) == ("request", "input_config.data_id")
    assert "not equally wide" in answer["message"]


def test_days_that_our_calendar_lacks_are_told_as_the_last_of_the_month(ask):
    told = ask("30-february")["result"]["dataset_descriptor"]["time_range"]
    assert told == ["2020-02-29", "2020-03-01"]
    assert not ask("year-12020")["result"]["dataset_descriptor"].get("time_range")


def test_write_parameters_name_what_is_written(ask):
    answer = ask("y2020", write_params={"encoding": {"b": {"dtype": "int16"}}})
    assert answer["field"] == "output_config.write_params.encoding"
    assert "there are 'a', " in answer["message"]
    answer = ask("y2020", data_id="x.nc", write_params={"unlimited_dims": ["tiem"]})
    assert answer["field"] == "output_config.write_params.unlimited_dims"
    assert "there are 'time', " in answer["message"]


def test_no_input_is_opened_in_too_many_chunks(runner, stores):
    request = body("larger", {"tile_size": [40, 20]})
    for chunks, is_refused in (({"time": 1, "lat": 2, "lon": 2}, True), ({"time": 1}, False)):
        request["input_config"]["open_params"] = {"chunks": chunks}
        answer = estimated(runner, {"request": request, "stores": stores})
        if is_refused:
            assert answer["field"] == "input_config.open_params.chunks"
            assert "opened in 800 chunks; expected at most 256" in answer["message"]
        else:
            assert answer["status"] == "ok", answer


UNSEEN = """
import json, sys
from jobs.runner.work import warm
from jobs.runner.system import linux
linux.thread_count = lambda: 1
warm.import_xcube()
from jobs.runner.work import estimate, plan
seen = plan._open
def unseen(field, item, config, stores):
    return None if item.data_id in sys.argv[3:] else seen(field, item, config, stores)
plan._open = unseen
body = json.loads(sys.argv[1])
print(json.dumps([estimate.answer(body), sys.argv[2]]))
"""


@pytest.mark.parametrize(
    ("inputs", "unseen", "images"),
    [
        (("y2020",), ["y2020"], None),
        (("y2020", "other"), ["y2020"], 5 + 2),
        (("other", "y2020"), ["y2020"], 2 + 5),
        (("y2020", "other", "y2019"), ["y2020", "y2019"], 5 + 2 + 5),
    ],
)
def test_xcubes_estimate_counts_where_the_hub_cannot_look(
    xcube_forks, stores, inputs, unseen, images
):
    """It tells of 5 daily steps in `y2020`, of which there are 4."""
    names = [f"{name}.zarr" for name in unseen]
    body_ = json.dumps({"request": body(inputs), "stores": stores})
    done = xcube_forks.run("-c", UNSEEN, body_, "", *names, cwd=CHECKOUT)
    answer, _ = json.loads(done.stdout.splitlines()[-1])
    assert answer["status"] == "ok", answer
    assert answer["written"]["images"] == images
