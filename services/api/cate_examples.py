"""Examples of Cate web APIs in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from hubsite.refusals import Kind, Refused

from ..cate.offered import SWITCHED_OFF
from .examples import INSTANCE_ID

COUNT = {"running_pods": 3}
STARTED = {
    "serverUrl": f"https://{INSTANCE_ID}.services.example.org/.xcube-hub/key/"
    "hJ2kXq0cP3wVb7nYt5rLz8mDf1sGa6uEo4iQxCvBnMk"
}
_NOTHING = {"running": None, "waiting": None, "terminated": None}
_AT = "2026-11-26T12:59:58.902114Z"
RUNNING: dict[str, Any] = {
    "phase": "Running",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": None,
            "message": None,
            "last_probe_time": None,
            "last_transition_time": _AT,
        }
    ],
    "container_statuses": [
        {
            "name": "cate",
            "ready": True,
            "started": True,
            "restart_count": 1,
            "image": "quay.io/ccitools/cate:3.1.3",
            "image_id": "",
            "container_id": None,
            "state": {**_NOTHING, "running": {"started_at": _AT}},
            "last_state": {
                **_NOTHING,
                "terminated": {
                    "exit_code": 137,
                    "reason": "OOMKilled",
                    "message": "The server used more than its 16,384 MiB of memory.",
                    "started_at": None,
                    "finished_at": "2026-11-26T12:59:51.114902Z",
                    "signal": None,
                    "container_id": None,
                },
            },
        }
    ],
    "ephemeral_container_statuses": None,
    "host_ip": None,
    "init_container_statuses": None,
    "message": None,
    "nominated_node_name": None,
    "pod_ip": None,
    "qos_class": "Burstable",
    "reason": None,
    "start_time": "2026-11-26T12:59:52.002341Z",
}
NONE = {"phase": "Unknown"}

OFF = Refused(SWITCHED_OFF, kind=Kind.UNSUPPORTED)
BAD_NAME = Refused("Invalid user name.", field="user_id")
NOT_YOURS = Refused("your own user id is expected", field="user_id", kind=Kind.FORBIDDEN)
TOO_MANY = Refused("Too many pods running.", kind=Kind.TOO_LARGE, title="Too many Cate web APIs")
