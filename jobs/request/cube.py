"""Rules of a `cube_config` beyond its structure: its area, its times, its sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from .crs import crs_fault, is_geographic
from .errors import FieldError
from .json_rules import member, size_faults

MAX_SIDE = 1_000_000
_ENCODINGS = frozenset({"_FillValue", "scale_factor", "add_offset"})
_TIME_ENCODINGS = frozenset({"units", "calendar"})
FIRST_YEAR, LAST_YEAR = 1678, 2261  # whole years that pandas can count in nanoseconds


def cube_faults(cube: dict) -> Iterator[FieldError]:
    crs = cube.get("crs")
    if crs is not None and (fault := crs_fault(crs)):
        yield FieldError("cube_config.crs", fault)
    if (bbox := cube.get("bbox")) is not None:
        yield from _area_faults(bbox, is_geographic(crs), crs is None, cube.get("spatial_res"))
    if (time_range := cube.get("time_range")) is not None:
        yield from _time_faults(time_range)
    yield from size_faults("cube_config", cube, "metadata", "variable_metadata")
    for name, attributes in cube.get("variable_metadata", {}).items():
        for key in attributes:
            if key in _ENCODINGS or (name == "time" and key in _TIME_ENCODINGS):
                field = member(member("cube_config.variable_metadata", name), key)
                yield FieldError(field, "not accepted; expected it in write_params.encoding")


def _area_faults(
    bbox: list, geographic: bool | None, crs_is_open: bool, spatial_res: float | None
) -> Iterator[FieldError]:
    """Check the bounding box.

    `crs_is_open`: no CRS was given, so the CRS of the input applies. Numbers that can be degrees
    are then taken for degrees.
    """
    field = "cube_config.bbox"
    x1, y1, x2, y2 = bbox
    in_degrees = max(abs(x1), abs(x2)) <= 360 and max(abs(y1), abs(y2)) <= 90
    if geographic and not in_degrees:
        yield FieldError(field, "expected x within ±360 and y within ±90 degrees")
    elif x1 == x2:
        yield FieldError(field, "expected x1 and x2 to differ")
    elif -180 <= x2 < x1 <= 180 and in_degrees and (geographic or crs_is_open):
        yield FieldError(field, _two_cubes(bbox))
    elif x2 < x1:
        yield FieldError(field, "expected x1 < x2")
    elif not y1 < y2:
        yield FieldError(field, "expected y1 < y2")
    elif spatial_res is not None:
        yield from _resolution_faults(x2 - x1, y2 - y1, spatial_res)


def _two_cubes(bbox: list) -> str:
    x1, y1, x2, y2 = bbox
    return (
        "expected x1 < x2; a cube cannot cross the antimeridian: ask for two cubes, with "
        f"{[x1, y1, 180, y2]} and {[-180, y1, x2, y2]}"
    )


def _resolution_faults(width: float, height: float, spatial_res: float) -> Iterator[FieldError]:
    field = "cube_config.spatial_res"
    side = max(width, height) / spatial_res
    if side > MAX_SIDE:
        yield FieldError(
            field,
            f"too fine for the bbox: the image would be {side:,.0f} pixels long; "
            f"expected at most {MAX_SIDE:,}",
        )
    elif min(round(width / spatial_res), round(height / spatial_res)) < 2:
        yield FieldError(
            field,
            f"too large for the bbox: the image would have {round(width / spatial_res)} x "
            f"{round(height / spatial_res)} pixels; expected at least 2 x 2",
        )


def _time_faults(time_range: list) -> Iterator[FieldError]:
    days: list[date | None] = []
    for index, text in enumerate(time_range):
        field = f"cube_config.time_range[{index}]"
        day = _day(text) if text is not None else None
        if text is not None and day is None:
            yield FieldError(field, "expected a date YYYY-MM-DD, or null")
        elif day and not FIRST_YEAR <= day.year <= LAST_YEAR:
            yield FieldError(field, f"expected a year of {FIRST_YEAR} to {LAST_YEAR}")
        days.append(day)
    start, end = days
    if start and end and end < start:
        yield FieldError("cube_config.time_range", "expected the start not after the end")


def _day(text: str) -> date | None:
    """Check a date; xcube accepts no time of day."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
