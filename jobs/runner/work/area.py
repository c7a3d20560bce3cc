"""Checks that the requested area and grid fit the data, before anything is written."""

from __future__ import annotations

import math
from typing import Any

import pyproj
from pyproj.exceptions import CRSError, ProjError
from xcube.core.gen2.config import CubeConfig

from . import refusals

_FIELD = "cube_config.bbox"
_EDGE_POINTS = 21


def check_crs(text: str | None) -> None:
    """Only systems of two horizontal axes have an image. Raises RequestError."""
    if text is None:
        return
    field = "cube_config.crs"
    try:
        crs = pyproj.CRS.from_string(text)
    except (CRSError, ValueError) as error:
        raise refusals.refuse(field, f"crs is invalid: {error}") from error
    if crs.is_geocentric or crs.is_vertical or not (crs.is_geographic or crs.is_projected):
        kind = crs.type_name.removesuffix(" CRS").lower()
        raise refusals.refuse(
            field, f"{text!r} is {kind}; expected a geographic or projected system"
        )


def check(config: CubeConfig, gm: Any) -> None:
    """Compare `config` with the grid mapping of an input. Raises RequestError."""
    crs = pyproj.CRS.from_string(config.crs) if config.crs else gm.crs
    is_same = crs == gm.crs or (crs.is_geographic and gm.crs.is_geographic)
    if config.bbox is None:
        if not is_same:
            raise refusals.refuse(
                _FIELD,
                f"missing; {config.crs!r} is not the data's system ({gm.crs.name}), so expected "
                "the area to make, in its units",
            )
        return
    x1, y1, x2, y2 = config.bbox
    if crs.is_geographic and _crosses(config.bbox, gm):
        raise refusals.crosses_antimeridian(config.bbox)
    if not (x1 < x2 and y1 < y2):
        raise refusals.refuse(_FIELD, "expected x1 < x2 and y1 < y2")
    if config.spatial_res is not None:
        _check_pixels(
            "cube_config.spatial_res", config.bbox, config.spatial_res, config.spatial_res
        )
    asked = config.bbox if is_same else _transformed(config.bbox, crs, gm.crs)
    least = 0.0 if is_same else 1.0  # xcube finds no pixel's centre in less than one
    wide = (min(asked[2], gm.x_max) - max(asked[0], gm.x_min)) / gm.x_res
    high = (min(asked[3], gm.y_max) - max(asked[1], gm.y_min)) / gm.y_res
    if wide <= least or high <= least:
        if wide > 0 and high > 0:
            raise refusals.refuse(_FIELD, "covers less than one pixel of the data")
        data = gm.xy_bbox if is_same else _transformed(gm.xy_bbox, gm.crs, crs, is_rough=True)
        raise refusals.beside(config.bbox, data, config.crs or gm.crs.name)


def _crosses(bbox: Any, gm: Any) -> bool:
    """Whether the area continues at the other end of the data, where xcube does not look.

    An area that holds all of the data leaves nothing out, however wide it is.
    """
    x1, _, x2, _ = bbox
    if x2 <= x1:
        return x2 < x1
    if not gm.crs.is_geographic:
        return (x1 < -180 < x2) or (x1 < 180 < x2)
    edge = gm.x_res / 2
    east = x1 < 180 and x2 > 180 + edge and x2 - 360 > gm.x_min + edge
    west = x2 > -180 and x1 < -180 - edge and x1 + 360 < gm.x_max - edge
    holds_all = x1 <= gm.x_min + edge and x2 >= gm.x_max - edge
    return (east or west) and not holds_all


def check_size(gm: Any) -> None:
    """Check that the target grid is at least 2 x 2 pixels. Raises RequestError."""
    width, height = gm.size
    if width < 2 or height < 2:
        raise refusals.too_few_pixels(_FIELD, width, height, "holds too few pixels of the data")


def refusal(config: CubeConfig, gm: Any, error: ValueError) -> Exception:
    """The error if xcube cannot cut the data, or cannot place it on the target grid."""
    if config.time_range and "the data" in str(error):
        return refusals.refuse("cube_config.time_range", f"cannot be used: {error}")
    if config.bbox is None:
        return error
    x1, y1, x2, y2 = config.bbox
    if config.spatial_res is None:
        width, height = (x2 - x1) / gm.x_res, (y2 - y1) / gm.y_res
        if round(width) < 2 or round(height) < 2:
            return refusals.too_few_pixels(
                _FIELD, math.floor(width), math.floor(height), "too small for the data's pixels"
            )
    return refusals.refuse(_FIELD, f"fewer than 2 x 2 pixels of the data are in it ({error})")


def _check_pixels(field: str, bbox: Any, x_res: float, y_res: float) -> None:
    x1, y1, x2, y2 = bbox
    width, height = round((x2 - x1) / x_res), round((y2 - y1) / y_res)
    if width < 2 or height < 2:
        raise refusals.too_few_pixels(field, width, height, f"{x_res:g} is too large for the bbox")


def _transformed(bbox: Any, source: Any, target: Any, *, is_rough: bool = False) -> Any:
    """`bbox` in another system. Raises RequestError if it lies outside of where that exists."""
    try:
        transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
        found = transformer.transform_bounds(*bbox, densify_pts=_EDGE_POINTS)
        if all(map(math.isfinite, found)) or is_rough:
            return found
    except ProjError:
        if is_rough:
            return (math.nan,) * 4
    raise refusals.refuse(
        _FIELD, f"lies outside of the area of {source.name}, or is not in its units"
    )
