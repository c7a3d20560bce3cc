"""Checks for faults of a request that xcube would find late, or not at all.

Pure: reads only the request's JSON. Sizes that depend on the inputs are checked again on xcube's
answer.
"""

from __future__ import annotations

import datetime
from typing import Any

MAX_TIME_STEPS = 1_000_000
MAX_PIXELS_PER_SIDE = 10_000_000
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.4, "Y": 365.2}
_LENGTHS = {"bbox": 4, "tile_size": 2, "time_range": 2}


class RequestError(ValueError):
    """The request cannot be met; the message begins with the field, which `field` holds too."""

    status_code = 400

    def __init__(self, message: str, *, field: str | None = None):
        super().__init__(message)
        self.field = field or message.partition(":")[0]


def check(request: dict[str, Any]) -> None:
    """Check the request. Raises RequestError. xcube's schema checks the types."""
    config = request.get("cube_config")
    if not isinstance(config, dict):
        return
    for field, length in _LENGTHS.items():
        _check_length(config, field, length)
    for field in ("bbox", "spatial_res"):
        values = config.get(field)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, (int, float)) and not abs(value) < 1e300:
                raise RequestError(f"cube_config.{field}: {value} is not a usable number")
    _check_pixels(config)
    _check_times(config)


def check_answer(dims: dict[str, int]) -> None:
    """The same limits on the dimensions that xcube has computed."""
    for name, size in dims.items():
        if name == "time" and size > MAX_TIME_STEPS:
            raise _too_many_steps(size)
        if name != "time" and size > MAX_PIXELS_PER_SIDE:
            raise _too_many_pixels("wide" if name in ("lon", "x") else "high", size)


def _check_length(config: dict[str, Any], field: str, length: int) -> None:
    value = config.get(field)
    if isinstance(value, list) and len(value) != length:
        size = "short" if len(value) < length else "long"
        shown = str(value) if len(str(value)) < 80 else "the list"
        raise RequestError(f"cube_config.{field}: {shown} is too {size}")


def _check_pixels(config: dict[str, Any]) -> None:
    bbox, resolution = config.get("bbox"), config.get("spatial_res")
    if not isinstance(bbox, list) or not all(_is_number(v) for v in [*bbox, resolution]):
        return
    if resolution <= 0:
        return
    x1, y1, x2, y2 = bbox
    x2 = x2 + 360 if x2 < x1 else x2
    for name, extent in (("wide", x2 - x1), ("high", y2 - y1)):
        if extent / resolution > MAX_PIXELS_PER_SIDE:
            raise _too_many_pixels(name, extent / resolution)


def _check_times(config: dict[str, Any]) -> None:
    time_range, period = config.get("time_range"), config.get("time_period") or "1D"
    if not isinstance(time_range, list) or not isinstance(period, str):
        return
    try:
        first, last = (datetime.date.fromisoformat(text) for text in time_range)
        days = _DAYS[period[-1]] * int(period[:-1] or 1)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        return
    if last < first:
        raise RequestError(f"cube_config.time_range: {last} is before {first}")
    steps = (last - first).days / days
    if steps > MAX_TIME_STEPS:
        raise _too_many_steps(steps)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _too_many_steps(steps: float) -> RequestError:
    return RequestError(
        f"cube_config.time_range: {steps:,.0f} time steps are too many,"
        f" at most {MAX_TIME_STEPS:,} are possible"
    )


def _too_many_pixels(name: str, size: float) -> RequestError:
    shown = f"{size:,.0f}" if size < 1e15 else "endlessly many"
    return RequestError(
        f"cube_config.spatial_res: a cube {shown} pixels {name} is too large,"
        f" at most {MAX_PIXELS_PER_SIDE:,} are possible"
    )
