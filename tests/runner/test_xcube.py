"""Estimates and cubes are those of plain `xcube gen2`."""

from __future__ import annotations

import base64
import http.client
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.servers.forks import Forks

from .runnerprocess import Runner, call, wait_for

pytestmark = pytest.mark.xcube

COMPARE = """
import sys, xarray
one, two = (xarray.open_zarr(path) for path in sys.argv[1:])
for cube in (one, two):
    for name in list(cube.attrs):
        if "date" in name or "history" in name:
            del cube.attrs[name]
xarray.testing.assert_identical(one, two)
"""


def plain_gen2(xcube: Forks, folder: Path, stores: Any, request: Any, *options: str) -> Any:
    """What `xcube gen2` itself writes as its result."""
    folder.mkdir(exist_ok=True)
    for name, content in (("stores", stores), ("request", request)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    arguments = ["gen2", "--stores", "stores.json", *options, "-o", "result.json", "request.json"]
    xcube.run("-m", "xcube.cli.main", *arguments, cwd=folder, check=False)
    return json.loads((folder / "result.json").read_text())


def cubegen(request: Any, stores: Any, **fields: Any) -> dict[str, Any]:
    return {"kind": "cubegen", "request": request, "stores": stores, "code": None, **fields}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"time_period": None, "bbox": None, "spatial_res": None, "time_range": None},
        {"tile_size": [32, 32], "bbox": [-10, -10, 10, 10], "spatial_res": 0.1},
        {"variable_names": ["chl"], "crs": "EPSG:4326", "time_period": "2W"},
    ],
)
def test_an_estimate_has_xcubes_shape(runner, xcube_forks, tmp_path, stores, request_body, change):
    """What is asked for is told as xcube tells it; what is counted is counted by the hub."""
    request_body["cube_config"].update(change)
    expected = plain_gen2(xcube_forks, tmp_path / "gen2", stores, request_body, "-i")["result"]
    answer = runner.estimate({"request": request_body, "stores": stores})
    assert answer["output_exists"] is False
    result, written = answer["result"], answer["written"]
    assert result.pop("zarr_format") == 2
    assert set(result) == set(expected)
    told, theirs = result["dataset_descriptor"], expected["dataset_descriptor"]
    assert set(told) == set(theirs)
    assert list(told["data_vars"]) == list(theirs["data_vars"])
    for name in ("data_id", "data_type", "crs", "bbox", "spatial_res"):
        assert told[name] == theirs[name], name
    variables = len(told["data_vars"])
    assert written["images"] == 12 * variables, "all days, whatever period is asked for"
    assert told["dims"] == {"time": 12, "lat": written["height"], "lon": written["width"]}
    size = result["size_estimation"]
    assert set(size) == set(expected["size_estimation"])
    assert size["image_size"] == [written["width"], written["height"]]
    tiles = size["num_tiles"][0] * size["num_tiles"][1]
    assert size["num_requests"] == written["images"] * tiles


def test_whether_the_output_exists(runner, tmp_path, stores, request_body):
    def exists() -> Any:
        answer = runner.estimate({"request": request_body, "stores": stores})
        assert answer["status"] == "ok", answer
        return answer["output_exists"]

    assert exists() is False
    (tmp_path / "out" / "cube.zarr").mkdir(parents=True)
    assert exists() is True
    (tmp_path / "out" / "partly").mkdir(parents=True)
    request_body["output_config"]["data_id"] = "partly"
    assert exists() is True
    del request_body["output_config"]["data_id"]
    assert exists() is None


@pytest.mark.parametrize(
    ("part", "change", "kind", "message"),
    [
        ("cube_config", {"bbox": [1, 2]}, "request", "cube_config.bbox: [1, 2] is too short"),
        ("cube_config", {"bbox": "x"}, "request", "cube_config.bbox: 'x' is not of type"),
        ("cube_config", {"foo": 1}, "request", "'foo' was unexpected"),
        ("cube_config", {"crs": "nix"}, "request", "crs is invalid"),
        ("cube_config", {"spatial_res": 1e-12}, "request", "too large"),
        ("cube_config", {"time_range": ["0001-01-01", "9999-01-01"]}, "request", "too many"),
        ("input_config", {"data_id": "nix.zarr"}, "request", "does not exist"),
        ("input_config", {"data_id": "../x.zarr"}, "request", "outside"),
        ("input_config", {"store_id": "@nix"}, "request", '"nix" not found'),
        ("output_config", {"store_id": "@unknown"}, "request", 'Unknown data store "nope"'),
        ("output_config", {"data_id": 7}, "request", "output_config.data_id"),
        ("input_config", {"store_id": "@dead"}, "store", '"dead"'),
    ],
)
def test_whose_fault_a_failed_estimate_is(
    runner, stores, request_body, part, change, kind, message
):
    stores["unknown"] = {"store_id": "nope"}
    stores["dead"] = s3_store("http://127.0.0.1:9")
    request_body[part].update(change)
    answer = runner.estimate({"request": request_body, "stores": stores})
    assert (answer["status"], answer["kind"]) == ("error", kind)
    assert message in answer["message"]
    assert answer["status_code"] >= 400
    assert "\n" not in answer["message"]
    assert "Traceback" not in str(answer)


