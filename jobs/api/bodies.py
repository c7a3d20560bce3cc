"""The shapes of `/cubegens`: what callers send and get, as JSON Schema for the API document.

The request is the very schema that `jobs/request` checks, with words for readers. The answers
are what the xcube 1.14.1 client parses (core/gen2/remote/response.py); its closed objects are
closed here too.
"""

from __future__ import annotations

import copy
from typing import Any

from hubsite.api.schema import component

from ..models import Reason, State
from ..request.schema import REQUEST

TIME = {
    "type": ["string", "null"],
    "format": "date-time",
    "description": "ISO 8601, UTC, with `Z`.",
}

_WORDS = {
    "input_config": "The dataset to read. Exactly one of `input_config` and `input_configs`.",
    "input_configs": "Several datasets, merged into one cube on a common grid.",
    "store_id": "`@name` names a data store of this hub (then without `store_params`); else a "
    "store type of xcube, such as `s3`, with your own `store_params`.",
    "opener_id": "xcube's id of the data opener, such as `dataset:zarr:s3`; found by itself if "
    "not given.",
    "writer_id": "xcube's id of the data writer, such as `dataset:zarr:s3`.",
    "input_config.data_id": "Name of the dataset in its store.",
    "output_config.data_id": "Name to write the cube under, such as `my-cube.zarr`. If not "
    "given, `<job id>.zarr`. A job holds the name as long as it runs.",
    "store_params": "Parameters of a store of your own. For `s3`: `root` (bucket and path) and "
    "`storage_options` with `key` and `secret`, or `anon: true`. Kept encrypted until the run "
    "ends, never shown.",
    "open_params": "Parameters of the data opener.",
    "write_params": "Parameters of the data writer.",
    "replace": "Replace a cube that you wrote before under that name. Without it, or where the "
    "cube is somebody else's: 409.",
    "cube_config": "The cube to make. What is not given is taken from the input.",
    "variable_names": "Variables to take; all if not given.",
    "crs": "Coordinate reference system of the cube and of `bbox`: an authority code "
    "(`EPSG:4326`, `EPSG:32632`), a name (`WGS84`), a PROJ string or WKT. If not given, the "
    "input's.",
    "bbox": "`[x1, y1, x2, y2]` in units of `crs`: for geographic ones west, south, east, "
    "north in degrees, with x1 > x2 across the antimeridian; for projected ones easting and "
    "northing, mostly metres.",
    "spatial_res": "Size of a pixel, in units of `crs` per pixel: degrees or metres.",
    "tile_size": "`[width, height]` of a chunk in pixels, each 1 to 2500.",
    "time_range": "`[first day, last day]` as `YYYY-MM-DD`, both included; `null` leaves an end "
    "open.",
    "time_period": "Length of a time step: a number and `D`ays, `W`eeks, `M`onths or `Y`ears, "
    "such as `1D`, `8D`, `1M`. Data within it is aggregated.",
    "chunks": "Chunk size of each dimension, as a number of its elements; `null` for the whole.",
    "metadata": "Attributes to set on the cube.",
    "variable_metadata": "Attributes to set on variables, by name.",
    "code_config": "Own Python code to apply to the cube. Needs the scope `process:cubegens`.",
    "callable_ref": "What to call: `module:function` or `module:class`.",
    "callable_params": "Keyword arguments of the call.",
    "inline_code": "The Python code itself. Instead of `file_set`.",
    "file_set": "Code uploaded as a zip, with `PUT /cubegens/code` only.",
    "path": "File name of the uploaded zip.",
    "sub_path": "Folder in the zip that the code lies in.",
    "includes": "Wildcard patterns of files to take from the zip.",
    "excludes": "Wildcard patterns of files to leave out.",
    "storage_params": "Not accepted for uploaded code.",
    "install_required": "Whether the package in the zip must be installed to be imported.",
    "output_config": "Where the cube is written.",
}


