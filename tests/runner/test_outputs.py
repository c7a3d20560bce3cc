"""What a failed run wrote is taken back, whatever ended it; nothing else ever is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from .runnerprocess import Runner, call, wait_for
from .test_xcube import cubegen

pytestmark = pytest.mark.xcube


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def remove(runner: Runner, name: str, stores: Any, data_id: str) -> dict[str, Any]:
    output = {"store_id": "@out", "data_id": data_id}
    body = {"run": name, "output": output, "stores": {"out": stores["out"]}}
    status, answer = call(runner.estimates, "POST", "/removals", body)
    assert status == 200, answer
    return answer


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def endless(stores, demo_root, tmp_path) -> Any:
    """Makes the last chunk of the demo cube one that is never read to its end, or, afterwards,
    what it was."""
    root = tmp_path / "endless"
    shutil.copytree(demo_root, root)
    chunk = sorted((root / "demo.zarr" / "chl").glob("[0-9]*"))[-1]
    content = chunk.read_bytes()
    chunk.unlink()
    os.mkfifo(chunk)
    stores["demo"]["store_params"]["root"] = str(root)

    def mend() -> None:
        chunk.unlink()
        chunk.write_bytes(content)

    return mend


def begin_endless(runner: Runner, request_body: Any, stores: Any, out: Path, **fields: Any) -> str:
    """A run that has written most of its cube, and waits for the last chunk."""
    name = runner.launch(cubegen(request_body, stores), **fields)
    wait_for(
        lambda: (
            any((out / "cube.zarr" / "sst").glob("[0-9]*")) or runner.get(name)["phase"] == "FAILED"
        )
    )
    return name


def stop(runner: Runner, name: str) -> None:
    assert call(runner.control, "POST", f"/runs/{name}/stop")[0] == 202


def kill(which: int) -> Any:
    def end(runner: Runner, name: str) -> None:
        os.kill(runner.pids_of(name)[which], signal.SIGKILL)

    return end


@pytest.mark.parametrize(
    ("end", "reason"),
    [(stop, "STOPPED"), (kill(1), "LOST"), (kill(0), "LOST"), (None, "DEADLINE")],
    ids=["stopped", "run killed", "supervisor killed", "deadline"],
)
def test_what_a_run_wrote_that_did_not_end_well_is_taken_back(
    runner, stores, request_body, out, endless, end, reason
):
    for deadline_s in (15, 60, 240) if end is None else (600,):
        name = begin_endless(runner, request_body, stores, out, deadline_s=deadline_s)
        if end:
            end(runner, name)
        run = runner.end_of(name)
        if run["wrote"]:
            break  # a busy machine may have written nothing at the first deadline
    assert (run["phase"], run["reason"], run["wrote"]) == ("FAILED", reason, True), run
    assert len(files(out)) > 5
    assert remove(runner, name, stores, "cube.zarr") == {"status": "ok", "removed": True}
    assert files(out) == []
    assert remove(runner, name, stores, "cube.zarr") == {"status": "ok", "removed": False}
    runner.delete(name)

    endless()
    again = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert again["phase"] == "SUCCEEDED", again


def test_a_run_that_is_stopped_stays_until_it_is_removed(
    runner, stores, request_body, out, endless
):
    name = begin_endless(runner, request_body, stores, out)
    stop(runner, name)
    assert runner.end_of(name)["reason"] == "STOPPED"
    assert call(runner.control, "POST", f"/runs/{name}/stop") == (200, {"state": "ended"})
    assert runner.delete(name) in (200, 202), "its supervisor may still report its end"
    wait_for(lambda: name not in [run["name"] for run in runner.list()["runs"]])
    assert call(runner.control, "POST", f"/runs/{name}/stop")[0] == 404


LARGE = """
import sys, dask.array as da, numpy as np, xarray as xr
y, x = 4096, 8192
axes = {"time": np.arange("2010-01-01", "2010-01-13", dtype="datetime64[D]").astype("M8[ns]"),
        "lat": 90 - (np.arange(y) + 0.5) * 180 / y, "lon": -180 + (np.arange(x) + 0.5) * 360 / x}
