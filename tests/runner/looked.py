"""Cubes of all kinds, and the quick-looks that the runner's own process makes of them.

Run by the Python of xcube: `looked.py ROOT` makes the cubes in ROOT and prints, as JSON by name,
what a run's supervisor would take and read for each.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import xarray as xr
import zarr
from PIL import Image

from jobs.runner.record.rundir import RunDir
from jobs.runner.run import looking as limits
from jobs.runner.run.looking import Looking
from jobs.runner.system import linux
from jobs.runner.work import warm

LAT = np.linspace(60, 50, 40)
LON = np.linspace(0, 20, 80)
TIMES = np.array(["2020-01-01", "2020-02-01", "2020-03-01"], "M8[ns]")


def letter(height: int = 40, width: int = 80) -> np.ndarray:
    """An F, which is upright and readable in one orientation only. No data above it."""
    image = np.full((height, width), 1.0)
    strokes = ((0.1, 0.9, 0.2, 0.32), (0.1, 0.22, 0.2, 0.8), (0.42, 0.52, 0.2, 0.6))
    for top, bottom, left, right in strokes:
        image[int(top * height) : int(bottom * height), int(left * width) : int(right * width)] = 5
    image[: int(0.08 * height)] = np.nan
    return image


def one(values: np.ndarray, lat: Any = LAT, lon: Any = LON, **attributes: Any) -> xr.Dataset:
    return xr.Dataset({"f": (("lat", "lon"), values, attributes)}, {"lat": lat, "lon": lon})


def cubes() -> dict[str, xr.Dataset]:
    f = letter()
    whole = np.nan_to_num(f)
    lon_2d, lat_2d = np.meshgrid(np.linspace(0, 20, 80), np.linspace(50, 60, 40))
    in_time = np.stack([f * np.nan, f * np.nan, f])
    many = {f"v{n:03}": (("lat", "lon"), f) for n in range(40)}
    mixed = one(f).assign(
        series=("time", [1.0, np.nan, 3.0]),
        text=("time", list("abc")),
        when=("time", TIMES),
        nothing=(("time", "lat", "lon"), np.full((3, 40, 80), np.nan)),
        later=(("time", "depth", "lat", "lon"), np.stack([in_time, in_time], 1)),
        ok=(("lat", "lon"), whole > 2),
        section=(("time", "lat"), np.arange(120.0).reshape(3, 40)),
        crs=((), 0, {"grid_mapping_name": "latitude_longitude"}),
        lat_bnds=(("lat", "bnds"), np.zeros((40, 2))),
    )
    hostile = one(f).assign(
        a=(("lat", "lon"), f, {"color_bar_name": "../../etc/passwd", "color_value_min": "NaN"}),
        b=(("lat", "lon"), f, {"valid_range": ["x", {}], "flag_values": "1b, ;drop"}),
        c=(("lat", "lon"), f, {"long_name": ["no text"], "units": 7, "color_value_max": 1e400}),
        d=(("lat", "lon"), whole, {"flag_values": list(range(5000)), "flag_meanings": 3}),
        e=(("lat", "lon"), f, {"long_name": "n" * 100_000, "color_bar_name": "x" * 10_000}),
    )
    hostile = hostile.rename(e="e<script>\u202e")
    x, y = 4e6 + 1000.0 * np.arange(80), 3e6 - 1000.0 * np.arange(40)
    return {
        "descending.zarr": one(f),
        "ascending.zarr": one(f[::-1], LAT[::-1]),
        "mirrored.zarr": one(f[:, ::-1], LAT, LON[::-1]),
        "transposed.zarr": one(f).transpose("lon", "lat"),
        "far-north.zarr": one(f, LAT + 20),
        "globe-360.zarr": one(
            np.roll(letter(90, 180), -90, 1), np.linspace(89, -89, 90), np.arange(1.0, 360, 2)
        ),
        "pacific.zarr": one(f, LAT, np.linspace(150, 210, 80)),
        "metres.zarr": xr.Dataset({"f": (("y", "x"), f)}, {"y": y, "x": x}),
        "rotated.zarr": one(f[::-1], LAT[::-1] - 55).rename(lat="rlat", lon="rlon"),
        "curvilinear.zarr": xr.Dataset(
            {"f": (("nj", "ni"), f[::-1])},
            {"lat": (("nj", "ni"), lat_2d), "lon": (("nj", "ni"), lon_2d)},
        ),
        "file.nc": one(f),
        "flags.zarr": one(whole.astype("u1"), flag_values=[0, 1, 5], flag_meanings="sky sea land"),
        "bits.zarr": one(whole.astype("u1"), flag_masks=[1, 4], flag_meanings="wet solid"),
        "own-colors.zarr": one(f, color_bar_name="magma", color_value_min=0, color_value_max=10),
        "logarithmic.zarr": one(f, color_norm="log", color_value_min=0.1, color_value_max=1000.0),
        "noise.zarr": one(
            np.random.default_rng(7).normal(size=(512, 512)), *[np.arange(512.0)] * 2
        ),
        "mixed.zarr": mixed.assign_coords(time=TIMES, depth=[0.5, 10.0]),
        "many.zarr": xr.Dataset(many, {"lat": LAT, "lon": LON}),
        "hostile.zarr": hostile,
        "packed.zarr": one(f),
        "huge-values.zarr": one(f * 1e300),
        "empty.zarr": xr.Dataset(),
    }


def write(root: Path) -> None:
    for name, cube in cubes().items():
        if name.endswith(".nc"):
            cube.to_netcdf(root / name)
        else:
            encoding = {}
            if name == "packed.zarr":
                encoding["f"] = {"dtype": "i2", "scale_factor": 0.01, "_FillValue": -9}
            cube.to_zarr(root / name, encoding=encoding, zarr_format=2)
    large(root)
    wicked(root)


def bare(root: Path, name: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> zarr.Array:
    """A Zarr array of this size with no chunk written."""
    group = zarr.open_group(root / name, mode="w", zarr_format=2)
    array = group.create_array("f", shape=shape, chunks=chunks, dtype="f4", fill_value=np.nan)
    array.attrs["_ARRAY_DIMENSIONS"] = ["time", "y", "x"][-len(shape) :]
    return array


def large(root: Path) -> None:
    array = bare(root, "many-chunks.zarr", (20_000, 20_000), (500, 500))
    array[9500:10500, 9500:10500] = 3.0
    array[9500:10500, 9500:10000] = 1.0
    bare(root, "one-chunk.zarr", (40_000, 40_000), (40_000, 40_000))
    bare(root, "million-chunks.zarr", (1_000_000, 64, 64), (1, 64, 64))[500_000] = 1.5


def wicked(root: Path) -> None:
    """What a run's own code could leave behind as its cube."""
    one(letter()).to_zarr(root / "bomb.zarr", zarr_format=2)
    meta = json.loads((root / "bomb.zarr/f/.zarray").read_text())
    meta |= {"compressor": {"id": "gzip", "level": 9}, "filters": None}
    (root / "bomb.zarr/f/.zarray").write_text(json.dumps(meta))
    shutil.rmtree(root / "bomb.zarr/.zmetadata", ignore_errors=True)
    (root / "bomb.zarr/.zmetadata").unlink()
    (root / "bomb.zarr/f/0.0").write_bytes(gzip.compress(bytes(10 << 20)) * 100)
    one(letter()).to_zarr(root / "linked.zarr", zarr_format=2)
    outside = root.parent / "outside.zarr"
    one(letter()).to_zarr(outside, zarr_format=2)
    shutil.rmtree(root / "linked.zarr/f")
    (root / "linked.zarr/f").symlink_to(outside / "f")
    one(letter()).to_zarr(root / "pickled.zarr", zarr_format=2)
    for file in ("f/.zarray", ".zmetadata"):
        text = (root / "pickled.zarr" / file).read_text()
        (root / "pickled.zarr" / file).write_text(text.replace('"blosc"', '"pickle"'))
    one(letter()).to_zarr(root / "endless.zarr", zarr_format=2)
    (root / "endless.zarr/f/0.0").unlink()
    os.mkfifo(root / "endless.zarr/f/0.0")


