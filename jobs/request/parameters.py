"""The closed table of open and write parameters of file-system stores: names and values.

xcube passes them to xarray, zarr and netCDF4 unchecked. The table has the parameters that are
harmless and that the format understands (xcube 1.14: get_open_data_params_schema,
get_write_data_params_schema). Every other parameter is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .errors import FieldError
from .json_rules import member

MAX_CACHE_BYTES = 1_000_000_000
MAX_CHUNK = 1_000_000_000
MAX_DIMENSIONS = 20
MAX_NAMES = 1000
MAX_LEVELS = 20  # 2**20 pixels are more than an image's side may have
MAX_TILE = 2**14
LEVELS = "levels"
"""Asks for a pyramid beside the cube. It is the hub's own: xcube never sees it."""
AGGREGATIONS = ("auto", "first", "min", "max", "mean", "median", "mode")
DTYPES = tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
DTYPES += ("float32", "float64")


@dataclass(frozen=True)
class Kind:
    """The rule of a value: the sentence that a caller reads, the test, and the JSON Schema."""

    expected: str
    accepts: Callable[[Any], bool]
    schema: dict[str, Any] = field(default_factory=dict, kw_only=True)

    def faults(self, field: str, value: Any) -> Iterator[FieldError]:
        if not self.accepts(value):
            yield FieldError(field, f"expected {self.expected}")

    def json_schema(self) -> dict[str, Any]:
        """The rule as JSON Schema, for those who make forms of it."""
        return {**self.schema, "description": f"Expected: {self.expected}."}


@dataclass(frozen=True)
class Members(Kind):
    """An object with a few members, which have all the same rule, or each its own."""

    each: Kind | dict[str, Kind]
    most: int = MAX_NAMES

    def faults(self, field: str, value: Any) -> Iterator[FieldError]:
        if not isinstance(value, dict) or len(value) > self.most:
            yield FieldError(field, f"expected {self.expected}")
            return
        for name, item in value.items():
            kind = self.each.get(name) if isinstance(self.each, dict) else self.each
            if kind is None:
                yield FieldError(member(field, name), _not_accepted(self.each))
            else:
                yield from kind.faults(member(field, name), item)

    def json_schema(self) -> dict[str, Any]:
        found = {**super().json_schema(), "type": "object", "maxProperties": self.most}
        if isinstance(self.each, dict):
            return found | object_schema(self.each)
        return {**found, "additionalProperties": self.each.json_schema()}


def object_schema(table: dict[str, Kind]) -> dict[str, Any]:
    """The JSON Schema of an object whose members the table names."""
    members = {name: kind.json_schema() for name, kind in sorted(table.items())}
    return {"type": "object", "properties": members, "additionalProperties": False}


def _is_int(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 256


def _is_pair(value: Any, least: int, most: int) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(_is_int(v, least, most) for v in value)
    )


