"""Nobody's Zarr runs a command: not in an estimate, not in a run, not with an old numcodecs."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.servers.missing import missing

from .runnerprocess import CHECKOUT, Runner

pytestmark = pytest.mark.xcube

OPEN = "import sys, xarray; xarray.open_zarr(sys.argv[1])"


@pytest.fixture(scope="module")
def old_numcodecs() -> str:
    """The folder of numcodecs 0.16.3, whose pickle codec asks nobody."""
    found = list((CHECKOUT / ".codecs" / "lib").glob("python*/site-packages"))
    if not found:
        missing("an old numcodecs is not installed: run `make .codecs/.installed`")
    return str(found[0])


@pytest.fixture(scope="module", params=["installed", "old"])
def armed_runner(xcube_python: Path, old_numcodecs: str, request: Any) -> Iterator[Runner]:
    """A runner with the installed numcodecs, allowed to unpickle, or with the old one."""
    environment = {"NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE": "1"}
    if request.param == "old":
        environment["PYTHONPATH"] = f"{old_numcodecs}{os.pathsep}{CHECKOUT}"
    runner = Runner(str(xcube_python), "--estimators", "1", environment=environment).start()
    yield runner
    runner.close()


class Command:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def hostile_cube(path: Path, *, marker: Path, role: str) -> None:
    """A cube of Zarr 2 whose coordinate `lat` is decoded by pickle: the command runs then."""
    pickled: dict[str, Any] = {"filters": [{"id": "vlen-utf8"}, {"id": "pickle"}]}
    if role == "compressor":
        pickled = {"filters": [{"id": "vlen-utf8"}], "compressor": {"id": "pickle"}}
    files: dict[str, bytes] = {".zgroup": b'{"zarr_format": 2}'}
    for name, dtype, size in (("lon", "<f8", 2), ("lat", "|O", 2), ("time", "<i8", 1)):
        array = {"zarr_format": 2, "shape": [size], "chunks": [size], "dtype": dtype}
        array |= {"fill_value": None, "order": "C", "compressor": None, "filters": None}
        array |= pickled if name == "lat" else {}
        files[f"{name}/.zarray"] = json.dumps(array).encode()
        files[f"{name}/.zattrs"] = json.dumps({"_ARRAY_DIMENSIONS": [name]}).encode()
        files[f"{name}/0"] = bytes(8 * size)
    files["lat/0"] = pickle.dumps(Command(marker))
    for file, data in files.items():
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_bytes(data)


ROLES = pytest.mark.parametrize("role", ["filter", "compressor"])


@ROLES
def test_the_old_one_runs_the_command_by_itself(xcube_python, old_numcodecs, tmp_path, role):
    """Else the tests below would show nothing."""
    marker = tmp_path / "ran"
    hostile_cube(tmp_path / "cube.zarr", marker=marker, role=role)
    command = [xcube_python, "-c", OPEN, str(tmp_path / "cube.zarr")]
    environment = {**os.environ, "PYTHONPATH": old_numcodecs}
    subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_S, check=False)
    assert marker.exists()


@ROLES
def test_no_estimate_and_no_run_does(armed_runner, demo_root, tmp_path, stores, request_body, role):
    marker = tmp_path / "ran"
    hostile_cube(tmp_path / "out" / "hostile.zarr", marker=marker, role=role)
    request_body["input_config"] = {"store_id": "@out", "data_id": "hostile.zarr"}
    request_body["cube_config"] = {}
    answer = armed_runner.estimate({"request": request_body, "stores": stores})
    assert (answer["status"], answer["kind"]) == ("error", "request"), answer
    assert "pickle" in answer["message"]
    payload = {"kind": "cubegen", "request": request_body, "stores": stores, "code": None}
    run = armed_runner.end_of(armed_runner.launch(payload))
    assert run["reason"] == "XCUBE_ERROR"
    assert not marker.exists()
    # What decodes nothing but numbers and text is still there.
    request_body["input_config"] = {"store_id": "@demo", "data_id": "demo.zarr"}
    assert armed_runner.estimate({"request": request_body, "stores": stores})["status"] == "ok"


LEFT = """
import sys
from jobs.runner.work import codecs
import numcodecs, numcodecs.registry, zarr.registry
from importlib.metadata import EntryPoint

class Foreign(numcodecs.Zlib):
    codec_id = "foreign"
numcodecs.register_codec(Foreign)
stranger = EntryPoint("dill", "os:system", "numcodecs.codecs")
numcodecs.registry.entries["dill"] = stranger
zarr.registry.register_codec("foreign", Foreign)
known = getattr(zarr.registry, "__codec_registries")
known["dill"].lazy_load_list.append(EntryPoint("dill", "os:system", "zarr.codecs"))
known["zstd"].lazy_load_list.append(EntryPoint("zstd", "os:system", "zarr.codecs"))
codecs.disarm()
for name in ("pickle", "foreign", "dill"):
    try:
        numcodecs.get_codec({"id": name})
        sys.exit(f"numcodecs has {name}")
    except ValueError:
        pass
    try:
        zarr.registry.get_codec_class(name)
        sys.exit(f"zarr has {name}")
    except KeyError:
        pass
print(numcodecs.get_codec({"id": "blosc"}), zarr.registry.get_codec_class("zstd"))
"""


@pytest.mark.parametrize("which", ["installed", "old"])
def test_codecs_of_strangers_are_found_nowhere(xcube_python, old_numcodecs, which):
    path = str(CHECKOUT) if which == "installed" else f"{old_numcodecs}{os.pathsep}{CHECKOUT}"
    command = [xcube_python, "-c", LEFT]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    assert "Blosc" in done.stdout