def _documented(schema: dict[str, Any], name: str = "", parent: str = "") -> dict[str, Any]:
    """`schema` with a description on every named part instead of the error text `expected`."""
    result = {key: value for key, value in schema.items() if key != "expected"}
    words = _WORDS.get(f"{parent}.{name}") or _WORDS.get(name)
    if words:
        result["description"] = words
    if not result.get("required", True):
        del result["required"]
    if "properties" in schema:
        parent = "input_config" if name == "input_configs[]" else name
        result["properties"] = {
            key: _documented(value, key, parent) for key, value in schema["properties"].items()
        }
    if isinstance(schema.get("items"), dict):
        result["items"] = _documented(schema["items"], f"{name}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _documented(schema["additionalProperties"])
    return result


def _request() -> dict[str, Any]:
    schema = _documented(copy.deepcopy(REQUEST))
    schema["description"] = (
        "A cube generation request, as xcube has it. Members that are `null` count as not given."
    )
    schema["oneOf"] = [{"required": ["input_config"]}, {"required": ["input_configs"]}]
    schema["properties"]["callback_config"] = {
        "type": "object",
        "description": "Accepted and ignored: the hub makes a run report to itself.",
    }
    return schema


CUBEGEN_REQUEST = component("CubegenRequest", _request())

JOB_ID = {
    "type": "string",
    "maxLength": 63,
    "description": "`<user id>-<18 hexadecimal characters and hyphens>`.",
}

JOB_STATUS = component(
    "CubegenStatus",
    {
        "type": "object",
        "description": "As Kubernetes tells it: at most one of the first three is 1, the others "
        "are `null`; all are `null` while the job is queued. `succeeded` and `failed` are final.",
        "properties": {
            "active": {"type": ["integer", "null"], "description": "1 while a run exists."},
            "succeeded": {"type": ["integer", "null"], "description": "1 when the cube is made."},
            "failed": {
                "type": ["integer", "null"],
                "description": "1 when there will be no cube: failed, or cancelled.",
            },
            "start_time": {**TIME, "description": "When the run began."},
            "completion_time": {**TIME, "description": "When the job ended."},
            "conditions": {"type": ["array", "null"], "items": {"type": "object"}},
            "ready": {"type": ["integer", "null"]},
            "completed_indexes": {"type": ["string", "null"]},
            "uncounted_terminated_pods": {"type": ["object", "null"]},
        },
    },
)

JOB_RESULT = component(
    "CubegenResult",
    {
        "type": "object",
        "description": "What came of the job. There is none before its end.",
        "required": ["status"],
        "properties": {
            "status": {
                "enum": ["ok", "warning", "error"],
                "description": "`warning`: the run ended well, but made an empty cube.",
            },
            "status_code": {"type": "integer"},
            "message": {"type": "string"},
            "result": {
                "type": "object",
                "required": ["data_id"],
                "properties": {
                    "data_id": {
                        "type": "string",
                        "minLength": 1,
                        "description": "Name of the cube in the output store.",
                    }
                },
                "additionalProperties": False,
            },
            "output": {"type": "array", "items": {"type": "string"}},
            "traceback": {"type": "array", "items": {"type": "string"}},
            "versions": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Versions of xcube and what it uses, where that may help.",
            },
        },
        "additionalProperties": False,
    },
)

PROGRESS = component(
    "CubegenProgress",
    {
        "type": "object",
        "description": "What a run says about itself. It never means that the run has ended.",
        "required": ["sender", "state"],
        "properties": {
            "sender": {
                "enum": ["on_begin", "on_update", "on_end"],
                "description": "The latest event of any nested step: `on_end` occurs mid-run.",
            },
            "state": {
                "type": "object",
                "required": ["progress", "total_work"],
                "properties": {
                    "label": {"type": "string"},
                    "total_work": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "description": "Units of work in all.",
                    },
                    "progress": {
                        "type": "number",
                        "minimum": 0,
                        "description": "Part of the work that is done, 0 to 1.",
                    },
                    "elapsed": {"type": "number", "minimum": 0, "description": "Seconds."},
                    "error": {"type": ["boolean", "string"]},
                },
            },
        },
        "additionalProperties": False,
    },
)

_SUMMARY = {
    "job_id": JOB_ID,
    "job_status": JOB_STATUS,
    "state": {"enum": list(State.values), "description": "Where the job is in its life."},
    "reason": {
        "enum": [*Reason.values, None],
        "description": "Why it failed: "
        + "; ".join(f"`{reason.value}` {reason.label.lower()}" for reason in Reason)
        + ".",
    },
    "message": {"type": "string", "description": "What there is to tell about the state."},
    "created_at": TIME,
    "units": {
        "type": "integer",
        "minimum": 0,
        "description": "Processing units reserved for it at submission.",
    },
    "store_id": {"type": "string", "description": "The store that the cube is written to."},
    "data_id": {"type": "string", "description": "The cube's name in that store."},
    "job_result": JOB_RESULT,
}
_REQUIRED = [name for name in _SUMMARY if name != "job_result"]

