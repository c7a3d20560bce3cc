"""Quick-looks of real runs: made at the end, reported by the run, never a reason to fail."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.output import quicklooks
from jobs.runner.system import linux
from tests.patience import wait_for
from tests.servers.forks import Forks

from .podprocess import Hub
from .runnerprocess import Runner

pytestmark = pytest.mark.xcube
LOOKED = Path(__file__).with_name("looked.py")
TOKEN = "tok" + "en-of-a-run"


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


def payload(request: Any, stores: Any, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "cubegen", "request": request, "stores": stores, "quicklooks": True, **fields,
    }  # fmt: skip


def looks_in(hub: Hub) -> list[dict[str, Any]]:
    return [report["quicklook"] for report in hub.reports if "quicklook" in report]


def run(runner: Runner, hub: Hub, work: dict[str, Any]) -> dict[str, Any]:
    """The run once it has ended, and made its last report."""
    ended = runner.end_of(runner.launch(work, report={**hub.report, "token": TOKEN}))
    wait_for(lambda: any(report["sender"] == "on_end" for report in hub.reports))
    return ended


def test_a_run_reports_pictures_of_its_cube(runner: Runner, hub: Hub, stores, request_body):
    ended = run(runner, hub, payload(request_body, stores))
    assert ended["phase"] == "SUCCEEDED"
    wait_for(lambda: len(looks_in(hub)) == 2)
    chl, sst = sorted(looks_in(hub), key=lambda look: look["variable"])
    assert (chl["variable"], sst["variable"]) == ("chl", "sst")
    for look in (chl, sst):
        kept = quicklooks.parse(look).fields
        assert (kept["width"], kept["height"]) == (512, 256)
        assert kept["bbox"] == [-180, -90, 180, 90]
        assert kept["time"].startswith("2010-01-")
    last = [report["sender"] for report in hub.reports].index("on_end")
    assert not any("quicklook" in report for report in hub.reports[:last]), "no one waits for them"
    assert hub.lines == [line for line in hub.lines if "Quick-looks" not in line]
    assert hub.tokens == {f"Bearer {TOKEN}"}
    wait_for(lambda: not (runner.runs / ended["name"] / "looks").exists())
    assert not (runner.runs / ended["name"] / "workload.json").exists()


CODE = {
    "inline_code": "def process_dataset(cube, **_):\n    return cube.assign(twice=2 * cube.sst)\n",
    "callable_ref": "user_code:process_dataset",
}


@pytest.mark.parametrize(
    ("output", "more", "variables"),
    [
        ({"write_params": {"levels": True}}, {}, {"sst", "chl"}),
        ({"data_id": "cube.levels"}, {}, {"sst", "chl"}),
        ({"data_id": "cube.nc"}, {}, {"sst", "chl"}),
        ({}, {"code_config": CODE}, {"sst", "chl", "twice"}),
    ],
)
def test_whatever_it_is_written_as(
    runner: Runner, hub: Hub, stores, request_body, output, more, variables
):
    request_body["output_config"].update(output)
    request_body["cube_config"]["tile_size"] = [32, 32]
    assert run(runner, hub, payload({**request_body, **more}, stores))["phase"] == "SUCCEEDED"
    wait_for(lambda: len(looks_in(hub)) == len(variables))
    assert {look["variable"] for look in looks_in(hub) if look["png"]} == variables


def test_none_without_a_wish_and_none_of_a_cube_that_failed(
    runner: Runner, hub: Hub, stores, request_body
):
    assert run(runner, hub, payload(request_body, stores, quicklooks=False))["phase"] == "SUCCEEDED"
    assert looks_in(hub) == []
    hub.reports.clear()
    # The output exists now, so the second run fails.
    assert run(runner, hub, payload(request_body, stores))["phase"] == "FAILED"
    assert looks_in(hub) == []


F = [
    "          ",
    "..######..",
    "..#.......",
    "..#.......",
    "..####....",
    "..#.......",
    "..#.......",
    "..#.......",
    "..#.......",
    "..........",
]
"""The letter of `looked.py`, upright. No data lies above it."""


@pytest.fixture(scope="module")
def made(xcube_forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("looked") / "cubes"
    done = xcube_forks.run("file", LOOKED, root)
    return json.loads(done.stdout.splitlines()[-1])["made"]


def only(made: dict[str, Any], name: str) -> dict[str, Any]:
    one = made[name]
    assert one["problem"] is None, one
    (look,) = one["looks"]
    return look


@pytest.mark.parametrize(
    ("name", "proportion"),
    [
        # Width by height, on the ground: 20 degrees by 10, at 55 degrees north.
        ("descending.zarr", 1.13),
        ("ascending.zarr", 1.13),
        ("mirrored.zarr", 1.13),
        ("transposed.zarr", 1.13),
        ("far-north.zarr", 0.51),
        ("globe-360.zarr", 2.0),
        ("pacific.zarr", 3.4),
        ("metres.zarr", 2.0),
        ("rotated.zarr", 1.97),
        ("curvilinear.zarr", 1.13),
        ("file.nc", 1.13),
        ("packed.zarr", 1.13),
        ("huge-values.zarr", 1.13),
    ],
)
def test_north_is_up_east_is_right_and_the_shape_is_that_on_the_ground(made, name, proportion):
    look = only(made, name)
    assert look["drawn"] == F
    kept = quicklooks.parse(look).fields
    assert max(kept["width"], kept["height"]) == 512
    assert kept["width"] / kept["height"] == pytest.approx(proportion, rel=0.03)


def test_where_it_lies_is_told_in_the_coordinates_of_the_cube(made):
    assert only(made, "globe-360.zarr")["bbox"] == [-180, -90, 180, 90]
    assert only(made, "metres.zarr")["bbox"] == [3_999_500, 2_960_500, 4_079_500, 3_000_500]
    assert only(made, "pacific.zarr")["bbox"][0] == pytest.approx(149.62, abs=0.01)
    assert "bbox" not in only(made, "curvilinear.zarr")


def test_colors_are_those_of_the_attributes_else_of_the_data(made):
    said = only(made, "own-colors.zarr")
    assert (said["vmin"], said["vmax"], said["colors"][0]) == (0, 10, "#000004")
    plain = only(made, "descending.zarr")
    assert (plain["vmin"], plain["vmax"], plain["colors"][0]) == (1, 5, "#440154")
    assert "logarithmic" in only(made, "logarithmic.zarr")["note"]
    flags = only(made, "flags.zarr")
    assert [label for _, label in flags["classes"]] == ["sky", "sea", "land"]
    assert "vmin" not in flags
    assert [label for _, label in only(made, "bits.zarr")["classes"]] == ["wet", "no flag"]


def test_each_variable_has_a_picture_or_a_reason(made):
    looks = {look["variable"]: look for look in made["mixed.zarr"]["looks"]}
    assert [*looks][:4] == ["f", "later", "nothing", "ok"], "maps are first"
    assert set(looks) == {"f", "later", "nothing", "ok", "section", "series", "text", "when"}
    assert looks["later"]["time"] == "2020-03-01T00:00:00Z", "the first two steps have no data"
    assert looks["later"]["at"] == {"depth": "0.5"}
    assert looks["later"]["drawn"] == F
    assert [label for _, label in looks["ok"]["classes"]] == ["false", "true"]
    assert "line" in looks["series"]["note"] and looks["series"]["png"]
    for name, reason in (("nothing", "No data"), ("text", "Texts"), ("when", "Times")):
        assert looks[name].get("png") is None and reason in looks[name]["note"], name
    assert [look["position"] for look in made["many.zarr"]["looks"]] == [*range(12)]


def test_no_more_is_read_than_a_picture_needs(made):
    part = only(made, "many-chunks.zarr")
    assert "part" in part["note"] and part["png"]
    assert "6,104 MB" in only(made, "one-chunk.zarr")["note"]
    assert only(made, "million-chunks.zarr")["at"] == {"time": "500000"}
    plain = made["descending.zarr"]["peak_bytes"]
    for name in ("many-chunks.zarr", "one-chunk.zarr", "million-chunks.zarr", "noise.zarr"):
        assert made[name]["peak_bytes"] < plain + (96 << 20), name


def test_a_picture_is_small_whatever_it_shows(made):
    for name, one in made.items():
        for look in one["looks"]:
            kept = quicklooks.parse(look)  # the hub's own limits
            assert kept.position < quicklooks.MOST, name


def test_hostile_cubes_are_told_and_harm_nothing(made):
    assert {look["variable"] for look in made["hostile.zarr"]["looks"]} >= {"a", "b", "c", "d"}
    assert all(look.get("png") for look in made["hostile.zarr"]["looks"])
    for name in ("bomb.zarr", "linked.zarr"):
        assert all(look.get("png") is None for look in made[name]["looks"]), name
    assert "MemoryError" in made["bomb.zarr"]["log"] or "memory" in made["bomb.zarr"]["problem"]
    assert "outside of its data store" in made["linked.zarr"]["log"]
    assert "pickle" in made["pickled.zarr"]["log"]
    assert "took longer" in made["endless.zarr"]["problem"]
    assert made["empty.zarr"]["looks"] == []
    assert all(one["is_folder_gone"] for one in made.values())
    roots = [name for name, one in made.items() if "/cubes" in one["log"]]
    assert roots == [], "nobody learns where stores lie"


def test_a_killed_or_hanging_process_leaves_the_job_as_it_is(
    runner: Runner, hub: Hub, stores, request_body, tmp_path
):
    """Its pictures are the only loss, and the log says so."""
    work = payload(request_body, stores)
    name = runner.launch(work, report={**hub.report, "token": TOKEN})
    folder = runner.runs / name
    wait_for(lambda: (folder / "child.json").exists())
    supervisor, child = runner.pids_of(name)
    others = [pid for pid in linux.descendants(supervisor) if pid != child]
    for pid in others:
        os.kill(pid, signal.SIGKILL)
    assert runner.end_of(name)["phase"] == "SUCCEEDED"
    if others:  # else they were made before we looked
        wait_for(lambda: "Quick-looks: " in log_of(runner, name))
        wait_for(lambda: "Quick-looks: " in "\n".join(hub.lines))
        assert looks_in(hub) == []


def log_of(runner: Runner, name: str) -> str:
    chunks = json.loads((runner.runs / name / "log.json").read_text())
    return "\n".join(line for chunk in chunks for line in chunk["lines"])
