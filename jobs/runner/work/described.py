"""A planned cube as xcube describes one: `dataset_descriptor` and `size_estimation`."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pandas as pd
import xarray as xr
from xcube.core.store import DatasetDescriptor, VariableDescriptor

from .pieces import format_of
from .plan import Plan
from .refusals import day_of


def described(plan: Plan, output: dict[str, Any]) -> dict[str, Any]:
    """The `result` of an estimate, and the Zarr format of the output if it is one."""
    config, gm = plan.config, plan.gm
    descriptor = DatasetDescriptor(
        output.get("data_id") or "unnamed",
        crs=config.crs or _name_of(gm.crs),
        bbox=tuple(float(value) for value in config.bbox or gm.xy_bbox),
        spatial_res=float(config.spatial_res or gm.x_res),
        time_range=_time_range(plan),
        time_period=config.time_period or _time_period(plan),
        dims={dim: size for v in plan.variables for dim, size in v.sizes.items()},
        data_vars={
            v.name: VariableDescriptor(v.name, dtype=str(v.dtype), dims=tuple(v.sizes))
            for v in plan.variables
        },
    )
    result = {"dataset_descriptor": descriptor.to_dict(), "size_estimation": _sizes(plan)}
    if format_of(output.get("data_id"), output.get("writer_id")) != "netcdf":
        params = output.get("write_params") or {}
        result["zarr_format"] = params.get("zarr_format") or plan.zarr_format
    return result


def _sizes(plan: Plan) -> dict[str, Any]:
    """As xcube's estimate, but of all that is written: requests are images times tiles."""
    largest = max(plan.variables, key=lambda variable: variable.pixels)
    tile = [plan.chunk(largest, dim) for dim in (largest.x, largest.y)]
    tiles = [-(-plan.width // tile[0]), -(-plan.height // tile[1])]
    return {
        "image_size": [plan.width, plan.height],
        "tile_size": tile,
        "num_variables": len(plan.variables),
        "num_tiles": tiles,
        "num_requests": plan.images * math.prod(tiles),
        "num_bytes": sum(v.images * v.pixels * v.dtype.itemsize for v in plan.variables),
    }


def _name_of(crs: Any) -> str:
    if crs.is_geographic and crs.equals("EPSG:4326", ignore_axis_order=True):
        return "WGS84"
    return crs.to_string()


def _time_range(plan: Plan) -> tuple[str, str] | None:
    """The requested days; for an open end, that of the data."""
    first, last = plan.config.time_range or (None, None)
    dated = (pd.DatetimeIndex, xr.CFTimeIndex)
    times = [p.times for p in plan.parts if isinstance(p.times, dated) and len(p.times)]
    if not times:
        return (first, last) if first and last else None
    first = first or _date(min(index.min() for index in times))
    last = last or _date(max(index.max() for index in times))
    return (first, last) if first and last else None


def _date(moment: Any) -> str | None:
    """The day of `moment` as our calendar has it, which knows no 30 February and no year 10000.

    A day that it lacks becomes the month's last one. None if it lacks the month.
    """
    year_and_month, _, day = day_of(moment).rpartition("-")
    for number in (day, "30", "29", "28"):
        text = f"{year_and_month}-{number}"
        try:
            datetime.date.fromisoformat(text)
        except ValueError:
            continue
        return text
    return None


def _time_period(plan: Plan) -> str | None:
    """`8D` where the steps of the cube are all 8 days apart."""
    index = plan.parts[0].coords.indexes.get("time")
    if len(plan.parts) > 1 or not isinstance(index, pd.DatetimeIndex) or len(index) < 2:
        return None
    steps = index.to_series().diff().dropna().unique()
    if len(steps) != 1 or pd.Timedelta(steps[0]) % pd.Timedelta(days=1):
        return None
    return f"{pd.Timedelta(steps[0]).days}D"
