"""Examples of `/cubegens` in the OpenAPI document: one cube, from estimate to end."""

from __future__ import annotations

from typing import Any

from hubsite.api.errors import ApiError
from hubsite.refusals import FieldError, Kind, Refused

JOB_ID = "a97dd1e0b52a7a9bb9ad5ec1c6fb9d2be-c415de9f-e237-442c"

REQUEST: dict[str, Any] = {
    "input_config": {"store_id": "@demo", "data_id": "north-sea.zarr"},
    "cube_config": {
        "variable_names": ["chlorophyll"],
        "crs": "EPSG:4326",
        "bbox": [7.0, 53.0, 9.0, 55.0],
        "spatial_res": 0.01,
        "time_range": ["2024-05-01", "2024-06-30"],
        "tile_size": [200, 200],
    },
    "output_config": {
        "store_id": "@cubes",
        "data_id": "german-bight-2024.zarr",
        "replace": True,
    },
}

INLINE_CODE_REQUEST: dict[str, Any] = {
    **REQUEST,
    "code_config": {
        "callable_ref": "user_code:double",
        "callable_params": {"factor": 2},
        "inline_code": "def double(cube, factor=2):\n    return cube * factor\n",
    },
}

CODE_REQUEST: dict[str, Any] = {
    **REQUEST,
    "code_config": {
        "callable_ref": "processor.main:Processor",
        "callable_params": {"threshold": 0.3},
        "file_set": {"path": "processor.zip"},
    },
}

_STATUS: dict[str, Any] = {
    "active": None,
    "succeeded": None,
    "failed": None,
    "start_time": None,
    "completion_time": None,
    "conditions": None,
    "ready": None,
    "completed_indexes": None,
    "uncounted_terminated_pods": None,
}
_STARTED = "2026-11-23T14:03:12.418293Z"
_ENDED = "2026-11-23T14:03:42.220011Z"
_SUMMARY: dict[str, Any] = {
    "job_id": JOB_ID,
    "job_status": _STATUS,
    "state": "QUEUED",
    "reason": None,
    "message": "",
    "created_at": "2026-11-23T14:03:10.902114Z",
    "units": 8,
    "store_id": "@cubes",
    "data_id": "german-bight-2024.zarr",
}


def _progress(sender: str, part: float, elapsed: float) -> dict[str, Any]:
    return {
        "sender": sender,
        "state": {
            "label": "Generating cube",
            "total_work": 137,
            "progress": part,
            "worked": round(137 * part, 1),
            "elapsed": elapsed,
            "error": False,
        },
    }


QUEUED = {
    **_SUMMARY,
    "output": [],
    "progress": [],
    "waiting": {
        "cause": "NO_PLACE",
        "text": "All 8 places are taken.",
        "remedy": "It starts when places become free. Users take turns, so one who has few jobs "
        "waits least.",
        "own_before": 0,
        "place": 3,
        "is_place_exact": True,
        "queue_length": 27,
        "start": {
            "earliest": "2026-11-23T14:06:05.000000Z",
            "latest": "2026-11-23T14:11:42.000000Z",
            "confidence": 0.9,
        },
        "start_is_unknown_because": None,
        "as_of": "2026-11-23T14:03:08.120000Z",
    },
}
RUNNING = {
    **_SUMMARY,
    "job_status": {**_STATUS, "active": 1, "start_time": _STARTED},
    "state": "RUNNING",
    "output": [],
    "progress": [_progress("on_update", 0.241, 7.2)],
}
SUCCEEDED_SUMMARY = {
    **_SUMMARY,
    "job_status": {
        **_STATUS,
        "succeeded": 1,
        "start_time": _STARTED,
        "completion_time": _ENDED,
    },
    "state": "SUCCEEDED",
    "message": "Cube generated successfully after 29.80 seconds",
    "job_result": {
        "status": "ok",
        "status_code": 201,
        "message": "Cube generated successfully after 29.80 seconds",
        "result": {"data_id": "german-bight-2024.zarr"},
    },
}
SUCCEEDED = {
    **SUCCEEDED_SUMMARY,
    "output": ["Opening dataset from @demo", "Writing german-bight-2024.zarr", "Done."],
    "progress": [_progress("on_end", 0.962, 29.8)],
}
_FAILURE = "'chlorofyll' is not a variable of the dataset"
FAILED_SUMMARY = {
    **_SUMMARY,
    "job_status": {**_STATUS, "failed": 1, "start_time": _STARTED, "completion_time": _ENDED},
    "state": "FAILED",
    "reason": "XCUBE_ERROR",
    "message": _FAILURE,
    "job_result": {
        "status": "error",
        "status_code": 400,
        "message": _FAILURE,
        "versions": {"xcube": "1.14.1", "zarr": "2.18.7"},
    },
}
FAILED = {
    **FAILED_SUMMARY,
    "output": ["Opening dataset from @demo", f"Error: {_FAILURE}"],
    "progress": [_progress("on_end", 0.05, 1.4)],
}
CANCELLED = {
    **_SUMMARY,
    "job_status": {**_STATUS, "failed": 1, "start_time": _STARTED, "completion_time": _ENDED},
    "state": "CANCELLED",
    "message": "The job was cancelled.",
    "job_result": {"status": "error", "status_code": 409, "message": "The job was cancelled."},
    "output": ["Opening dataset from @demo"],
    "progress": [_progress("on_update", 0.1, 3.0)],
}

