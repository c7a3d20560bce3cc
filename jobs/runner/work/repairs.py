"""Repairs of xcube 1.14 for legal data that it cannot read or combine by itself.

Each repair replaces one name in one module of xcube's generator, in this process. The estimate
uses the same functions as the run, so both have the same size. The faults of xcube are:

- a grid mapping that is a data variable (as CF has it) was dropped, so that projected data
  could be neither cut out nor reprojected;
- dimensions in another order than (time, …, y, x) made a variable vanish;
- `time_range` took a step at midnight after its last day too, failed for calendars other than
  ours if one end was open, and gave nothing for times that are not sorted;
- an image that is one tile was reprojected in memory, by code that fails with float32;
- a variable of one time step (or of one element of its first dimension) could not be reprojected;
- of several inputs, one without data in the time range brought its whole grid into the cube.
"""

from __future__ import annotations

import datetime
from typing import Any

import cftime
import pandas as pd
import xarray as xr
from xcube.core.gen2.local import combiner, generator, opener, resamplerxy, subsetter
from xcube.core.gen2.local.helpers import is_empty_cube
from xcube.core.normalize import decode_cube as decode_as_xcube
from xcube.core.resampling import rectify
from xcube.core.resampling import resample_in_space as resample_as_xcube

image_as_xcube = rectify._compute_var_image_xarray_dask


def install() -> None:
    """Repair xcube in this process and all that are forked from it."""
    opener.decode_cube = decode_cube
    subsetter.select_temporal_subset = select_time_range
    resamplerxy.resample_in_space = resample
    rectify._compute_var_image_xarray_dask = image_of
    generator.CubesCombiner = Combiner


def decode_cube(dataset: xr.Dataset, normalize: bool = False, **options: Any) -> Any:
    """xcube's `decode_cube`: (cube, grid mapping, variables that belong to no cube)."""
    dataset = _with_axes_last(_with_grid_mappings_as_coords(dataset))
    return decode_as_xcube(dataset, normalize=normalize, **options)


def _with_grid_mappings_as_coords(dataset: xr.Dataset) -> xr.Dataset:
    named = {variable.attrs.get("grid_mapping") for variable in dataset.data_vars.values()}
    found = [name for name in dataset.data_vars if name in named and not dataset[name].dims]
    return dataset.set_coords(found) if found else dataset


def _with_axes_last(dataset: xr.Dataset) -> xr.Dataset:
    """xcube brings `lat` and `lon` into order by itself, but no `y` and `x`."""
    if not {"time", "y", "x"} <= set(dataset.dims):
        return dataset
    odd = [
        name
        for name, variable in dataset.data_vars.items()
        if {"time", "y", "x"} <= set(variable.dims)
        and (variable.dims[0] != "time" or variable.dims[-2:] != ("y", "x"))
    ]
    return dataset.assign({name: dataset[name].transpose("time", ..., "y", "x") for name in odd})


def select_time_range(dataset: xr.Dataset, time_range: Any, time_name: str = "time") -> xr.Dataset:
    """The steps from the start of the first to the end of the last day; None is an open end.

    Raises ValueError if the data has no dates.
    """
    first, last = time_range
    if first is None and last is None:
        return dataset
    index = dataset.indexes.get(time_name)
    if index is None:
        raise ValueError("the data has no times")
    if not isinstance(index, (pd.DatetimeIndex, xr.CFTimeIndex)):
        raise ValueError("the data's times are no dates")
    if not index.is_monotonic_increasing:
        dataset = dataset.sortby(time_name)
        index = dataset.indexes[time_name]
    start, stop = 0, len(index)
    if first is not None:
        start = index.searchsorted(_moment(first, index), side="left")
    if last is not None:
        stop = index.searchsorted(_moment(last, index, days=1), side="left")
    return dataset.isel({time_name: slice(start, stop)})


def _moment(day: str, index: Any, *, days: int = 0) -> Any:
    """The start of a day, in the calendar of `index`; `days` later."""
    moment = pd.Timestamp(day)
    if isinstance(index, pd.DatetimeIndex):
        return moment + pd.Timedelta(days=days)
    # Not every calendar has our 31st, or 29 February.
    for day_of_month in range(moment.day, 0, -1):
        try:
            begin = cftime.datetime(
                moment.year, moment.month, day_of_month, calendar=index.calendar
            )
            break
        except ValueError:
            continue
    return begin + datetime.timedelta(days=days)


def resample(cube: xr.Dataset, *, source_gm: Any, target_gm: Any) -> xr.Dataset | None:
    """xcube's `resample_in_space`, always in tiles, which are what dask works on."""
    if not target_gm.is_tiled:
        width, height = target_gm.size
        # The image stays one tile; xcube only compares the two sizes.
        target_gm = target_gm.derive(tile_size=(width + 1, height + 1))
    return resample_as_xcube(cube, source_gm=source_gm, target_gm=target_gm)


def image_of(variable: xr.DataArray, *args: Any, **options: Any) -> Any:
    """xcube's reprojected image, with the leading dimensions of length 1 that xcube drops."""
    image = image_as_xcube(variable, *args, **options)
    return image[(None,) * (variable.ndim - image.ndim) + (...,)]


class Combiner(combiner.CubesCombiner):
    """Combines only those inputs that have data, as long as one has."""

    def combine_cubes(self, t_cubes: Any) -> Any:
        return super().combine_cubes([t for t in t_cubes if not is_empty_cube(t[0])] or t_cubes)
