"""In the xcube environment: makes odd but legal datasets, and counts the images of cubes.

python written.py make FOLDER
python written.py count CUBE …      prints [images, width, height, steps] of each as JSON
python written.py levels ROOT ID …  prints, of the pyramid beside each cube, what is wrong with it,
                                    and [images, width, height] of each of its levels
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyproj
import xarray as xr

W, H = 20, 10


def cube(times, *, names=("a",), x0=0.0, res=1.0, width=W, height=H, north_first=True, **more):
    lat = res * (np.arange(height) + 0.5)
    axes = {"time": times, "lat": lat[::-1] if north_first else lat}
    axes["lon"] = x0 + res * (np.arange(width) + 0.5)
    shape = tuple(map(len, (times, axes["lat"], axes["lon"])))
    values = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    data = dict.fromkeys(names, (("time", "lat", "lon"), values))
    return xr.Dataset({**data, **more}, coords=axes)


def days(*texts):
    return np.array(texts, dtype="datetime64[ns]")


def january(year, number=4):
    return days(*(f"{year}-01-{day:02}" for day in range(1, number + 1)))


def projected():
    dataset = cube(january(2020), x0=400_000.0, res=1000.0, names=("a", "b"))
    dataset = dataset.rename(lon="x", lat="y").assign_coords(y=5_000_000 + dataset.lat.values)
    dataset["crs"] = xr.DataArray(0, attrs=pyproj.CRS(32632).to_cf())
    for name in ("a", "b"):
        dataset[name].attrs["grid_mapping"] = "crs"
    return dataset


def datasets():
    flat, deep = np.ones((H, W), "float32"), np.ones((4, 3, H, W), "float32")
    yield (
        "odd",
        cube(
            january(2020),
            label=("time", np.arange(4)),
            profile=(("time", "lat"), np.ones((4, H))),
            deep=(("time", "depth", "lat", "lon"), deep),
            scalar=1.5,
            crs=0,
        ),
    )
    yield "masked", cube(january(2020), mask=(("lat", "lon"), flat))
    dates = [f"{2012 + year}-{1 + 3 * year % 12:02}-1{year}" for year in range(8)]
    yield "irregular", cube(days(*sorted([*dates, *(d[:8] + "28" for d in dates)])))
    for year in range(2015, 2021):
        yield f"y{year}", cube(january(year))
    yield "other", cube(days("2020-01-02", "2020-01-09"), names=("b",))
    yield "larger", cube(january(2020), names=("b",), width=2 * W, height=2 * H)
    yield "shifted", cube(january(2020), names=("b",), x0=0.5)
    yield "unsorted", cube(days("2020-01-03", "2020-01-01", "2020-01-02"))
    yield "repeated", cube(days("2020-01-01", "2020-01-02", "2020-01-01"))
    yield "decreasing", cube(days("2020-01-03", "2020-01-02", "2020-01-01"))
    calendar = xr.date_range("2020-01-29", periods=4, calendar="360_day", use_cftime=True)
    yield "360-days", cube(calendar)
    calendar = xr.date_range("2020-02-29", periods=3, calendar="360_day", use_cftime=True)
    yield "30-february", cube(calendar)
    calendar = xr.date_range("12020-01-01", periods=3, calendar="noleap", use_cftime=True)
    yield "year-12020", cube(calendar)
    over = cube(january(2020))
    yield "over-360", over.assign_coords(lon=(over.lon + 350) % 360)
    yield "uneven", over.assign_coords(lat=over.lat + np.linspace(0, 0.9, H) ** 2)
    yield "numbers", cube(np.arange(4))
    yield "lat-lon-time", cube(january(2020)).transpose("lat", "lon", "time")
    yield "time-x-y", projected().drop_vars("b").transpose("time", "x", "y")
    yield "south-first", cube(january(2020), north_first=False)
    yield "tiny", cube(january(2020), width=2, height=2)
    yield "one-pixel", cube(january(2020), width=1, height=1)
    yield "utm", projected()
    covered = cube(january(2020, 1)).isel(time=0, drop=True)
    yield (
        "covered",
        covered.assign_attrs(time_coverage_start="2020-01-01", time_coverage_end="2020-01-02"),
    )
    yield "timeless", cube(january(2020, 1)).isel(time=0, drop=True)
    yield (
        "types",
        cube(
            january(2020),
            text=(("time", "lat", "lon"), np.full((4, H, W), "x")),
            moment=(("time", "lat", "lon"), np.full((4, H, W), np.datetime64("2020-01-01", "ns"))),
            complex=(("time", "lat", "lon"), np.full((4, H, W), 1j)),
        ),
    )
    yield "one-step", cube(january(2020, 1), deep=(("time", "depth", "lat", "lon"), deep[:1]))
    texts = np.full((4, H, W), "any length", object)
    named = {"text": (("time", "lat", "lon"), texts), "label": ("time", texts[:, 0, 0])}
    yield "texts", cube(january(2020), **named)
    yield "half", cube(january(2020)).astype("float16")
    yield "empty", cube(january(2020)).isel(time=slice(0, 0))
    yield "globe", cube(january(2020), x0=-180.0, width=36, height=9, res=10.0)
    yield "names", cube(january(2020), names=("a b", "ä", "x[0]"))
    yield "east", cube(january(2020), width=36, height=4, res=10.0)


def make(folder):
    for name, dataset in datasets():
        dataset.to_zarr(folder / f"{name}.zarr", zarr_format=2)
    cube(january(2020)).to_zarr(folder / "zarr3.zarr", zarr_format=3)
    (folder / "damaged.zarr").mkdir()
    (folder / "damaged.zarr" / ".zgroup").write_text("{")
    for name, content in (("damaged", b"CDF\1" + b"\xff" * 99), ("cut-off", b"\x89HDF\r\n\x1a\n")):
        (folder / f"{name}.nc").write_bytes(content)
    unknown = cube(january(2020), crs=xr.DataArray(0, attrs={"spatial_ref": "rubbish"}))
    unknown["a"].attrs["grid_mapping"] = "crs"
    unknown.to_zarr(folder / "unknown-crs.zarr", zarr_format=2)


def count(path):
    if path.suffix == ".nc":
        dataset = xr.open_dataset(path)
    else:
        dataset = xr.open_zarr(path / "0.zarr" if path.suffix == ".levels" else path)
    x, y = ("lon", "lat") if "lon" in dataset.dims else ("x", "y")
    images = sum(
        int(np.prod([size for dim, size in v.sizes.items() if dim not in (x, y)]))
        for v in dataset.data_vars.values()
        if {x, y} <= set(v.dims)
    )
    return [images, dataset.sizes[x], dataset.sizes[y], dataset.sizes["time"]]


def levels(root, data_id):
    """Opens the pyramid as viewers do, and compares it with the cube."""
    from xcube.core.store import new_data_store
    from xcube.core.subsampling import subsample_dataset

    store = new_data_store("file", root=root)
    pyramid = store.open_data(data_id.replace(".zarr", ".levels"), data_type="mldataset")
    cube = xr.open_zarr(f"{root}/{data_id}")
    faults = []
    if not pyramid.base_dataset.drop_encoding().identical(cube.drop_encoding()):
        faults.append("level 0 is not the cube")
    if (Path(root) / data_id.replace(".zarr", ".levels") / "0.zarr").exists():
        faults.append("level 0 is written twice")
    x, y = pyramid.grid_mapping.xy_dim_names
    methods = {n: "mean" if v.dtype.kind in "fc" else "first" for n, v in cube.data_vars.items()}
    for level in range(1, pyramid.num_levels):
        want = subsample_dataset(cube, 2**level, xy_dim_names=(x, y), agg_methods=methods)
        found = pyramid.get_dataset(level)
        for name in cube.data_vars:
            if not found[name].load().equals(want[name].load()):
                faults.append(f"{name} is another in level {level}")
    sizes = []
    for level in range(pyramid.num_levels):
        full = [v for v in pyramid.get_dataset(level).data_vars.values() if {x, y} <= set(v.dims)]
        images = sum(v[{x: 0, y: 0}].size for v in full)
        sizes.append([images, full[0].sizes[x], full[0].sizes[y]])
    return faults, sizes


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    elif sys.argv[1] == "levels":
        print(json.dumps([levels(sys.argv[2], data_id) for data_id in sys.argv[3:]]))
    else:
        print(json.dumps([count(Path(path)) for path in sys.argv[2:]]))