def s3_store(url: str) -> dict[str, Any]:
    options = {"anon": True, "client_kwargs": {"endpoint_url": url}}
    return {"store_id": "s3", "store_params": {"root": "b", "storage_options": options}}


def test_a_guarded_estimate_does_not_reach_private_addresses(runner, stores, request_body):
    request_body["input_config"].update(s3_store("http://127.0.0.1:9"))
    egress = {"deny_private": True, "allow_networks": []}
    answer = runner.estimate({"request": request_body, "stores": stores, "egress": egress})
    assert answer["kind"] == "request"
    assert answer["message"] == "connections to 127.0.0.1 are not allowed"


def test_the_versions(runner):
    status, answer = call(runner.estimates, "GET", "/versions")
    assert status == 200
    assert answer["versions"]["xcube"].startswith("1.14")


def test_a_cube_equals_xcubes(runner, xcube_forks, tmp_path, stores, request_body):
    expected = plain_gen2(xcube_forks, tmp_path / "gen2", stores, request_body)
    shutil.move(tmp_path / "out" / "cube.zarr", tmp_path / "plain.zarr")
    name = runner.launch(cubegen(request_body, stores), memory_bytes=2 << 30)
    run = runner.end_of(name)
    assert (run["phase"], run["exit_code"]) == ("SUCCEEDED", 0), run
    assert set(run["result"]) == {*expected, "made"}
    assert run["result"]["made"].keys() == {"description", "footprint", "files"}
    assert run["result"]["result"] == expected["result"] == {"data_id": "cube.zarr"}
    assert run["started_at"] <= run["finished_at"]
    assert run["peak_memory_bytes"] > 1 << 20
    dims = "import sys, xarray; c = xarray.open_zarr(sys.argv[1]); "
    count = dims + "print(sum(v.size for v in c.data_vars.values()))"
    cells = xcube_forks.run("-c", count, tmp_path / "out" / "cube.zarr")
    assert run["written_cells"] == int(cells.stdout)
    paths = [str(tmp_path / "plain.zarr"), str(tmp_path / "out" / "cube.zarr")]
    xcube_forks.run("-c", COMPARE, *paths)
    wait_for(lambda: not (runner.runs / name / "scratch").exists())
    modes = [(Path(path) / ".zgroup").stat().st_mode for path in paths]
    assert modes[0] == modes[1]


def test_a_failing_generation(runner, xcube_forks, tmp_path, stores, request_body):
    request_body["input_config"]["data_id"] = "nix.zarr"
    expected = plain_gen2(xcube_forks, tmp_path / "gen2", stores, request_body)
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert (run["phase"], run["reason"], run["exit_code"]) == ("FAILED", "XCUBE_ERROR", 1)
    assert run["message"] == 'Data resource "nix.zarr" does not exist in store'
    assert set(run["result"]) == set(expected)
    for field in ("status", "status_code", "message", "versions"):
        assert run["result"][field] == expected[field]
    assert "Traceback" in str(runner.get(run["name"])["log"])


def test_an_empty_cube_is_a_warning(runner, stores, request_body):
    request_body["cube_config"]["variable_names"] = ["nix"]
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert (run["phase"], run["result"]["status"]) == ("SUCCEEDED", "warning")


def test_an_unreachable_store_is_named(runner, stores, request_body):
    stores["dead"] = s3_store("http://127.0.0.1:9")
    request_body["input_config"]["store_id"] = "@dead"
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert run["reason"] == "XCUBE_ERROR"
    assert 'Cannot reach the data store "dead"' in run["message"]


def test_a_link_out_of_the_store_is_refused(runner, tmp_path, demo_root, stores, request_body):
    (tmp_path / "out").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "out" / "cube.zarr").symlink_to(tmp_path / "secret")
    request_body["output_config"]["replace"] = True
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert run["reason"] == "XCUBE_ERROR"
    assert "outside of its data store" in run["message"]
    assert run["result"]["status_code"] == 400
    assert list((tmp_path / "secret").iterdir()) == []
    answer = runner.estimate({"request": request_body, "stores": stores})
    assert answer["kind"] == "request"


def user_code(request: dict[str, Any], code: str) -> None:
    request["code_config"] = {"callable_ref": "user_code:process_dataset", "inline_code": code}


