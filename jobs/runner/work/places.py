"""Where on Earth a data set lies: CRS, bounding box, spatial resolution.

By its coordinates, which are bounded; else by the attributes that ACDD names for it.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ..system.process import say
from .footprint import footprint

MOST_ELEMENTS = 4_000_000
"""Coordinates with more elements are not read: with two dimensions they are as large as data."""
CRS_CHARS = 8000
MOST_VARIABLES = 5000

_GEOSPATIAL = (
    "geospatial_lon_min",
    "geospatial_lat_min",
    "geospatial_lon_max",
    "geospatial_lat_max",
)


def of(dataset: Any) -> dict[str, Any]:
    """{"crs", "bbox", "bbox_wgs84", "spatial_res"} of an xarray data set, null if unknown."""
    try:
        crs, bbox, resolution = _grid(dataset)
    except Exception as error:  # noqa: BLE001 - metadata may be anything, and so what they cause
        say(f"no grid is known of a data set: {type(error).__name__}: {error}")
        crs, bbox, resolution = None, None, None
    found = told(crs, bbox, resolution)
    if found["bbox_wgs84"] is None:
        found["bbox_wgs84"] = _as_attributes_tell(dataset.attrs)
    return found


def told(crs: str | None, bbox: list[float] | None, resolution: float | None) -> dict[str, Any]:
    """The place in the data's CRS and in WGS84; None for what cannot be derived."""
    wgs84 = None
    if crs and bbox:
        try:
            wgs84 = (footprint(crs, bbox) or {}).get("bbox")
        except Exception as error:  # noqa: BLE001 - PROJ refuses what it does not know
            say(f"no place on Earth is known of a data set: {type(error).__name__}: {error}")
    return {"crs": crs, "bbox": bbox, "bbox_wgs84": wgs84, "spatial_res": resolution}


def _grid(dataset: Any) -> tuple[str | None, list[float] | None, float | None]:
    """CRS, bounding box and resolution by the first grid mapping of CF that is complete."""
    from xcube.core.gridmapping.cfconv import get_dataset_grid_mapping_proxies

    if len(dataset.variables) > MOST_VARIABLES:
        return None, None, None
    grids = get_dataset_grid_mapping_proxies(dataset)
    for grid in grids.values():
        x, y = _axis(grid.coords.x), _axis(grid.coords.y)
        if x is None or y is None:
            continue
        west, east, x_res = x
        south, north, y_res = y
        if grid.crs.is_geographic:
            if south >= 90 or north <= -90:  # metres, as of data that name no CRS
                continue
            south, north = max(south, -90.0), min(north, 90.0)
        resolution = x_res if x_res is not None else y_res
        return _name_of(grid.crs), [west, south, east, north], resolution
    return next((_name_of(grid.crs) for grid in grids.values()), None), None, None


def _axis(coord: Any) -> tuple[float, float, float | None] | None:
    """(least, largest, resolution): from edge to edge of the pixels. None if it is unknown."""
    if coord.size > MOST_ELEMENTS or coord.dtype.kind not in "iuf":
        return None
    values = np.asarray(coord.values, dtype="float64")
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    least, largest = float(finite.min()), float(finite.max())
    if values.ndim != 1 or len(values) < 2 or len(finite) < len(values):
        return least, largest, None
    first, last = abs(float(values[1] - values[0])), abs(float(values[-1] - values[-2]))
    if values[0] > values[-1]:
        first, last = last, first
    resolution = (largest - least) / (len(values) - 1)
    if not resolution or not math.isfinite(resolution):
        return least, largest, None
    digits = min(15, max(0, 6 - math.floor(math.log10(resolution))))
    return (
        round(least - first / 2, digits),
        round(largest + last / 2, digits),
        round(resolution, digits),
    )


def _name_of(crs: Any) -> str | None:
    """`EPSG:32632` where PROJ knows it so, else its WKT."""
    authority = crs.to_authority(min_confidence=70)
    name = ":".join(authority) if authority else crs.to_wkt()
    return name if len(name) <= CRS_CHARS and re.fullmatch(r"[^\0]+", name) else None


def _as_attributes_tell(attrs: Any) -> list[float] | None:
    try:
        bounds = [float(attrs[name]) for name in _GEOSPATIAL]
    except (KeyError, TypeError, ValueError):
        return None
    west, south, east, north = bounds
    if not all(map(math.isfinite, bounds)) or not -90 <= south <= north <= 90 or west > east:
        return None
    return (footprint("EPSG:4326", bounds) or {}).get("bbox")
