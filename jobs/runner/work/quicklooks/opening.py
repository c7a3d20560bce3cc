"""Opens the cube that a run wrote: metadata and coordinates only, of a pyramid a small level."""

from __future__ import annotations

import math
import os
import re
import warnings
from typing import Any

import xarray as xr

from .. import levels
from ..outputs import Place
from ..pieces import format_of
from .picture import LONGEST_SIDE

FILE_BYTES = 32 << 20
"""A file in an object store must be fetched as a whole; no larger ones are."""
_LEVEL = re.compile(r"([0-9]{1,3})\.zarr\Z")


class NotLooked(Exception):
    """There will be no pictures; the message says why."""


def open_output(output: dict[str, Any], stores: Any, *, with_levels: bool) -> xr.Dataset:
    """The smallest dataset that is large enough for a picture. Raises NotLooked."""
    place = Place.of(output, stores)
    if place is None:
        raise NotLooked("the store has no file system")
    written_as = format_of(output["data_id"], output.get("writer_id"))
    group = (output.get("write_params") or {}).get("group")
    if written_as == "zarr":
        pyramid = _pyramid(output, stores) if with_levels else None
        if pyramid is not None and (level := _small_level(pyramid)) is not None:
            return level
        return open_zarr(place.fs, place.path, group=group)
    if written_as == "levels":
        level = _small_level(place)
        if level is None:
            raise NotLooked("the pyramid has no levels")
        return level
    if written_as == "netcdf":
        return _open_netcdf(place, group)
    raise NotLooked(f"no pictures are made of {written_as or 'this format'}")


def _pyramid(output: dict[str, Any], stores: Any) -> Place | None:
    return Place.of({**output, "data_id": levels.name_of(output["data_id"])}, stores)


def _small_level(pyramid: Place) -> xr.Dataset | None:
    """The smallest level that has as many pixels as a picture; None: the cube itself is it."""
    names = [name.rstrip("/").rpartition("/")[2] for name in pyramid.fs.ls(pyramid.path, False)]
    found = sorted(int(match[1]) for match in map(_LEVEL.match, names) if match)
    if not found:
        return None
    smallest = open_zarr(pyramid.fs, f"{pyramid.path}/{found[-1]}.zarr")
    longest = max([1, *(size for v in smallest.data_vars.values() for size in v.shape[-2:])])
    wanted = found[-1] - max(0, math.ceil(math.log2(LONGEST_SIDE / longest)))
    if wanted == found[-1]:
        return smallest
    if wanted < found[0] and levels.LINK in names:
        return None
    nearest = min(found, key=lambda level: abs(level - wanted))
    return open_zarr(pyramid.fs, f"{pyramid.path}/{nearest}.zarr")


def open_zarr(fs: Any, path: str, *, group: str | None = None) -> xr.Dataset:
    """Without dask, whose graph of a million chunks would take longer than the pictures."""
    is_local = "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)
    store = path if is_local else fs.get_mapper(path)
    return _decoded(
        lambda **decoding: xr.open_zarr(store, chunks=None, group=group, **decoding),
    )


def _open_netcdf(place: Place, group: str | None) -> xr.Dataset:
    path = place.path
    if not place.is_local:
        if (place.fs.size(path) or 0) > FILE_BYTES:
            raise NotLooked(f"a file of more than {FILE_BYTES >> 20} MB is not fetched")
        path = os.path.abspath("cube.nc")
        place.fs.get_file(place.path, path)
    return _decoded(
        lambda **decoding: xr.open_dataset(path, engine="netcdf4", group=group, **decoding)
    )


def _decoded(opened: Any) -> xr.Dataset:
    """With decoded times, or without if they are not times."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return opened(decode_timedelta=False)
        except (ValueError, OverflowError, TypeError):
            return opened(decode_times=False)