RAISES = """
def process_dataset(cube):
    raise ValueError(chr(0xd800) + chr(0) + "x")
"""
WRITES = r"""
import os, pathlib
def process_dataset(cube):
    result = pathlib.Path(os.environ["HOME"]).parent / "result.json"
    start = '{"status": "ok", "message": "\\udfff\\u0000", "a": NaN, "b": '
    result.write_text(start + "[" * 400 + "]" * 400 + "}")
    os._exit(0)
"""


@pytest.mark.parametrize(("code", "phase"), [(RAISES, "FAILED"), (WRITES, "SUCCEEDED")])
def test_whatever_a_users_code_says_is_told_as_strict_json(
    runner, stores, request_body, code, phase
):
    user_code(request_body, code)
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert run["phase"] == phase, (run["message"], runner.get(run["name"])["log"])
    assert "\ufffd" in run["result"]["message"]
    text = json.dumps(runner.get(run["name"]), ensure_ascii=False)
    assert "\\u0000" not in text
    assert "NaN" not in text
    assert text.encode()


USER_CODE = """
import os, pathlib
def process_dataset(cube, factor=1):
    print("HOME", os.environ["HOME"], "cwd", os.getcwd(), "secret", os.environ.get("A_SECRET"))
    print("given", os.environ.get("GIVEN"))
    return cube * factor
"""


def test_uploaded_code_runs_in_its_own_folder(runner, stores, request_body):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("user_code.py", USER_CODE)
    request_body["code_config"] = {
        "callable_ref": "user_code:process_dataset",
        "callable_params": {"factor": 2},
        "file_set": {"path": "uploaded.zip"},
    }
    code = base64.b64encode(archive.getvalue()).decode()
    payload = cubegen(request_body, stores, code=code)
    name = runner.launch(payload, env={"GIVEN": "yes"})
    run = runner.end_of(name)
    assert run["phase"] == "SUCCEEDED", run
    lines = runner.get(name)["log"][0]["lines"]
    scratch = runner.runs / name / "scratch"
    assert f"HOME {scratch} cwd {scratch} secret None" in lines
    assert "given yes" in lines


def test_a_run_that_may_not_reach_private_addresses(runner, stores, request_body):
    request_body["code_config"] = {
        "callable_ref": "user_code:process_dataset",
        "inline_code": (
            "import urllib.request\n"
            "def process_dataset(cube):\n"
            "    urllib.request.urlopen('http://127.0.0.1:9/', timeout=5)\n"
        ),
    }
    egress = {"deny_private": True, "allow_networks": ["10.0.0.0/8"]}
    run = runner.end_of(runner.launch(cubegen(request_body, stores, egress=egress)))
    assert run["reason"] == "XCUBE_ERROR"
    assert "connections to 127.0.0.1 are not allowed" in run["message"]


def test_an_estimate_that_takes_too_much_memory_is_ended(
    own_runner: Runner, stores, request_body, tmp_path
):
    """A coordinate that is nowhere stored and declares 2e9 values, as anybody's own store may."""
    own_runner.options = (*own_runner.options, "--estimate-memory", "512")
    own_runner.start()
    cube = tmp_path / "out" / "huge.zarr"
    attributes: dict[str, Any] = {".zgroup": {"zarr_format": 2}}
    for name, size in (("lon", 2_000_000_000), ("lat", 2), ("time", 1)):
        array = {"zarr_format": 2, "shape": [size], "chunks": [size]}
        array |= {"dtype": "<f8", "fill_value": 1.0, "order": "C"}
        attributes[f"{name}/.zarray"] = {**array, "compressor": None, "filters": None}
        attributes[f"{name}/.zattrs"] = {"_ARRAY_DIMENSIONS": [name]}
    for file, content in attributes.items():
        (cube / file).parent.mkdir(parents=True, exist_ok=True)
        (cube / file).write_text(json.dumps(content))
    request_body["input_config"] = {"store_id": "@out", "data_id": "huge.zarr"}
    body = {"request": request_body, "stores": stores}
    try:
        answer = own_runner.estimate(body)
        assert answer["kind"] == "request"
        assert answer["message"] == "The request needs too much memory to be estimated."
    except (ConnectionError, http.client.HTTPException):
        assert "is ended and replaced" in own_runner.log.read_text()
    request_body["input_config"] = {"store_id": "@demo", "data_id": "demo.zarr"}
    assert own_runner.estimate(body)["status"] == "ok"


def test_an_estimate_that_takes_too_long_is_ended(runner: Runner, stores, request_body):
    """A server that accepts and says nothing stands for a store that hangs."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        stores["hanging"] = s3_store(f"http://127.0.0.1:{server.getsockname()[1]}")
        request_body["input_config"]["store_id"] = "@hanging"
        answer = runner.estimate({"request": request_body, "stores": stores, "limit_s": 8})
    assert (answer["kind"], answer["status_code"]) == ("store", 504)
    assert '"hanging"' in answer["message"]