data = da.zeros((12, y, x), chunks=(1, y, x), dtype="float64")
cube = xr.Dataset({"chl": (("time", "lat", "lon"), data)}, coords=axes)
cube.to_zarr(sys.argv[1], zarr_format=2, compute=False)
"""


def test_memory_that_runs_out_while_writing(
    runner, stores, request_body, out, tmp_path, xcube_forks
):
    xcube_forks.run("-c", LARGE, tmp_path / "large" / "demo.zarr")
    stores["demo"]["store_params"]["root"] = str(tmp_path / "large")
    request_body["cube_config"] = {"variable_names": ["chl"]}
    name = runner.launch(cubegen(request_body, stores), memory_bytes=450 << 20)
    run = runner.end_of(name)
    assert (run["reason"], run["wrote"]) == ("OUT_OF_MEMORY", True), run
    assert "cube.zarr/.zgroup" in files(out)
    assert remove(runner, name, stores, "cube.zarr")["removed"]
    assert files(out) == []


@pytest.fixture
def broken(stores, demo_root, tmp_path) -> None:
    """The demo cube whose last chunk cannot be read."""
    root = tmp_path / "broken"
    shutil.copytree(demo_root, root)
    chunks = sorted((root / "demo.zarr" / "chl").glob("[0-9]*"))
    chunks[-1].write_bytes(b"no chunk")
    stores["demo"]["store_params"]["root"] = str(root)


def test_an_error_in_the_middle_of_writing(runner, stores, request_body, out, broken):
    name = runner.launch(cubegen(request_body, stores))
    run = runner.end_of(name)
    assert (run["reason"], run["wrote"]) == ("XCUBE_ERROR", True), run
    assert "cube.zarr/.zattrs" in files(out)
    assert remove(runner, name, stores, "cube.zarr")["removed"]
    assert files(out) == []


def test_a_finished_cube_stays_and_has_no_claim(runner, stores, request_body, out):
    name = runner.launch(cubegen(request_body, stores))
    run = runner.end_of(name)
    assert (run["phase"], run["wrote"]) == ("SUCCEEDED", True)
    before = files(out)
    assert not [f for f in before if f.endswith(".xcube-hub")]
    assert not remove(runner, name, stores, "cube.zarr")["removed"]
    assert files(out) == before


def test_what_existed_before_and_was_not_begun_to_be_replaced_stays(
    runner, stores, request_body, out
):
    first = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert first["phase"] == "SUCCEEDED"
    before = files(out)
    name = runner.launch(cubegen(request_body, stores))  # not told to replace it
    run = runner.end_of(name)
    assert (run["reason"], run["wrote"]) == ("XCUBE_ERROR", False), run
    request_body["output_config"]["replace"] = True
    other = runner.launch(cubegen(request_body, stores, admitted_cells=1))
    assert runner.end_of(other)["wrote"] is False
    for each in (name, other):
        assert not remove(runner, each, stores, "cube.zarr")["removed"]
    assert files(out) == before


def test_what_another_run_writes_stays(runner, stores, request_body, out, endless):
    name = begin_endless(runner, request_body, stores, out)
    assert not remove(runner, "another-run", stores, "cube.zarr")["removed"]
    assert (out / "cube.zarr").exists()
    stop(runner, name)
    runner.end_of(name)
    assert remove(runner, name, stores, "cube.zarr")["removed"]


def test_what_is_added_to_an_existing_dataset_is_not_taken_back(
    runner, stores, request_body, out, broken
):
    request_body["cube_config"]["variable_names"] = ["sst"]
    assert runner.end_of(runner.launch(cubegen(request_body, stores)))["phase"] == "SUCCEEDED"
    request_body["cube_config"]["variable_names"] = ["chl"]
    request_body["output_config"]["write_params"] = {"group": "more"}
    name = runner.launch(cubegen(request_body, stores))
    run = runner.end_of(name)
    assert (run["phase"], run["wrote"]) == ("FAILED", True), run
    before = files(out)
    assert not remove(runner, name, stores, "cube.zarr")["removed"]
    assert files(out) == before


def claim(out: Path, data_id: str, run: str) -> Path:
    folder, _, name = data_id.rpartition("/")
    path = out / folder / f".{name}.xcube-hub"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"run": run}))
    return path


def test_a_removal_that_was_cut_off_is_completed(runner, stores, out):
    """The claim goes last."""
    rest = claim(out, "deep/cube.zarr", "a-run")
    assert remove(runner, "a-run", stores, "deep/cube.zarr")["removed"]
    assert not rest.exists()


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"run": 7}', "x" * 100_000])
def test_a_claim_that_cannot_be_read_names_nobody(runner, stores, out, text):
    (out / "cube.zarr").mkdir(parents=True)
    claim(out, "cube.zarr", "").write_text(text)
    assert not remove(runner, "a-run", stores, "cube.zarr")["removed"]
    assert (out / "cube.zarr").exists()


def test_links_in_a_cube_are_removed_but_not_followed(runner, stores, out, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    (out / "cube.zarr").mkdir(parents=True)
    (out / "cube.zarr" / "link").symlink_to(precious)
    claim(out, "cube.zarr", "a-run")
    assert remove(runner, "a-run", stores, "cube.zarr")["removed"]
    assert files(tmp_path / "precious") == ["file"]
    assert not (out / "cube.zarr").exists()


@pytest.mark.parametrize(
    ("data_id", "link"),
    [("..", None), ("", None), (".", None), ("a/../..", None), ("x.zarr", "x.zarr"), (7, None)],
)
def test_nothing_outside_of_the_store_is_removed(runner, stores, out, tmp_path, data_id, link):
    out.mkdir(exist_ok=True)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    for place in (tmp_path, out):
        (place / ".x.zarr.xcube-hub").write_text(json.dumps({"run": "a-run"}))
    if link:
        (out / link).symlink_to(precious)
    answer = remove(runner, "a-run", stores, data_id)
    assert answer["status"] == "error", answer
    assert files(precious) == ["file"]


@pytest.mark.parametrize(
    "change",
    [{"run": "../x"}, {"run": None}, {"output": None}, {"output": {"store_id": "file"}},
     {"stores": []}, {"output": {"store_id": "@nix", "data_id": "x"}}],
)  # fmt: skip
def test_a_malformed_removal_is_an_error(runner, stores, change):
    body = {"run": "a-run", "output": {"store_id": "@out", "data_id": "x"}, "stores": stores}
    answer = call(runner.estimates, "POST", "/removals", {**body, **change})[1]
    assert (answer["status"], answer["kind"]) == ("error", "request"), answer


def test_runs_of_two_tries_of_a_pod_share_a_claim(runner, stores, request_body, out, endless):
    """A pod that is tried again replaces what the try before began, and its claim."""
    name = begin_endless(runner, request_body, stores, out)
    os.kill(runner.pids_of(name)[1], signal.SIGKILL)
    runner.end_of(name)
    with contextlib.suppress(OSError):
        runner.delete(name)
    endless()
    request_body["output_config"]["replace"] = True
    again = runner.launch(cubegen(request_body, stores))
    assert runner.end_of(again)["phase"] == "SUCCEEDED"
    assert not [f for f in files(out) if f.endswith(".xcube-hub")]
    assert not remove(runner, name, stores, "cube.zarr")["removed"], "it is the second one's"
