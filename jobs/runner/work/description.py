"""Describes a data set as JSON of bounded size, for users, pages and catalogues.

Only metadata and coordinates are read, never the data. Metadata come from whoever wrote the data
set, so each text, list and number is checked and cut; what makes no sense is null or left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..system import strictjson
from . import places, times

LIMIT_BYTES = 32_000
MOST_VARIABLES = 200
MOST_COORDS = 100
MOST_DIMS = 50
MOST_ATTRIBUTES = 60
MOST_ITEMS = 20
TEXT_CHARS = 1000
NAME_CHARS = 300
MOST_BYTES = 2**62
"""What is said to be larger is a mistake in the metadata, or no whole number for a database."""

_FIRST_ATTRIBUTES = (
    "title",
    "summary",
    "abstract",
    "description",
    "institution",
    "creator_name",
    "source",
    "license",
    "references",
    "keywords",
    "product_version",
)
_COLOR = {
    "value_min": "color_value_min",
    "value_max": "color_value_max",
    "bar_name": "color_bar_name",
    "norm": "color_norm",
}
_FIRST_AND_LAST = 1_000_000
"""The first and last value are read of coordinates with at most so many elements."""


def describe(data: Any, *, data_id: str = "", limit_bytes: int = LIMIT_BYTES) -> dict[str, Any]:
    """What is known of `data` as a store has opened it, in at most `limit_bytes` of JSON.

    {"data_id", "data_type", "crs", "bbox" (in that CRS), "bbox_wgs84", "spatial_res",
     "time_range": [first, last] in UTC, "time_steps", "dims": {name: size},
     "variables": {name: {"dtype", "dims", "chunks", "units", "long_name", "standard_name",
     "fill_value", "valid_range", "value_range", "color"}}, "coords": {name: {"dtype", "dims",
     "units", "long_name", "standard_name", "first", "last"}}, "zarr_format", "size_bytes"
     (decoded, not compressed), "attributes"}; null is what the data do not tell. A pyramid is
    described by its finest level, and has `num_levels`. If there is more than fits, `left_out`
    has the number of variables or other members that are missing.
    """
    kind, dataset = "dataset", data
    if hasattr(data, "base_dataset"):  # xcube's MultiLevelDataset
        kind, dataset = "mldataset", data.base_dataset
    if hasattr(data, "total_bounds"):  # a GeoDataFrame
        return _fitting(_of_features(data, data_id), limit_bytes)
    if not hasattr(dataset, "data_vars"):
        return _fitting({"data_id": data_id, "data_type": type(data).__name__}, limit_bytes)
    place = places.of(dataset)
    variables, no_variables = _some(dataset.data_vars, MOST_VARIABLES)
    coords, no_coords = _some(dataset.coords, MOST_COORDS)
    dims, no_dims = _some(dataset.sizes, MOST_DIMS)
    found: dict[str, Any] = {
        "data_id": data_id,
        "data_type": kind,
        **place,
        **times.of(dataset),
        "dims": {name: int(size) for name, size in dims.items()},
        "variables": {name: _variable(variable) for name, variable in variables.items()},
        "coords": {name: _coord(coord) for name, coord in coords.items()},
        "zarr_format": _zarr_format(dataset),
        "size_bytes": _size_bytes(dataset),
        "attributes": _attributes(dataset.attrs),
    }
    if kind == "mldataset":
        found["num_levels"] = int(data.num_levels)
    left_out = {"variables": no_variables, "coords": no_coords, "dims": no_dims}
    return _fitting(found, limit_bytes, left_out)


def _variable(variable: Any) -> dict[str, Any]:
    attrs, encoding = variable.attrs, variable.encoding
    color = {name: scalar(attrs.get(attribute)) for name, attribute in _COLOR.items()}
    found = {
        **_heading(variable),
        "chunks": _chunks(variable),
        "fill_value": scalar(_first(encoding, attrs, names=("_FillValue", "missing_value"))),
        "valid_range": _range(attrs, "valid_range", "valid_min", "valid_max"),
        "value_range": _range(attrs, "actual_range", "actual_min", "actual_max"),
    }
    if any(value is not None for value in color.values()):
        found["color"] = color
    return found


def _coord(coord: Any) -> dict[str, Any]:
    found = {**_heading(coord), "first": None, "last": None}
    if coord.ndim == 1 and 0 < coord.size <= _FIRST_AND_LAST and coord.name in coord.indexes:
        ends = coord.values[[0, -1]]
        found["first"], found["last"] = (times.moment(end) or scalar(end) for end in ends)
    return found


def _heading(variable: Any) -> dict[str, Any]:
    attrs = variable.attrs
    return {
        "dtype": str(variable.dtype),
        "dims": [str(dim)[:NAME_CHARS] for dim in variable.dims[:MOST_ITEMS]],
        "units": text(_first(attrs, variable.encoding, names=("units",))),
        "long_name": text(attrs.get("long_name")),
        "standard_name": text(attrs.get("standard_name")),
    }


def _chunks(variable: Any) -> list[int] | None:
    """The chunk sizes as stored, else as dask has them."""
    stored = variable.encoding.get("chunks") or variable.encoding.get("chunksizes")
    if stored is None and variable.chunks:
        stored = [sizes[0] if sizes else 0 for sizes in variable.chunks]
    try:
        return [int(size) for size in stored[:MOST_ITEMS]] if stored is not None else None
    except (TypeError, ValueError, IndexError):
        return None


def _zarr_format(dataset: Any) -> int | None:
    """2 or 3, by how xarray says that the arrays are encoded; None if it is no Zarr."""
    for variable in dataset.variables.values():
        if "serializer" in variable.encoding:
            return 3
        if "compressors" in variable.encoding:
            return 2
    return None


def _size_bytes(dataset: Any) -> int | None:
    size = sum(math.prod(v.shape) * v.dtype.itemsize for v in dataset.variables.values())
    return int(size) if size <= MOST_BYTES else None


def _attributes(attrs: Any) -> dict[str, Any]:
    """Attributes of a data set: those that people look for first, then the others."""
    first = [name for name in _FIRST_ATTRIBUTES if name in attrs]
    found: dict[str, Any] = {}
    for name in [*first, *(name for name in attrs if name not in first)]:
        value = attrs[name]
        if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1:
            known: Any = [scalar(item) for item in value[:MOST_ITEMS]]
        else:
            known = scalar(value)
        if known is not None and known != "" and len(str(name)) <= NAME_CHARS:
            found[str(name)] = known
        if len(found) == MOST_ATTRIBUTES:
            break
    return found


def _of_features(frame: Any, data_id: str) -> dict[str, Any]:
    """The description of a table of features: its columns are its variables."""
    columns, no_columns = _some({name: frame[name] for name in frame.columns}, MOST_VARIABLES)
    crs = frame.crs.to_string() if frame.crs else None
    bounds = [float(value) for value in frame.total_bounds]
    bbox = bounds if all(map(math.isfinite, bounds)) else None
    return {
        "data_id": data_id,
        "data_type": "geodataframe",
        **places.told(crs, bbox, None),
        **times.NONE,
        "dims": {"feature": len(frame)},
        "variables": {
            name: {"dtype": str(column.dtype), "dims": ["feature"]}
            for name, column in columns.items()
        },
        "coords": {},
        "zarr_format": None,
        "size_bytes": int(frame.memory_usage().sum()),
        "attributes": {},
        **({"left_out": {"variables": no_columns}} if no_columns else {}),
    }


def text(value: Any) -> str | None:
    """A text for people, cut to TEXT_CHARS; None if there is none."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str) or not value.strip():
        return None
    value = strictjson.clean_text(value)
    return value if len(value) <= TEXT_CHARS else f"{value[: TEXT_CHARS - 1]}…"