CUBEGEN_SUMMARY = component(
    "CubegenSummary",
    {
        "type": "object",
        "description": "A job in a list: without its progress and output.",
        "required": _REQUIRED,
        "properties": _SUMMARY,
    },
)
CUBEGEN_STATE = component(
    "CubegenState",
    {
        "type": "object",
        "description": "A job.",
        "required": [*_REQUIRED, "output", "progress"],
        "properties": {
            **_SUMMARY,
            "output": {
                "type": "array",
                "items": {"type": "string"},
                "maxItems": 500,
                "description": "Empty until the job has ended, then the last 500 lines of its "
                "log. `GET /cubegens/{job_id}/logs` has the log at any time.",
            },
            "progress": {
                "type": "array",
                "items": PROGRESS,
                "description": "Newest first; empty before the first report.",
            },
        },
    },
)

VARIABLE = component(
    "VariableDescriptor",
    {
        "type": "object",
        "description": "xcube's description of a variable.",
        "required": ["name", "dtype", "dims"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "dtype": {"type": "string", "description": "NumPy's name of its type."},
            "dims": {"type": "array", "items": {"type": "string", "minLength": 1}},
            "chunks": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "attrs": {"type": "object"},
        },
        "additionalProperties": False,
    },
)

CUBE_INFO = component(
    "CubeInfo",
    {
        "type": "object",
        "description": "What a request would make, and what it would cost.",
        "required": ["status", "status_code", "result"],
        "properties": {
            "status": {"const": "ok"},
            "status_code": {"const": 200},
            "result": {
                "type": "object",
                "required": ["dataset_descriptor", "size_estimation", "cost_estimation"],
                "properties": {
                    "dataset_descriptor": {
                        "type": "object",
                        "description": "xcube's description of the cube.",
                        "required": ["data_id", "data_type"],
                        "properties": {
                            "data_id": {"type": "string", "minLength": 1},
                            "data_type": {"type": "string"},
                            "crs": {"type": "string", "minLength": 1},
                            "bbox": {
                                "type": "array",
                                "items": {"type": "number"},
                                "minItems": 4,
                                "maxItems": 4,
                                "description": "`[x1, y1, x2, y2]` in units of `crs`.",
                            },
                            "time_range": {
                                "type": "array",
                                "items": {"type": ["string", "null"]},
                                "minItems": 2,
                                "maxItems": 2,
                                "description": "First and last day or time.",
                            },
                            "time_period": {"type": "string", "minLength": 1},
                            "open_params_schema": {"type": "object"},
                            "dims": {
                                "type": "object",
                                "additionalProperties": {"type": "integer", "minimum": 0},
                                "description": "Length of each dimension.",
                            },
                            "spatial_res": {
                                "type": "number",
                                "exclusiveMinimum": 0,
                                "description": "Size of a pixel, in units of `crs`.",
                            },
                            "coords": {"type": "object", "additionalProperties": VARIABLE},
                            "data_vars": {"type": "object", "additionalProperties": VARIABLE},
                            "attrs": {"type": "object"},
                        },
                        "additionalProperties": False,
                    },
                    "size_estimation": {
                        "type": "object",
                        "properties": {
                            "image_size": {
                                "type": "array",
                                "items": {"type": "integer"},
                                "description": "`[width, height]` in pixels.",
                            },
                            "tile_size": {"type": "array", "items": {"type": "integer"}},
                            "num_variables": {"type": "integer"},
                            "num_tiles": {"type": "array", "items": {"type": "integer"}},
                            "num_requests": {"type": "integer"},
                            "num_bytes": {
                                "type": "integer",
                                "description": "Bytes of the cube, uncompressed.",
                            },
                        },
                    },
                    "cost_estimation": {
                        "type": "object",
                        "description": "In processing units (punits). One unit pays, in each "
                        "time step of each variable, for a block of pixels, mostly 512 x 512; "
                        "the stores' prices say how many.",
                        "required": ["required", "available", "limit"],
                        "properties": {
                            "required": {
                                "type": "integer",
                                "minimum": 0,
                                "description": "What the request would cost.",
                            },
                            "available": {
                                "type": "integer",
                                "minimum": 0,
                                "description": "What you have left.",
                            },
                            "limit": {
                                "type": "integer",
                                "minimum": 0,
                                "description": "The most that one job may cost.",
                            },
                        },
                        "additionalProperties": False,
                    },
                },
            },
        },
        "additionalProperties": False,
    },
)

