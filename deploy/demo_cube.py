"""Makes the demo cube: a made-up year of the North Sea as a satellite might see it.

Run with the Python of the xcube environment: `python demo_cube.py <folder>/<name>.zarr`.
700 x 400 pixels of 0.02 degrees, 46 steps of 8 days, three variables; takes a few seconds.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.path import Path as Outline

WEST, SOUTH, RESOLUTION, WIDTH, HEIGHT = -3.0, 51.0, 0.02, 700, 400
TIMES = np.arange("2024-01-05", "2025-01-07", 8, dtype="datetime64[D]").astype("datetime64[ns]")

PAINT = ("color_bar_name", "color_value_min", "color_value_max")
"""Attributes that tell the viewer how to paint a variable."""

# Coasts in broad strokes (longitude, latitude).
BRITAIN = [
    (-3.1, 59.0), (-3.1, 58.6), (-4.0, 57.9), (-3.9, 57.6), (-2.0, 57.7), (-1.8, 57.4),
    (-2.2, 56.8), (-2.8, 56.3), (-3.2, 56.0), (-2.2, 55.9), (-1.6, 55.4), (-1.3, 54.7),
    (-0.5, 54.4), (-0.1, 54.1), (-0.1, 53.6), (0.3, 53.1), (0.3, 52.9), (1.2, 52.95),
    (1.75, 52.6), (1.6, 52.1), (1.2, 51.8), (0.7, 51.5), (1.4, 51.35), (1.3, 51.1), (0.0, 50.7),
    (-4, 50.5), (-4, 59.0),
]  # fmt: skip
CONTINENT = [
    (1.6, 50.9), (2.5, 51.1), (3.4, 51.4), (4.1, 52.0), (4.6, 52.6), (4.8, 53.0), (5.4, 53.2),
    (6.8, 53.45), (7.2, 53.7), (8.1, 53.7), (8.6, 53.9), (8.9, 54.1), (8.6, 54.4), (8.7, 54.9),
    (8.1, 55.5), (8.1, 56.5), (8.6, 57.1), (9.5, 57.2), (9.9, 57.6), (10.6, 57.75), (10.3, 57.0),
    (10.3, 56.5), (10.9, 56.4), (10.2, 55.8), (11.5, 55.0), (11.5, 50.0), (1.6, 50.0),
]  # fmt: skip
NORWAY = [
    (5.0, 59.5), (5.3, 58.9), (5.7, 58.5), (6.6, 58.1), (7.5, 58.0), (8.4, 58.25), (9.3, 58.8),
    (11.5, 59.2),
]  # fmt: skip


def main() -> None:
    target = Path(sys.argv[1])
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    cube = make_cube()
    # Version 2: xcube 1.14 cannot generate from a cube of Zarr's version 3.
    cube.to_zarr(draft, zarr_format=2, consolidated=True)
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    megabytes = sum(file.stat().st_size for file in target.rglob("*") if file.is_file()) / 1e6
    print(f"{target.name}: {WIDTH} x {HEIGHT} pixels, {len(TIMES)} times, {megabytes:.0f} MB")


def make_cube() -> xr.Dataset:
    lon = WEST + RESOLUTION * (np.arange(WIDTH) + 0.5)
    lat = SOUTH + RESOLUTION * (np.arange(HEIGHT)[::-1] + 0.5)
    coast, land = distance_to_coast(lon, lat)
    day = np.array([(t - TIMES[0]) / np.timedelta64(1, "D") + 5 for t in TIMES])
    season = day[:, None, None] / 365.25 * 2 * np.pi
    eddies = np.stack([smooth_noise(step) for step in range(len(TIMES))])
    north = (lat[:, None] - SOUTH) / 8

    # Warmest in late August, and shallow coastal water follows the seasons most.
    amplitude = 4.0 + 2.5 * np.exp(-coast / 0.6) - 1.5 * north
    sst = 283.4 - 2.2 * north - amplitude * np.cos(season - 0.62) + 0.7 * eddies
    # A spring bloom that comes later in the north, and a weaker one in autumn.
    spring = np.exp(-(((day[:, None, None] - 108 - 25 * north) / 22) ** 2))
    autumn = np.exp(-(((day[:, None, None] - 255) / 30) ** 2))
    coastal = np.exp(-coast / 0.35)
    chlorophyll = (0.5 + 4.5 * coastal) * (0.6 + 2.6 * spring + 0.9 * autumn)
    chlorophyll = chlorophyll * np.exp(0.35 * eddies)
    # Winter storms stir up the sediment of the shallow south.
    turbidity = (0.4 + 9 * coastal * (1.3 - north)) * (1.3 + 0.6 * np.cos(season - 0.2))
    turbidity = turbidity * np.exp(0.3 * eddies)

    variables = {
        "chlorophyll": (chlorophyll, "mg m-3", "Chlorophyll concentration in sea water",
                        "mass_concentration_of_chlorophyll_a_in_sea_water", 0.01,
                        ("viridis", 0.0, 6.0)),
        "sst": (sst, "K", "Sea surface temperature", "sea_surface_temperature", 0.01,
                ("inferno", 273.0, 293.0)),
        "turbidity": (turbidity, "FNU", "Turbidity of sea water", "sea_water_turbidity", 0.01,
                      ("copper", 0.0, 16.0)),
    }  # fmt: skip
    data_vars = {
        name: (
            ("time", "lat", "lon"),
            rounded(np.where(land, np.nan, values), step),
            {
                "units": units,
                "long_name": title,
                "standard_name": standard_name,
                **dict(zip(PAINT, paint, strict=True)),
            },
        )
        for name, (values, units, title, standard_name, step, paint) in variables.items()
    }
    cube = xr.Dataset(data_vars, coordinates(lon, lat), attributes())
    for name in data_vars:
        cube[name].encoding = {"chunks": (1, HEIGHT, WIDTH // 2), "_FillValue": np.nan}
    return cube


def rounded(values: np.ndarray, step: float) -> np.ndarray:
    """To a multiple of (nearly) `step`, a power of two, so that the cube compresses well."""
    step = 2.0 ** np.floor(np.log2(step))
    return (np.round(values / step) * step).astype("float32")


def distance_to_coast(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Roughly the distance in degrees, and where the land is."""
    x, y = np.meshgrid(lon, lat)
    points = np.column_stack([x.ravel(), y.ravel()])
    land = np.zeros(len(points), bool)
    distance = np.full(len(points), np.inf)
    for outline in (BRITAIN, CONTINENT, NORWAY):
        land |= Outline(outline).contains_points(points)
        corners = np.array(outline)
        for start, end in zip(corners[:-1], corners[1:], strict=True):
            way = end - start
            along = np.clip(((points - start) @ way) / (way @ way), 0, 1)
            off = points - start - along[:, None] * way
            distance = np.minimum(distance, np.hypot(off[:, 0] * 0.58, off[:, 1]))
    return distance.reshape(x.shape), land.reshape(x.shape)


