"""What a run records of its cube: where on Earth it lies, and a digest that anyone can make."""

import hashlib
import json
import os
import subprocess

import pytest

from tests.conftest import CHECKOUT

pytestmark = pytest.mark.xcube

FOOTPRINTS = """
import json, sys
from jobs.runner.work.footprint import footprint
print(json.dumps([footprint(*case) for case in json.loads(sys.argv[1])]))
"""

CASES = {
    "plain": ("EPSG:4326", [0, 50, 5, 55]),
    "xcube's name": ("WGS84", [0, 50, 5, 55]),
    "0 to 360": ("EPSG:4326", [0, -90, 360, 90]),
    "beyond 180": ("EPSG:4326", [170, -10, 190, 10]),
    "all beyond 180": ("EPSG:4326", [190, -10, 200, 10]),
    "half a pixel too far": ("EPSG:4326", [-180.5, -90.5, 179.5, 90.5]),
    "utm": ("EPSG:32632", [300_000, 5_500_000, 800_000, 5_900_000]),
    "laea": ("EPSG:3035", [2_500_000, 1_500_000, 7_400_000, 5_400_000]),
    "utm at the antimeridian": ("EPSG:32601", [100_000, 7_000_000, 500_000, 7_500_000]),
    "north pole": ("EPSG:3413", [-2_000_000, -2_000_000, 2_000_000, 2_000_000]),
    "nowhere": ("EPSG:32632", [1e30, 1e30, 2e30, 2e30]),
}


@pytest.fixture(scope="module")
def found(xcube_forks):
    done = xcube_forks.run("-c", FOOTPRINTS, json.dumps([*CASES.values()]), cwd=CHECKOUT)
    return dict(zip(CASES, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(
    ("name", "bbox", "parts"),
    [
        ("plain", [0, 50, 5, 55], 1),
        ("xcube's name", [0, 50, 5, 55], 1),
        ("0 to 360", [-180, -90, 180, 90], 1),
        ("beyond 180", [170, -10, -170, 10], 2),
        ("all beyond 180", [-170, -10, -160, 10], 1),
        ("half a pixel too far", [-180, -90, 180, 90], 1),
    ],
)
def test_degrees(found, name, bbox, parts):
    assert found[name]["bbox"] == bbox
    rings = rings_of(found[name]["geometry"])
    assert len(rings) == parts
    assert all(len(ring) == 5 and ring[0] == ring[-1] for ring in rings)


def test_edges_of_projected_cubes_are_followed(found):
    for name, west, east in (("utm", 6.0, 13.6), ("laea", -33.6, 71.5)):
        (ring,) = rings_of(found[name]["geometry"])
        bbox = found[name]["bbox"]
        assert bbox[0] == pytest.approx(west, abs=1) and bbox[2] == pytest.approx(east, abs=3)
        assert len(ring) == 65 and ring[0] == ring[-1]
        xs, ys = zip(*ring, strict=True)
        assert [min(xs), min(ys)] == pytest.approx(bbox[:2], abs=0.05)
        assert [max(xs), max(ys)] == pytest.approx(bbox[2:], abs=0.05)
        assert sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in zip(ring, ring[1:], strict=False)) < 0


def test_what_crosses_the_antimeridian_is_cut_and_a_pole_is_a_box(found):
    crossing = found["utm at the antimeridian"]
    assert crossing["bbox"][0] > 0 > crossing["bbox"][2]
    assert len(rings_of(crossing["geometry"])) == 2
    pole = found["north pole"]
    assert pole["bbox"][0] == -180 and pole["bbox"][2] == 180 and pole["bbox"][3] == 90
    assert found["nowhere"] is None


def rings_of(geometry):
    coordinates = geometry["coordinates"]
    parts = coordinates if geometry["type"] == "MultiPolygon" else [coordinates]
    rings = [ring for part in parts for ring in part]
    assert all(-180 <= x <= 180 and -90 <= y <= 90 for ring in rings for x, y in ring)
    return rings


RECORD = """
import json, os, sys, time
import numpy as np
from xcube.core.new import new_cube
from xcube.core.store import DataStorePool
from jobs.runner.work import containment, made

containment.install()
root, what = sys.argv[1:]
stores = DataStorePool.from_dict({"out": {"store_id": "file", "store_params": {"root": root}}})
request = {"output_config": {"store_id": "@out"}}

def record(data_id):
    return made.record(request, stores, data_id=data_id)

cube = new_cube(width=8, height=4, x_res=1, x_start=3, y_start=50, time_periods=2,
                time_start="2020-01-01", variables={"sst": 1.5})
store = stores.get_store("@out") if what == "never" else stores.get_store("out")
store.write_data(cube, "cube.zarr")
store.write_data(cube, "cube.nc")
os.symlink("/etc/passwd", f"{root}/cube.zarr/secret")
answers = {"zarr": record("cube.zarr"), "netcdf": record("cube.nc"), "missing": record("no.zarr")}
made.MOST_FILES = 3
answers["many"] = record("cube.zarr")
made.MOST_FILES, made.DIGEST_S = 200_000, -1
answers["slow disk"] = record("cube.zarr")
made.DIGEST_S, made.RECORD_BYTES = 4.0, 100
answers["long"] = record("cube.zarr")
began = time.monotonic()
record("cube.zarr")
made.RECORD_BYTES, made.WITHIN_S = 40_000, max(5.0, 20 * (time.monotonic() - began))
made._files = lambda place, give_up: time.sleep(600)
answers["hanging"] = record("cube.zarr")
print(json.dumps(answers))
"""


def test_files_are_counted_and_their_digest_is_what_sha256sum_gives(xcube_forks, tmp_path):
    done = xcube_forks.run("-c", RECORD, tmp_path, "", cwd=CHECKOUT)
    answers = json.loads(done.stdout.splitlines()[-1])
    zarr = answers["zarr"]
    digest = subprocess.run(
        "find . -type f | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum",
        shell=True,
        cwd=tmp_path / "cube.zarr",
        capture_output=True,
        text=True,
        check=True,
    )
    files = [p for p in (tmp_path / "cube.zarr").rglob("*") if p.is_file() and not p.is_symlink()]
    assert zarr["files"] == {
        "count": len(files),
        "size_bytes": sum(p.stat().st_size for p in files),
        "sha256": digest.stdout.split()[0],
    }
    assert zarr["description"]["dims"] == {"time": 2, "lat": 4, "lon": 8, "bnds": 2}
    assert zarr["footprint"]["bbox"] == [3, 50, 11, 54]

    netcdf = (tmp_path / "cube.nc").read_bytes()
    assert answers["netcdf"]["files"] == {
        "count": 1,
        "size_bytes": len(netcdf),
        "sha256": hashlib.sha256(netcdf).hexdigest(),
    }
    assert answers["missing"] == {}
    assert answers["many"]["files"] == {k: zarr["files"][k] for k in ("count", "size_bytes")}
    assert "sha256" not in answers["slow disk"]["files"]
    assert answers["long"].keys() == {"footprint", "files"}
    assert answers["hanging"].keys() == {"description", "footprint"}
    assert os.path.lexists(tmp_path / "cube.zarr" / "secret")