def _integers(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


def _pairs(least: int) -> dict[str, Any]:
    return {"type": "array", "items": _integers(least, MAX_TILE), "minItems": 2, "maxItems": 2}


def _integer(least: int, most: int) -> Kind:
    return Kind(
        f"an integer of {least} to {most}",
        lambda value: _is_int(value, least, most),
        schema=_integers(least, most),
    )


def _choice(*choices: Any) -> Kind:
    shown = " or ".join(repr(choice) for choice in choices)
    return Kind(
        shown,
        lambda value: not isinstance(value, bool) and value in choices,
        schema={"enum": list(choices)},
    )


def _pair(least: int) -> Kind:
    return Kind(
        f"two integers [width, height] of {least} to {MAX_TILE}",
        lambda value: _is_pair(value, least, MAX_TILE),
        schema=_pairs(least),
    )


_BOOLEAN = Kind("true or false", lambda value: isinstance(value, bool), schema={"type": "boolean"})
_NUMBER = Kind("a number", _is_number, schema={"type": "number"})
_TEXT = Kind(
    "a text of 1 to 256 characters",
    _is_text,
    schema={"type": "string", "minLength": 1, "maxLength": 256},
)
_DTYPE = _choice(*DTYPES)
_NAMES = Kind(
    f"a list of at most {MAX_NAMES} names",
    lambda value: isinstance(value, list) and len(value) <= MAX_NAMES and all(map(_is_text, value)),
    schema={"type": "array", "items": _TEXT.schema, "maxItems": MAX_NAMES},
)
_CHUNKS = Members(
    f"an object of at most {MAX_DIMENSIONS} dimensions and their chunk sizes",
    lambda value: True,
    Kind(
        'an integer greater than 0, "auto", or null',
        lambda value: value is None or value == "auto" or _is_int(value, 1, MAX_CHUNK),
        schema={"anyOf": [_integers(1, MAX_CHUNK), {"enum": ["auto", None]}]},
    ),
    most=MAX_DIMENSIONS,
)
_ENCODING = Members(
    f"an object of at most {MAX_NAMES} variables, each with an object",
    lambda value: True,
    Members(
        "an object",
        lambda value: True,
        {
            "dtype": _DTYPE,
            "scale_factor": _NUMBER,
            "add_offset": _NUMBER,
            "_FillValue": Kind(
                "a number or null",
                lambda v: v is None or _is_number(v),
                schema={"type": ["number", "null"]},
            ),
            "units": _TEXT,
            "calendar": _TEXT,
        },
    ),
)
_AGGREGATION = _choice(*AGGREGATIONS)


class _AggMethods(Kind):
    def faults(self, field: str, value: Any) -> Iterator[FieldError]:
        if isinstance(value, dict):
            yield from Members(self.expected, self.accepts, _AGGREGATION).faults(field, value)
        else:
            yield from super().faults(field, value)


_XARRAY = {
    "group": _TEXT,
    "chunks": _CHUNKS,
    "decode_cf": _BOOLEAN,
    "mask_and_scale": _BOOLEAN,
    "decode_times": _BOOLEAN,
    "decode_timedelta": _BOOLEAN,
    "use_cftime": _BOOLEAN,
    "concat_characters": _BOOLEAN,
    "decode_coords": _BOOLEAN,
    "drop_variables": _NAMES,
    "data_type": _choice("dataset"),
}
_ZARR = {**_XARRAY, "consolidated": _BOOLEAN, "cache_size": _integer(0, MAX_CACHE_BYTES)}
_RASTER = {
    "tile_size": _pair(512),
    "band_as_variable": _BOOLEAN,
    "overview_level": _integer(0, 30),
    "data_type": _choice("dataset"),
}
OPEN_PARAMS: dict[str, dict[str, Kind]] = {
    "zarr": _ZARR,
    "levels": {k: v for k, v in _ZARR.items() if k not in ("group", "consolidated")},
    "netcdf": _XARRAY,
    "geotiff": _RASTER,
    "j2k": _RASTER,
}
"""Parameters of each format's opener."""

_WRITE_ZARR: dict[str, Kind] = {
    "group": _TEXT,
    "encoding": _ENCODING,
    "consolidated": _BOOLEAN,
    "append_dim": _TEXT,
    "zarr_format": _choice(2, 3),
    LEVELS: _BOOLEAN,
}
WRITE_PARAMS: dict[str, dict[str, Kind]] = {
    "zarr": _WRITE_ZARR,
    "levels": {
        "encoding": _ENCODING,
        "consolidated": _BOOLEAN,
        "zarr_format": _choice(2, 3),
        "tile_size": Kind(
            f"an integer of 2 to {MAX_TILE}, or two [width, height]",
            lambda value: _is_int(value, 2, MAX_TILE) or _is_pair(value, 2, MAX_TILE),
            schema={"anyOf": [_integers(2, MAX_TILE), _pairs(2)]},
        ),
        "num_levels": _integer(1, MAX_LEVELS),
        "agg_methods": _AggMethods(
            f"one of {', '.join(AGGREGATIONS)}, or an object of variables and one each",
            lambda value: isinstance(value, str) and value in AGGREGATIONS,
            schema={
                "anyOf": [
                    _AGGREGATION.schema,
                    {
                        "type": "object",
                        "additionalProperties": _AGGREGATION.schema,
                        "maxProperties": MAX_NAMES,
                    },
                ]
            },
        ),
        "use_saved_levels": _BOOLEAN,
    },
    "netcdf": {
        "encoding": _ENCODING,
        "unlimited_dims": _NAMES,
        "format": _choice("NETCDF4", "NETCDF4_CLASSIC"),
    },
}
"""Parameters of each format's writer."""


def param_faults(field: str, params: dict, table: dict[str, Kind]) -> Iterator[FieldError]:
    """Faults of `params` according to the `table` of a format."""
    for name, value in params.items():
        if name not in table:
            yield FieldError(member(field, name), _not_accepted(table))
        else:
            yield from table[name].faults(member(field, name), value)


def _not_accepted(table: dict[str, Kind]) -> str:
    return f"not accepted; expected one of {', '.join(sorted(table))}"
