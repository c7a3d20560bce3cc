"""Where the pixels of a cube lie: which dimensions are x and y, where north is, what is how wide.

Most cubes have one-dimensional coordinates, in degrees or metres, also those with a rotated pole.
Of those with two-dimensional longitudes and latitudes only the corners are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

_NAMES = {
    "x": ("lon", "longitude", "x", "rlon", "xc", "easting", "ni", "i"),
    "y": ("lat", "latitude", "y", "rlat", "yc", "northing", "nj", "j"),
}
_STANDARD_NAMES = {
    "x": ("longitude", "projection_x_coordinate", "grid_longitude"),
    "y": ("latitude", "projection_y_coordinate", "grid_latitude"),
}
_CIRCLE = 360.0
SMALLEST_COSINE = 0.1
"""So that a picture that reaches a pole is not infinitely narrow."""


@dataclass(frozen=True)
class Axis:
    """A horizontal dimension. `first` and `last` are the centers of its first and last pixel."""

    dim: Hashable
    size: int
    first: float | None = None
    last: float | None = None

    @property
    def step(self) -> float | None:
        if self.first is None or self.last is None or self.size < 2:
            return None
        return (self.last - self.first) / (self.size - 1)

    def edges(self, begin: int, end: int) -> tuple[float, float] | None:
        """The outer coordinates of the pixels from `begin` to `end`, the smaller first."""
        step = self.step
        if step is None or self.first is None:
            return None
        edges = [self.first + (number - 0.5) * step for number in (begin, end)]
        return min(edges), max(edges)


@dataclass(frozen=True)
class Grid:
    """The horizontal grid. With `is_measured`, the axes are the cube's own coordinates."""

    x: Axis
    y: Axis
    is_in_degrees: bool
    is_measured: bool = True

    @property
    def is_upside_down(self) -> bool:
        """Whether the first row is in the south, where a picture has its last one."""
        return (self.y.step or -1.0) > 0

    @property
    def is_mirrored(self) -> bool:
        return (self.x.step or 1.0) < 0

    def shift(self, xs: np.ndarray) -> int:
        """How many of the pixels `xs` to roll, so that a map begins at -180 degrees."""
        step = self.x.step
        if not self.is_in_degrees or step is None or self.x.first is None:
            return 0
        is_circle = abs(abs(step) * self.x.size - _CIRCLE) < 1.5 * abs(step)
        longitudes = self.x.first + xs * step
        if not is_circle or longitudes.max() <= 180 + abs(step) or longitudes.min() < -1:
            return 0
        return int(np.count_nonzero(longitudes >= 180))

    def bbox(self, rows: slice, columns: slice, *, is_shifted: bool) -> list[float] | None:
        """The area of a window in the coordinates of the cube: x1, y1, x2, y2."""
        x = self.x.edges(columns.start, columns.stop) if self.is_measured else None
        y = self.y.edges(rows.start, rows.stop) if self.is_measured else None
        if x is None or y is None:
            return None
        if is_shifted:
            x = (-180.0, 180.0)
        if self.is_in_degrees:
            y = (max(-90.0, y[0]), min(90.0, y[1]))
        return [round(value, 6) for value in (x[0], y[0], x[1], y[1])]

    def proportion(self, rows: slice, columns: slice) -> float:
        """Width by height on the ground; by pixels if the grid does not say."""
        pixels = (columns.stop - columns.start) / max(1, rows.stop - rows.start)
        x, y = self.x.step, self.y.step
        if not x or not y or self.y.first is None:
            return pixels
        narrower = 1.0
        if self.is_in_degrees:
            middle = self.y.first + y * (rows.start + rows.stop - 1) / 2
            narrower = max(SMALLEST_COSINE, math.cos(math.radians(max(-90.0, min(90.0, middle)))))
        return pixels * abs(x / y) * narrower


def find(dataset: xr.Dataset) -> Grid | None:
    """The grid of a cube; None if nothing tells which dimensions are horizontal."""
    x, y = _dimension(dataset, "x"), _dimension(dataset, "y")
    twins = _two_dimensional(dataset)
    if twins is not None and (x is None or y is None or x not in dataset.coords):
        return _curvilinear(*twins)
    if x is None or y is None:
        return None
    across, up = _axis(dataset, x), _axis(dataset, y)
    is_in_degrees = all(_is_in_degrees(dataset, dim) for dim in (x, y))
    is_on_earth = all(abs(end) <= 91 for end in (up.first, up.last) if end is not None)
    return Grid(across, up, is_in_degrees and is_on_earth)


def _dimension(dataset: xr.Dataset, axis: str) -> Hashable | None:
    used = [dim for dim in dataset.sizes if any(dim in v.dims for v in dataset.data_vars.values())]
    for dim in used:
        attributes = dataset[dim].attrs if dim in dataset.coords else {}
        if attributes.get("standard_name") in _STANDARD_NAMES[axis]:
            return dim
    for name in _NAMES[axis]:
        for dim in used:
            if str(dim).lower() == name:
                return dim
    for dim in used:
        if dim in dataset.coords and dataset[dim].attrs.get("axis") == axis.upper():
            return dim
    return None


def _axis(dataset: xr.Dataset, dim: Hashable) -> Axis:
    size = dataset.sizes[dim]
    if dim not in dataset.coords or dataset[dim].ndim != 1 or size == 0:
        return Axis(dim, size)
    ends = dataset[dim].isel({dim: [0, -1]})
    return _between(dim, size, *_numbers(ends.values))


def _between(dim: Hashable, size: int, *ends: float) -> Axis:
    is_known = len(ends) == 2 and all(map(math.isfinite, ends))
    return Axis(dim, size, *ends) if is_known else Axis(dim, size)


def _numbers(values: np.ndarray) -> list[float]:
    return [float(value) for value in values] if values.dtype.kind in "iuf" else []


def _is_in_degrees(dataset: xr.Dataset, dim: Hashable) -> bool:
    attributes = dataset[dim].attrs if dim in dataset.coords else {}
    units = attributes.get("units")
    if isinstance(units, str) and units:
        return units.lower().startswith("deg")
    return str(dim).lower() in ("lon", "longitude", "rlon", "lat", "latitude", "rlat")


def _two_dimensional(dataset: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray] | None:
    """Longitudes and latitudes that both depend on both dimensions."""
    found: dict[str, xr.DataArray] = {}
    for name, coord in dataset.coords.items():
        if coord.ndim == 2 and coord.dtype.kind in "iuf":
            meant: Any = coord.attrs.get("standard_name") or str(name).lower()
            for axis in ("x", "y"):
                if meant in _STANDARD_NAMES[axis] or meant in _NAMES[axis][:2]:
                    found[axis] = coord
    if set(found) != {"x", "y"} or found["x"].dims != found["y"].dims:
        return None
    return found["x"], found["y"]


def _curvilinear(longitudes: xr.DataArray, latitudes: xr.DataArray) -> Grid:
    y, x = latitudes.dims
    height, width = latitudes.shape
    middle = {x: width // 2, y: height // 2}
    xs = _numbers(longitudes.isel({y: middle[y], x: [0, -1]}).values)
    ys = _numbers(latitudes.isel({x: middle[x], y: [0, -1]}).values)
    return Grid(_between(x, width, *xs), _between(y, height, *ys), True, is_measured=False)
