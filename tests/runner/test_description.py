"""The description of a data set: what it tells, within which bounds, whatever the metadata are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from jobs.results.shape import PARTS

HERE = Path(__file__).parent

CODE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import cftime, geopandas, numpy as np, shapely, xarray as xr
from xcube.core.mldataset import BaseMultiLevelDataset
from xcube.core.new import new_cube
from jobs.runner.work.description import describe

folder = sys.argv[2]
found = {}
cube = new_cube(variables={"sst": 1.5}, width=36, height=18, x_res=10, y_res=10)
cube.sst.attrs |= {"units": "K", "valid_min": 270, "valid_max": np.float32(310), "color_bar_name":
    "thermal", "color_value_min": 271, "actual_range": np.array([1, 2]), "standard_name": "sst"}
cube.attrs["title"] = "Sea"
for name, zarr_format in (("two", 2), ("three", 3)):
    cube.chunk(lat=9).to_zarr(f"{folder}/{name}", zarr_format=zarr_format, consolidated=False)
    opened = xr.open_zarr(f"{folder}/{name}", consolidated=False)
    found[name] = describe(opened, data_id=name)
cube.to_netcdf(f"{folder}/cube.nc")
found["netcdf"] = describe(xr.open_dataset(f"{folder}/cube.nc"), data_id="cube.nc")
found["levels"] = describe(BaseMultiLevelDataset(cube.chunk(lat=9)))
projected = new_cube(variables={"a": 1.0}, width=36, height=18, x_res=1000, x_start=500000,
    y_start=5000000, crs="EPSG:32632", crs_name="crs", x_name="x", y_name="y")
found["projected"] = describe(projected)
found["downwards"] = describe(projected.isel(y=slice(None, None, -1)))
lon, lat = np.meshgrid(np.linspace(170, 190, 20), np.linspace(10, 20, 10))
axes = {"lon": (("y", "x"), lon), "lat": (("y", "x"), lat)}
found["swath"] = describe(xr.Dataset({"a": (("y", "x"), lon)}, coords=axes))
metres = {"lon": [5e5, 6e5], "lat": [5e6, 6e6]}
found["metres"] = describe(xr.Dataset({"a": (("lat", "lon"), np.zeros((2, 2)))}, coords=metres))
days = [cftime.Datetime360Day(2000, 2, day) for day in (28, 30)]
found["days"] = describe(xr.Dataset(coords={"time": days}))
nat = np.array(["NaT", "2001-01-01T00:00:00.5"], dtype="datetime64[ns]")
found["nat"] = describe(xr.Dataset(coords={"time": nat}))
found["no_times"] = describe(xr.Dataset(coords={"time": np.array([], dtype="datetime64[ns]")}))
found["numbers"] = describe(xr.Dataset(coords={"time": [1, 2, 3]}))
points = [shapely.Point(1, 2), shapely.Point(3, 4)]
features = geopandas.GeoDataFrame({"n": [1, 2]}, geometry=points, crs="EPSG:4326")
found["features"] = describe(features)
found["unknown"] = describe(object(), data_id="it")
hostile = {f"v{n}" * 20: (("time", "y"), np.zeros((2, 3)), {"units": 5, "long_name": "x" * 99999,
    "valid_range": "no", "actual_range": [0, np.inf], "_FillValue": np.nan}) for n in range(2000)}
hostile["w" * 1000] = ("y", [1, 2, 3])
hostile["\\ud800"] = ("y", [1, 2, 3])
attrs = {"coordinates": 5, "title": b"\\xff\\0", "many": np.arange(1000), "map": {"a": {}},
    "odd": "\\ud800", "large": 10**400, "geospatial_lon_min": "x", "crs_wkt": 7}
attrs |= {f"a{n}": "y" * 5000 for n in range(500)}
found["hostile"] = describe(xr.Dataset(hostile, attrs=attrs))
found["small"] = describe(cube, limit_bytes=700)
print(json.dumps(found, allow_nan=False))
"""


@pytest.fixture(scope="module")
def described(xcube_forks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("described")
    ran = xcube_forks.run("-c", CODE, HERE.parent.parent, folder)
    return json.loads(ran.stdout.splitlines()[-1])


def test_a_cube_is_described(described):
    cube = described["two"]
    assert cube["data_id"] == "two"
    assert (cube["data_type"], cube["zarr_format"]) == ("dataset", 2)
    assert (cube["crs"], cube["bbox"]) == ("EPSG:4326", [-180, -90, 180, 90])
    assert cube["bbox_wgs84"] == cube["bbox"]
    assert cube["spatial_res"] == 10
    assert cube["time_range"] == ["2010-01-01T12:00:00Z", "2010-01-05T12:00:00Z"]
    assert cube["time_steps"] == 5
    assert cube["dims"] == {"time": 5, "lat": 18, "lon": 36, "bnds": 2}
    assert cube["attributes"]["title"] == "Sea"
    assert cube["size_bytes"] > 5 * 18 * 36 * 8
    assert cube["variables"]["sst"] == {
        "dtype": "float64",
        "dims": ["time", "lat", "lon"],
        "chunks": [5, 9, 36],
        "units": "K",
        "long_name": None,
        "standard_name": "sst",
        "fill_value": "NaN",
        "valid_range": [270, 310],
        "value_range": [1, 2],
        "color": {"value_min": 271, "value_max": None, "bar_name": "thermal", "norm": None},
    }
    assert cube["coords"]["lat"]["first"] == -85
    assert cube["coords"]["time"]["last"] == "2010-01-05T12:00:00Z"


def test_the_format_is_told(described):
    assert described["three"]["zarr_format"] == 3
    assert described["three"]["variables"]["sst"]["chunks"] == [5, 9, 36]
    assert described["netcdf"]["zarr_format"] is None
    assert (described["levels"]["data_type"], described["levels"]["num_levels"]) == ("mldataset", 1)


def test_the_place_is_told(described):
    projected = described["projected"]
    assert projected["crs"] == "EPSG:32632"
    assert projected["bbox"] == [500000, 5000000, 536000, 5018000]
    assert projected["bbox_wgs84"] == pytest.approx([9, 45.15, 9.46, 45.32], abs=0.01)
    assert described["downwards"]["bbox"] == projected["bbox"]
    assert described["swath"]["bbox_wgs84"] == [170, 10, -170, 20]
    assert described["swath"]["spatial_res"] is None
    assert described["metres"]["bbox"] is None, "metres are no degrees"
    assert described["features"]["bbox"] == [1, 2, 3, 4]


def test_times_that_are_odd(described):
    assert described["days"]["time_range"] == ["2000-02-28T00:00:00Z", "2000-02-29T00:00:00Z"]
    assert described["nat"]["time_range"] == ["2001-01-01T00:00:00.5Z"] * 2
    for name, steps in (("no_times", 0), ("numbers", 3)):
        assert described[name]["time_range"] is None
        assert described[name]["time_steps"] == steps


def test_hostile_metadata_are_bounded(described):
    hostile = described["hostile"]
    assert len(json.dumps(hostile)) < 34_000
    assert len(hostile["variables"]) + hostile["left_out"]["variables"] == 2002
    assert all(v["valid_range"] is v["value_range"] is None for v in hostile["variables"].values())
    assert len(json.dumps(described["small"])) < 800
    assert described["unknown"] == {"data_id": "it", "data_type": "object"}


def test_every_description_has_the_shape_that_records_have(described):
    validator = Draft202012Validator(PARTS["description"])
    for name, description in described.items():
        assert not list(validator.iter_errors(description)), name
