"""The structure of a cube generation request, as xcube 1.14.1 checks it (core/gen2).

Each part has `expected`: the sentence that a caller reads if the part is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import FieldError
from .structure import Structure

MAX_INPUTS = 20
MAX_VARIABLES = 1000


def _text(expected: str, **rules) -> dict:
    return {"type": "string", "minLength": 1, "expected": expected, **rules}


def _object(properties: dict, required: tuple[str, ...] = ()) -> dict:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        "expected": "an object",
    }


_ANY_OBJECT = {"type": "object", "expected": "an object"}
_NUMBER = {"type": "number", "expected": "a number"}
_BOOLEAN = {"type": "boolean", "expected": "true or false"}
_STORE_ID = _text("the name of a store, such as '@my_store'")
_PATTERNS = {
    "type": "array",
    "items": _text("a wildcard pattern such as '*.py'", maxLength=256),
    "maxItems": 100,
    "expected": "a list of at most 100 wildcard patterns",
}

_TILE = {"type": "integer", "minimum": 2, "maximum": 2500, "expected": "an integer of 2 to 2500"}
_DATE = {"type": ["string", "null"], "expected": "a date YYYY-MM-DD, or null"}

CUBE_CONFIG = _object(
    {
        "variable_names": {
            "type": "array",
            "items": _text("the name of a variable"),
            "minItems": 1,
            "maxItems": MAX_VARIABLES,
            "expected": f"a list of 1 to {MAX_VARIABLES} names",
        },
        "crs": _text("a coordinate reference system such as 'EPSG:4326'"),
        "bbox": {
            "type": "array",
            "items": _NUMBER,
            "minItems": 4,
            "maxItems": 4,
            "expected": "four numbers [x1, y1, x2, y2]",
        },
        "spatial_res": {
            "type": "number",
            "exclusiveMinimum": 0,
            "expected": "a number greater than 0",
        },
        "tile_size": {
            "type": "array",
            "items": _TILE,
            "minItems": 2,
            "maxItems": 2,
            "expected": "two integers [width, height] of 2 to 2500",
        },
        "time_range": {
            "type": "array",
            "items": _DATE,
            "minItems": 2,
            "maxItems": 2,
            "expected": "two dates [start, end] as YYYY-MM-DD, or null for an open end",
        },
        "time_period": _text(
            "a number of days, weeks, months or years such as '1D', '2W', '1M', '1Y'",
            pattern=r"^([1-9][0-9]{0,4})?[DWMY](?!\n)$",
        ),
        "chunks": {
            "type": "object",
            "additionalProperties": {
                "type": ["integer", "null"],
                "minimum": 1,
                "expected": "an integer greater than 0, or null",
            },
            "maxProperties": 20,
            "expected": "an object of at most 20 dimensions and their chunk sizes",
        },
        "metadata": _ANY_OBJECT,
        "variable_metadata": {
            "type": "object",
            "additionalProperties": _ANY_OBJECT,
            "maxProperties": MAX_VARIABLES,
            "expected": f"an object of at most {MAX_VARIABLES} variables, each with an object",
        },
    }
)

INPUT_CONFIG = _object(
    {
        "store_id": _STORE_ID,
        "opener_id": _text("an opener such as 'dataset:zarr:s3'"),
        "data_id": {"type": "string", "expected": "the name of a dataset"},
        "store_params": _ANY_OBJECT,
        "open_params": _ANY_OBJECT,
    },
    required=("data_id",),
)

OUTPUT_CONFIG = _object(
    {
        "store_id": _STORE_ID,
        "writer_id": _text("a writer such as 'dataset:zarr:s3'"),
        "data_id": {"type": "string", "expected": "the name of a dataset"},
        "store_params": _ANY_OBJECT,
        "write_params": _ANY_OBJECT,
        "replace": _BOOLEAN,
    }
)

CODE_CONFIG = _object(
    {
        "callable_ref": _text("a function or class as 'module:name'"),
        "callable_params": _ANY_OBJECT,
        "inline_code": _text("Python code"),
        "file_set": _object(
            {
                "path": _text("the name of the uploaded file"),
                "sub_path": _text("a folder in the archive"),
                "includes": _PATTERNS,
                "excludes": _PATTERNS,
                "storage_params": _ANY_OBJECT,
            },
            required=("path",),
        ),
        "install_required": _BOOLEAN,
    },
    required=("callable_ref",),
)

REQUEST = _object(
    {
        "input_config": INPUT_CONFIG,
        "input_configs": {
            "type": "array",
            "items": INPUT_CONFIG,
            "minItems": 1,
            "maxItems": MAX_INPUTS,
            "expected": f"a list of 1 to {MAX_INPUTS} inputs",
        },
        "cube_config": CUBE_CONFIG,
        "code_config": CODE_CONFIG,
        "output_config": OUTPUT_CONFIG,
    },
    required=("output_config",),
)

_STRUCTURE = Structure(REQUEST)


def structure_faults(document: object) -> Iterator[FieldError]:
    """Faults in the structure of `document`, one for each field; see `Structure.faults`."""
    return _STRUCTURE.faults(document)
