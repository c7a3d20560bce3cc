"""Validates STAC offline: pystac with its own core schemas, and the rules of three extensions.

pystac fetches the schemas of extensions. These here stand in for them: written after the tables of
fields in the extensions' documentation (datacube 2.2.0, projection 2.0.0, raster 2.0.0), they are
stricter where we can be, for example no unknown fields of a prefix.
"""

from __future__ import annotations

from typing import Any

import pystac
from pystac.validation import validate_dict
from pystac.validation.stac_validator import JsonSchemaSTACValidator

_NUMBER, _TEXT = {"type": "number"}, {"type": "string", "minLength": 1}
_CLOSED = {"additionalProperties": False}


def _numbers(count: int) -> dict[str, Any]:
    return {"type": "array", "items": _NUMBER, "minItems": count, "maxItems": count}


_EXTENT = {"type": "array", "minItems": 2, "maxItems": 2}
_STEP = {"type": ["number", "null"]}
_REFERENCE = {"type": ["string", "number", "object"]}
_HORIZONTAL = {
    "type": "object",
    "required": ["type", "axis", "extent"],
    "properties": {
        "type": {"const": "spatial"},
        "axis": {"enum": ["x", "y"]},
        "extent": _numbers(2),
        "step": _STEP,
        "reference_system": _REFERENCE,
    },
    **_CLOSED,
}
_TEMPORAL = {
    "type": "object",
    "required": ["type", "extent"],
    "properties": {
        "type": {"const": "temporal"},
        "extent": {**_EXTENT, "items": {"type": "string", "format": "date-time"}},
    },
    **_CLOSED,
}
_ADDITIONAL = {
    "type": "object",
    "required": ["type"],
    "anyOf": [{"required": ["extent"]}, {"required": ["values"]}],
    "properties": {
        "type": {"type": "string", "not": {"enum": ["spatial", "temporal", "geometry"]}},
        "description": _TEXT,
        "extent": _numbers(2),
        "values": {"type": "array", "minItems": 1, "items": {"type": ["number", "string"]}},
    },
    **_CLOSED,
}
_VARIABLE = {
    "type": "object",
    "required": ["dimensions", "type"],
    "properties": {
        "dimensions": {"type": "array", "items": _TEXT},
        "type": {"enum": ["data", "auxiliary"]},
        "description": _TEXT,
        "extent": {**_EXTENT, "items": {"type": ["number", "string", "null"]}},
        "unit": _TEXT,
    },
    **_CLOSED,
}


def _extension(name: str, version: str, **parts: Any) -> tuple[str, dict[str, Any]]:
    uri = f"https://stac-extensions.github.io/{name}/v{version}/schema.json"
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["stac_extensions", "properties", "assets"],
        "properties": {"stac_extensions": {"contains": {"const": uri}}, **parts},
    }
    return uri, schema


def _prefixed(prefix: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An object with these fields of the prefix, no others of it, and any others."""
    return {
        "type": "object",
        "properties": fields,
        "patternProperties": {f"^(?!{prefix}:)": {}},
        **_CLOSED,
        **more,
    }


SCHEMAS = dict(
    [
        _extension(
            "datacube",
            "2.2.0",
            properties=_prefixed(
                "cube",
                {
                    "cube:dimensions": {
                        "type": "object",
                        "additionalProperties": {"oneOf": [_HORIZONTAL, _TEMPORAL, _ADDITIONAL]},
                    },
                    "cube:variables": {"type": "object", "additionalProperties": _VARIABLE},
                },
            ),
        ),
        _extension(
            "projection",
            "2.0.0",
            properties=_prefixed(
                "proj",
                {
                    "proj:code": {"type": ["string", "null"], "pattern": "^[A-Z0-9]+:[A-Z0-9]+$"},
                    "proj:wkt2": {"type": ["string", "null"]},
                    "proj:bbox": _numbers(4),
                    "proj:shape": {
                        "type": "array",
                        "items": {"type": "integer"},
                        "minItems": 2,
                        "maxItems": 2,
                    },
                },
            ),
        ),
        _extension(
            "raster",
            "2.0.0",
            assets={
                "type": "object",
                "additionalProperties": _prefixed(
                    "raster",
                    {
                        "bands": {
                            "type": "array",
                            "minItems": 1,
                            "items": _prefixed(
                                "raster",
                                {
                                    "raster:spatial_resolution": {
                                        "type": "number",
                                        "exclusiveMinimum": 0,
                                    },
                                },
                            ),
                        }
                    },
                ),
            },
        ),
    ]
)


def validator() -> JsonSchemaSTACValidator:
    """A validator that never fetches anything."""
    made = JsonSchemaSTACValidator()
    made.schema_cache = {**made.schema_cache, **SCHEMAS}
    return made


def check(content: dict[str, Any]) -> pystac.STACObject:
    """The object, after validation of core and extensions. Raises STACValidationError."""
    checked = validate_dict(content, validator=validator())
    wanted = set(content.get("stac_extensions", ()))
    assert wanted <= set(checked), "an extension was left out"
    kind = pystac.Item if content["type"] == "Feature" else pystac.Catalog
    told = kind.from_dict({**content, "links": []})
    assert told.STAC_OBJECT_TYPE
    return told