def smooth_noise(step: int) -> np.ndarray:
    """Waves of some scales that drift with time, about -1 to 1; the same in each run."""
    draw = np.random.default_rng(20240105)
    x = np.arange(WIDTH) * RESOLUTION * 0.58
    y = np.arange(HEIGHT)[:, None] * RESOLUTION
    field = np.zeros((HEIGHT, WIDTH), "float32")
    for length in (4.0, 2.3, 1.3, 0.7, 0.4):
        for _ in range(3):
            angle, phase, drift = draw.uniform(0, 2 * np.pi, 3)
            k = 2 * np.pi / length
            wave = np.cos(k * np.cos(angle) * x + k * np.sin(angle) * y + phase + drift * step / 3)
            field += wave * np.sqrt(length) / 6
    return field


def coordinates(lon: np.ndarray, lat: np.ndarray) -> dict:
    return {
        "time": ("time", TIMES, {"standard_name": "time", "long_name": "time"}),
        "lat": ("lat", lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }


def attributes() -> dict[str, str | float]:
    return {
        "Conventions": "CF-1.10",
        "title": "North Sea, demonstration data",
        "summary": "Made-up values with the seasons and shapes of the North Sea; not measured.",
        "time_coverage_start": str(TIMES[0])[:10],
        "time_coverage_end": str(TIMES[-1])[:10],
        "geospatial_lon_min": WEST,
        "geospatial_lon_max": WEST + WIDTH * RESOLUTION,
        "geospatial_lat_min": SOUTH,
        "geospatial_lat_max": SOUTH + HEIGHT * RESOLUTION,
    }


if __name__ == "__main__":
    main()