def scalar(value: Any) -> str | int | float | bool | None:
    """A text, number or flag as JSON has it. What is no finite number is told as text."""
    if isinstance(value, (np.generic, np.ndarray)):
        if value.size != 1:
            return None
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**64 else str(value)[:TEXT_CHARS]
    if isinstance(value, float):
        return value if math.isfinite(value) else _as_zarr_says(value)
    if isinstance(value, (str, bytes)):
        return text(value)
    return None if value is None else text(str(value))


def _as_zarr_says(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _range(attrs: Any, both: str, low: str, high: str) -> list[float] | None:
    pair = attrs.get(both)
    if not isinstance(pair, (list, tuple, np.ndarray)) or np.shape(pair) != (2,):
        pair = (attrs.get(low), attrs.get(high))
    numbers = [scalar(item) for item in pair]
    usable = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in numbers)
    return [float(n) for n in numbers] if usable else None  # type: ignore[arg-type]


def _first(*maps: Any, names: Iterable[str]) -> Any:
    for name in names:
        for known in maps:
            if known.get(name) is not None:
                return known[name]
    return None


def _some(members: Any, most: int) -> tuple[dict[str, Any], int]:
    """The first members with usable names, and how many are left out."""
    usable = {}
    for name in members:
        if len(usable) == most:
            break
        if 0 < len(str(name)) <= NAME_CHARS:
            usable[strictjson.clean_text(str(name))] = members[name]
    return usable, len(members) - len(usable)


def _fitting(
    found: dict[str, Any], limit_bytes: int, left_out: dict[str, int] | None = None
) -> dict[str, Any]:
    """`found` in at most `limit_bytes`: attributes go first, then coordinates, then variables."""
    left_out = {name: number for name, number in (left_out or {}).items() if number}
    found = strictjson.clean({**found, **({"left_out": left_out} if left_out else {})})
    for member in ("attributes", "coords", "variables", "dims"):
        members = found.get(member) or {}
        number = len(members)
        while members and len(strictjson.dumps(found)) > limit_bytes:
            members = dict(list(members.items())[: len(members) // 2])
            left_out[member] = left_out.get(member, 0) + number - len(members)
            number = len(members)
            found = {**found, member: members, "left_out": left_out}
    return found