CUBE_INFO: dict[str, Any] = {
    "status": "ok",
    "status_code": 200,
    "message": "The cube would cost 8 processing units. Nothing was stored or charged.",
    "output": [],
    "result": {
        "dataset_descriptor": {
            "data_id": "german-bight-2024.zarr",
            "data_type": "dataset",
            "crs": "EPSG:4326",
            "bbox": [7.0, 53.0, 9.0, 55.0],
            "time_range": ["2024-05-01", "2024-06-30"],
            "dims": {"time": 8, "lat": 200, "lon": 200},
            "spatial_res": 0.01,
            "data_vars": {
                "chlorophyll": {
                    "name": "chlorophyll",
                    "dtype": "float32",
                    "dims": ["time", "lat", "lon"],
                }
            },
        },
        "size_estimation": {
            "image_size": [200, 200],
            "tile_size": [200, 200],
            "num_variables": 1,
            "num_tiles": [1, 1],
            "num_requests": 8,
            "num_bytes": 1280000,
        },
        "cost_estimation": {"required": 8, "available": 9992, "limit": 1000},
    },
}

VERSIONS = {"result": ["xcube: 1.14.1", "xcube-sh: 0.11.0"]}

LOG = {
    "lines": [
        {"line": 0, "text": "Opening dataset from @demo"},
        {"line": 1, "text": "Writing german-bight-2024.zarr"},
    ],
    "next_offset": 2,
}

REPORT = {**_progress("on_update", 0.241, 7.2), "output": {"first_line": 12, "lines": ["tile 3"]}}
FAILED_REPORT = {
    "sender": "on_end",
    "state": {
        "label": "Generating cube",
        "total_work": 137,
        "progress": 0.05,
        "elapsed": 1.4,
        "error": ["ValueError", _FAILURE, ["Traceback (most recent call last):\n"]],
    },
}
LAST_REPORT = {
    **_progress("on_end", 1.0, 41.6),
    "result": {
        "status": "ok",
        "status_code": 201,
        "message": "Cube generated successfully after 41.10 seconds",
        "result": {"data_id": "german-bight-2024.zarr"},
        "versions": {"xcube": "1.14.1"},
    },
}
REPORT_ANSWER = {"progress": [_progress("on_update", 0.241, 7.2)]}

INVALID = Refused("expected y1 < y2", field="cube_config.bbox")
NO_USER_CODE = Refused(
    "Code of your own needs the scope process:cubegens, which you do not have.", kind=Kind.FORBIDDEN
)
OUTPUT_IS_TAKEN = Refused(
    "'german-bight-2024.zarr' in @cubes is being written by another job.",
    kind=Kind.CONFLICT,
    errors=[FieldError("output_config.data_id", "is being written by another job")],
)
OUTPUT_EXISTS = Refused(
    "'german-bight-2024.zarr' in @cubes exists; set output_config.replace to true to replace it.",
    kind=Kind.CONFLICT,
    errors=[
        FieldError(
            "output_config.data_id", "exists; set output_config.replace to true to replace it"
        )
    ],
)
TOO_EXPENSIVE = Refused(
    "Number of required punits (8) is greater than the available (5).",
    kind=Kind.TOO_EXPENSIVE,
    title="Not enough processing units",
    required=8,
    available=5,
    limit=1000,
)
ABOVE_THE_LIMIT = Refused(
    "Number of required punits (19200) is greater than the absolute limit of 1000.",
    kind=Kind.TOO_EXPENSIVE,
    title="Not enough processing units",
    required=19200,
    available=9992,
    limit=1000,
)
TOO_LARGE = ApiError("The body is larger than 1048576 bytes.", status=413)
KEY_USED = Refused(
    "this key was used with another request within the last day",
    field="Idempotency-Key",
    kind=Kind.UNSUPPORTED,
)
SWITCHED_OFF = Refused(
    "Cubegens resources are switched off on this service.", kind=Kind.UNSUPPORTED
)
TOO_MANY_JOBS = Refused(
    "You have 1000 jobs queued or running; wait for one to end.", kind=Kind.BUSY, retry_after_s=60
)
UNAVAILABLE = Refused(
    "Estimates cannot be made just now; nothing was stored. Please try again.",
    kind=Kind.UNAVAILABLE,
    retry_after_s=5,
)
NOT_FOUND = Refused(f"Cubegen {JOB_ID} not found.", kind=Kind.NOT_FOUND)
NOT_THE_RUN = ApiError("This is not the token of the run that may report here.", status=401)
NO_UPLOADED_CODE = Refused("This run has no uploaded code.", kind=Kind.NOT_FOUND)
RUN_IS_OVER = Refused("This run is over, or was not launched.", kind=Kind.GONE)