VERSIONS = component(
    "CubegenVersions",
    {
        "type": "object",
        "required": ["result"],
        "properties": {
            "result": {
                "type": "array",
                "items": {"type": "string", "pattern": "^[^:]+: .+$"},
                "description": "`name: version` of xcube and each of its plugins.",
            }
        },
    },
)

LOG_LINES = component(
    "CubegenLog",
    {
        "type": "object",
        "required": ["lines", "next_offset"],
        "properties": {
            "lines": {
                "type": "array",
                "maxItems": 1000,
                "items": {
                    "type": "object",
                    "required": ["line", "text"],
                    "properties": {
                        "line": {"type": "integer", "description": "Its number, from 0."},
                        "text": {"type": "string"},
                    },
                    "additionalProperties": False,
                },
            },
            "next_offset": {
                "type": "integer",
                "description": "What to ask for next to follow the log.",
            },
        },
        "additionalProperties": False,
    },
)

REPORT = component(
    "RunReport",
    {
        "type": "object",
        "description": "What a run reports: its progress and, from the hub's own runner, lines "
        "of its log.",
        "required": ["sender", "state"],
        "properties": {
            "sender": {"enum": ["on_begin", "on_update", "on_end"]},
            "state": {
                "type": "object",
                "properties": {
                    "label": {"type": ["string", "null"]},
                    "total_work": {"type": "number", "exclusiveMinimum": 0, "maximum": 1e12},
                    "progress": {"type": "number", "minimum": 0, "maximum": 1e12},
                    "elapsed": {"type": "number", "minimum": 0, "maximum": 1e12},
                    "error": {
                        "description": "`false`, a text, or xcube's list of exception type, "
                        "message and traceback lines."
                    },
                },
            },
            "output": {
                "type": ["object", "null"],
                "required": ["first_line", "lines"],
                "properties": {
                    "first_line": {
                        "type": "integer",
                        "minimum": 0,
                        "description": "Number of the first of `lines`, from 0: a line that "
                        "came before is not kept twice.",
                    },
                    "lines": {"type": "array", "maxItems": 1000, "items": {"type": "string"}},
                },
            },
            "result": {
                "type": ["object", "null"],
                "description": "With the last report: what xcube answers, without traceback and "
                "output, at most 64,000 bytes. It ends no job. Where it is not valid, all else "
                "of the report is kept.",
                "required": ["status"],
                "properties": {
                    "status": {"enum": ["ok", "warning", "error"]},
                    "status_code": {"type": ["integer", "null"], "minimum": 100, "maximum": 999},
                    "message": {"type": ["string", "null"]},
                    "result": {
                        "type": ["object", "null"],
                        "required": ["data_id"],
                        "properties": {"data_id": {"type": "string"}},
                        "additionalProperties": False,
                    },
                    "versions": {
                        "type": ["object", "null"],
                        "additionalProperties": {"type": "string"},
                    },
                },
                "additionalProperties": False,
            },
        },
    },
)
REPORT_ANSWER = component(
    "RunReportAnswer",
    {
        "type": "object",
        "required": ["progress"],
        "properties": {"progress": {"type": "array", "items": PROGRESS}},
    },
)

CODE_ZIP = {"type": "string", "format": "binary", "contentMediaType": "application/zip"}

CODE_FORM = component(
    "CubegenCodeForm",
    {
        "type": "object",
        "description": "A form of two files.",
        "required": ["body", "user_code"],
        "properties": {
            "body": CUBEGEN_REQUEST,
            "user_code": {
                "type": "string",
                "contentMediaType": "application/zip",
                "format": "binary",
                "description": "The code as a zip of at most 10 MB. Its file name is the one in "
                "`code_config.file_set.path`.",
            },
        },
    },
)
