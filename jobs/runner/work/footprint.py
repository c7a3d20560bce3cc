"""The area that a cube covers, in WGS84, as GeoJSON wants it (RFC 7946).

A rectangle of another CRS is no rectangle of longitudes and latitudes, so its edges are followed.
What crosses the antimeridian is cut there, and its bounding box has a west that is larger than
its east. An area that holds a pole is told by its bounding box.
"""

from __future__ import annotations

import math
from typing import Any

POINTS_OF_AN_EDGE = 16
DECIMALS = 6
EARTH_RADIUS_M = 6_371_008.8
_WHOLE = 360.0


def footprint(crs: str, bbox: list[float]) -> dict[str, Any] | None:
    """{"bbox", "geometry"} in WGS84 of `bbox` in `crs`; None if it has no place on Earth.

    With "metres_per_unit" of the CRS, which of degrees is that along a meridian.
    """
    import pyproj

    known = pyproj.CRS.from_user_input(crs)
    found = _footprint(known, bbox)
    if found is None:
        return None
    units = [axis.unit_conversion_factor for axis in known.axis_info]
    factor = (units or [1.0])[0] * (EARTH_RADIUS_M if known.is_geographic else 1.0)
    return {**found, "metres_per_unit": factor}


def _footprint(known: Any, bbox: list[float]) -> dict[str, Any] | None:
    import pyproj

    x1, y1, x2, y2 = (float(value) for value in bbox)
    if known.is_geographic:
        # Whatever the datum, metres do not matter here; but degrees beyond 180 do.
        return _of_degrees(x1, y1, x2, y2)
    transform = pyproj.Transformer.from_crs(known, "EPSG:4326", always_xy=True)
    west, south, east, north = transform.transform_bounds(
        x1, y1, x2, y2, densify_pts=POINTS_OF_AN_EDGE + 5
    )
    if not all(math.isfinite(value) for value in (west, south, east, north)):
        return None
    box = _of_degrees(west, south, east if west <= east else east + _WHOLE, north)
    if west > east or north >= 90 or south <= -90 or east - west >= _WHOLE:
        return box
    xs, ys = _edges(x1, y1, x2, y2)
    ring = [
        [round(float(x), DECIMALS), round(float(y), DECIMALS)]
        for x, y in zip(*transform.transform(xs, ys), strict=True)
    ]
    if not all(math.isfinite(value) for point in ring for value in point):
        return box
    if max(abs(a[0] - b[0]) for a, b in zip(ring, ring[1:], strict=False)) > _WHOLE / 2:
        return box  # it jumps over the antimeridian, though its bounds do not say so
    if _is_clockwise(ring):
        ring.reverse()
    return {"bbox": box["bbox"], "geometry": {"type": "Polygon", "coordinates": [ring]}}


def _of_degrees(west: float, south: float, east: float, north: float) -> dict[str, Any] | None:
    """The same of a rectangle of degrees, whose east may be beyond 180 or 360."""
    west, east = min(west, east), max(west, east)
    south, north = max(-90.0, min(south, north)), min(90.0, max(south, north))
    if not all(math.isfinite(v) for v in (west, east)) or south > north:
        return None
    if east - west >= _WHOLE:
        return _box([(-180.0, 180.0)], south, north)
    turned = math.floor((west + 180.0) / _WHOLE) * _WHOLE
    west, east = west - turned, east - turned  # -180 <= west < 180
    if east <= 180:
        return _box([(west, east)], south, north)
    return _box([(west, 180.0), (-180.0, east - _WHOLE)], south, north)


def _box(parts: list[tuple[float, float]], south: float, north: float) -> dict[str, Any]:
    south, north = round(south, DECIMALS), round(north, DECIMALS)
    parts = [(round(west, DECIMALS), round(east, DECIMALS)) for west, east in parts]
    rings = [
        [[[west, south], [east, south], [east, north], [west, north], [west, south]]]
        for west, east in parts
    ]
    geometry = (
        {"type": "Polygon", "coordinates": rings[0]}
        if len(rings) == 1
        else {"type": "MultiPolygon", "coordinates": rings}
    )
    return {"bbox": [parts[0][0], south, parts[-1][1], north], "geometry": geometry}


def _edges(x1: float, y1: float, x2: float, y2: float) -> tuple[list[float], list[float]]:
    """A closed ring around the rectangle."""
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]
    xs, ys = [x1], [y1]
    for (ax, ay), (bx, by) in zip(corners, corners[1:], strict=False):
        for step in range(1, POINTS_OF_AN_EDGE + 1):
            part = step / POINTS_OF_AN_EDGE
            xs.append(ax + (bx - ax) * part)
            ys.append(ay + (by - ay) * part)
    return xs, ys


def _is_clockwise(ring: list[list[float]]) -> bool:
    area = sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in zip(ring, ring[1:], strict=False))
    return area > 0
