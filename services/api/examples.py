"""Examples of services in the OpenAPI document: one viewer, from start to end."""

from __future__ import annotations

from typing import Any

from hubsite.refusals import Kind, Refused

USER_ID = "a97dd1e0b52a7a9bb9ad5ec1c6fb9d2be"
INSTANCE_ID = "xq3m7fz2ka5wd4hj6r5c2e4bq7n"
JOB_ID = f"{USER_ID}-c415de9f-e237-442c"
_URL = f"https://{INSTANCE_ID}.services.example.org"

CONFIGURATION: dict[str, Any] = {
    "Datasets": [
        {
            "Identifier": "german-bight",
            "Title": "Chlorophyll in the German Bight",
            "StoreInstanceId": "@cubes",
            "Path": "german-bight-2024.zarr",
            "Style": "chlorophyll",
        }
    ],
    "Styles": [
        {
            "Identifier": "chlorophyll",
            "ColorMappings": {"chlorophyll": {"ColorBar": "viridis", "ValueRange": [0, 20]}},
        }
    ],
    "DatasetAttribution": ["© Example Institute"],
}
MAIN_REQUEST = {"user_id": USER_ID, "cfg": CONFIGURATION}
START_REQUEST = {
    "configuration": CONFIGURATION,
    "profile": "small",
    "title": "German Bight",
}

_SUMMARY: dict[str, Any] = {
    "id": INSTANCE_ID,
    "kind": "xcube_server",
    "profile": "small",
    "title": "German Bight",
    "state": "REQUESTED",
    "reason": None,
    "message": "",
    "server_url": _URL,
    "viewer_url": f"{_URL}/viewer/",
    "created_at": "2026-11-26T12:59:58.902114Z",
    "ready_at": None,
    "finished_at": None,
    "last_used": None,
    "sleeps_at": None,
    "stops_at": "2026-12-26T12:59:58.902114Z",
    "kept_until": None,
    "units": {"per_hour": 0, "minutes": 0, "charged": 0},
    "restarts": 0,
}
_CONTENT = {"datasets": ["german-bight"], "broken": []}

READY_SUMMARY = {
    **_SUMMARY,
    "state": "READY",
    "ready_at": "2026-11-26T12:59:59.411020Z",
    "last_used": {"at": "2026-11-26T13:05:12.004123Z", "by": "a tile request"},
    "sleeps_at": "2026-11-26T13:35:12.004123Z",
    "units": {"per_hour": 0, "minutes": 6, "charged": 0},
}
ASLEEP_SUMMARY = {
    **READY_SUMMARY,
    "state": "ASLEEP",
    "reason": "IDLE",
    "message": "Nobody used it.",
    "ready_at": None,
    "sleeps_at": None,
    "units": {"per_hour": 0, "minutes": 36, "charged": 0},
}
KEPT_SUMMARY = {
    **READY_SUMMARY,
    "sleeps_at": "2026-11-27T06:00:00.000000Z",
    "kept_until": "2026-11-27T06:00:00.000000Z",
}
FAILED_SUMMARY = {
    **_SUMMARY,
    "state": "FAILED",
    "reason": "OUT_OF_MEMORY",
    "message": "Needed more memory than its profile allows.",
    "finished_at": "2026-11-26T13:07:00.118204Z",
    "stops_at": None,
    "restarts": 3,
}
STARTED = {**_SUMMARY, **_CONTENT}
MAIN_STARTED = {**_SUMMARY, "title": "", **_CONTENT}
READY = {**READY_SUMMARY, **_CONTENT}
FAILED = {**FAILED_SUMMARY, **_CONTENT}
OPENED_CUBE = {
    **READY_SUMMARY,
    "title": "Your cubes",
    "open_url": f"{_URL}/viewer/?dataset=german-bight-2024.zarr",
}

EVENTS = [
    {
        "at": "2026-11-26T12:59:58.902114Z",
        "from_state": None,
        "to_state": "REQUESTED",
        "reason": None,
        "message": "",
        "by": "owner",
    },
    {
        "at": "2026-11-26T13:35:12.118204Z",
        "from_state": "READY",
        "to_state": "ASLEEP",
        "reason": "IDLE",
        "message": "Nobody used it.",
        "by": "worker",
    },
]
LOG = {
    "lines": [
        {"line": 0, "text": "xcube server 1.14.1 started"},
        {"line": 1, "text": "GET /datasets 200 12 ms"},
    ],
    "next_offset": 2,
}
PROFILE = {
    "name": "small",
    "kind": "xcube_server",
    "title": "Small viewer",
    "description": "For the cubes of one person.",
    "is_default": True,
    "cpus": 1.0,
    "memory_bytes": 1 << 30,
    "idle_s": 1800,
    "age_s": 2592000,
    "stores": [],
    "units_per_hour": 0,
}
KEEP_REQUEST = {"until": "2026-11-27T06:00:00Z"}

INVALID = Refused(
    "Python code is not taken",
    field="configuration.Datasets[0].Augmentation",
)
INVALID_CFG = Refused("Python code is not taken", field="cfg.Datasets[0].Augmentation")
NOT_YOURS = Refused(
    "your own user id is expected; an operator acts for a user by X-Act-For",
    field="user_id",
    kind=Kind.FORBIDDEN,
)
NOT_YOUR_PROFILE = Refused(
    "The profile 'large' is for others: a role that you do not have may use it.",
    kind=Kind.FORBIDDEN,
)
TOO_MANY = Refused(
    "Too many services: you have 5 of at most 5. Delete one of them first.", kind=Kind.TOO_LARGE
)
NO_UNITS = Refused(
    "Number of required punits (1) is greater than the available (0).",
    kind=Kind.TOO_EXPENSIVE,
    title="Not enough processing units",
    required=1,
    available=0,
)
KEY_USED = Refused(
    "this key was used with another request within the last day",
    field="Idempotency-Key",
    kind=Kind.UNSUPPORTED,
)
SUSPENDED = Refused("xcube servers are suspended until 14:00.", kind=Kind.UNSUPPORTED)
NOT_FOUND = Refused(f"Service {INSTANCE_ID} not found.", kind=Kind.NOT_FOUND)
BAD_STATE = Refused("one of REQUESTED, STARTING, READY, … is expected", field="state")
TOO_LONG = Refused("a time in the future is expected, at most 30 d from now", field="until")
IS_OVER = Refused("The service is stopped.", kind=Kind.CONFLICT)
NO_CUBE = Refused("The job has no cube to open: it is FAILED.", kind=Kind.CONFLICT)
NO_JOB = Refused(f"Cubegen {JOB_ID} not found.", kind=Kind.NOT_FOUND)
