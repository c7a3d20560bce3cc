"""The shape of what a run tells about its cube, as JSON Schema.

The runner makes it (jobs/runner/work/made.py, description.py, footprint.py). What others build of
it (STAC items, pages, snippets) relies on these types and limits. Members that are not named here
are kept and not used.
"""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string", "maxLength": 4000}
_NAME = {"type": "string", "minLength": 1, "maxLength": 300}
_NUMBER = {"type": "number", "minimum": -1e300, "maximum": 1e300}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**62}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: dict[str, Any], least: int, most: int) -> dict[str, Any]:
    return {"type": "array", "items": schema, "minItems": least, "maxItems": most}


def _map(schema: dict[str, Any], most: int) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": _NAME,
        "additionalProperties": schema,
        "maxProperties": most,
    }


_MOMENT = {
    "type": "string",
    "maxLength": 40,
    "pattern": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z$",
}
_BBOX = _list(_NUMBER, 4, 4)
_LONGITUDE = {"type": "number", "minimum": -180, "maximum": 180}
_LATITUDE = {"type": "number", "minimum": -90, "maximum": 90}
_WGS84 = {
    "type": "array",
    "prefixItems": [_LONGITUDE, _LATITUDE, _LONGITUDE, _LATITUDE],
    "minItems": 4,
    "maxItems": 4,
}
_POINT = {"type": "array", "prefixItems": [_LONGITUDE, _LATITUDE], "minItems": 2, "maxItems": 2}
_RING = _list(_POINT, 4, 200)

_VARIABLE = {
    "type": "object",
    "properties": {
        "dtype": _or_null(_TEXT),
        "dims": _or_null(_list(_NAME, 0, 20)),
        "chunks": _or_null(_list(_or_null(_COUNT), 0, 20)),
        "units": _or_null(_TEXT),
        "long_name": _or_null(_TEXT),
        "standard_name": _or_null(_TEXT),
        "fill_value": {"type": ["number", "string", "boolean", "null"]},
        "valid_range": _or_null(_list(_NUMBER, 2, 2)),
        "value_range": _or_null(_list(_NUMBER, 2, 2)),
    },
}

PARTS: dict[str, dict[str, Any]] = {
    "description": {
        "type": "object",
        "properties": {
            "data_id": _or_null(_TEXT),
            "data_type": _or_null(_TEXT),
            "crs": _or_null({"type": "string", "maxLength": 20_000}),
            "bbox": _or_null(_BBOX),
            "bbox_wgs84": _or_null(_WGS84),
            "time_range": _or_null(_list(_MOMENT, 2, 2)),
            "time_steps": _or_null(_COUNT),
            "dims": _or_null(_map(_COUNT, 50)),
            "variables": _or_null(_map(_VARIABLE, 500)),
            "coords": _or_null(_map({"type": "object"}, 500)),
            "spatial_res": _or_null(_NUMBER),
            "zarr_format": _or_null(_COUNT),
            "size_bytes": _or_null(_COUNT),
            "attributes": _or_null(_map({}, 500)),
        },
    },
    "footprint": {
        "type": "object",
        "required": ["bbox", "geometry"],
        "properties": {
            "metres_per_unit": {"type": "number", "exclusiveMinimum": 0, "maximum": 1e9},
            "bbox": _WGS84,
            "geometry": {
                "anyOf": [
                    {
                        "type": "object",
                        "required": ["type", "coordinates"],
                        "properties": {
                            "type": {"const": "Polygon"},
                            "coordinates": _list(_RING, 1, 1),
                        },
                    },
                    {
                        "type": "object",
                        "required": ["type", "coordinates"],
                        "properties": {
                            "type": {"const": "MultiPolygon"},
                            "coordinates": _list(_list(_RING, 1, 1), 1, 4),
                        },
                    },
                ]
            },
        },
    },
    "files": {
        "type": "object",
        "required": ["count", "size_bytes"],
        "properties": {
            "count": _COUNT,
            "size_bytes": _COUNT,
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        },
    },
}