def look(root: Path, name: str, scratch: Path) -> dict[str, Any]:
    """What the process makes of the cube `name`."""
    run = RunDir(scratch, name.replace(".", "-"))
    run.path.mkdir(parents=True)
    store = {"store_id": "file", "store_params": {"root": str(root)}}
    request = {"output_config": {"store_id": "@out", "data_id": name}}
    payload = {"kind": "cubegen", "request": request, "stores": {"out": store}}
    run.write("workload.json", {"payload": payload, "env": {}})
    looking = Looking(run, umask=0o077)
    run.discard("workload.json")
    # A machine may be slow. Only what never ends shall reach the limit.
    limits.SHORTEST_S = limits.LONGEST_S = 1.0 if name == "endless.zarr" else 300.0
    looks: list[dict[str, Any]] = []
    log = bytearray()
    wake, other = os.pipe()
    try:
        problem = looking.look(
            1.0, taken=looks.append, said=log.extend, must_stop=lambda: False, wake=wake
        )
    finally:
        looking.end()
        _, _, usage = os.wait4(looking.pid, 0)
        os.close(wake)
        os.close(other)
    for one_look in looks:
        one_look["drawn"] = drawn(one_look.get("png"))
    return {
        "looks": looks,
        "problem": problem,
        "log": log.decode(),
        "peak_bytes": usage.ru_maxrss * 1024,
        "is_folder_gone": not (run.path / "looks").exists(),
    }


def drawn(png: str | None) -> list[str]:
    """A picture in 10 x 10 characters: a blank is transparent, # has the last color."""
    if png is None:
        return []
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    assert picture.mode == "P"
    width, height = picture.size
    last = max(number for _, number in picture.getcolors())

    def character(column: float, row: float) -> str:
        color = picture.getpixel((int(width * column), int(height * row)))
        return {0: " ", last: "#"}.get(color, ".")

    places = [0.05 + 0.1 * number for number in range(10)]
    return ["".join(character(column, row) for column in places) for row in places]


def main() -> None:
    root = Path(sys.argv[1])
    root.mkdir()
    pid = os.fork()  # to write starts threads, and from a process with threads none is forked
    if not pid:
        write(root)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    names = sorted(path.name for path in root.iterdir() if path.suffix in (".zarr", ".nc"))
    warm.import_xcube()
    warm.import_pictures()
    made = {name: look(root, name, root.parent / "runs") for name in names}
    own = linux.resident_bytes()
    print(json.dumps({"made": made, "resident_bytes": own}))


if __name__ == "__main__":
    main()
