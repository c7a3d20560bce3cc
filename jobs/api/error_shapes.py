"""How errors look to the xcube client, which prints the reason only if it finds it there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubsite.api.errors import ApiError, ErrorShape, problem_body

from .serializers import CubegenProblemSerializer, CubeInfoProblemSerializer


def _cubegen_body(error: ApiError, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """A problem that is a failed job too."""
    return {
        **problem_body(error, kwargs),
        "job_id": kwargs.get("job_id", "unknown"),
        "job_status": {"active": 0, "failed": 1, "succeeded": 0},
        "job_result": {
            "status": "error",
            "status_code": error.status,
            "message": error.detail,
        },
    }


def _cube_info_body(error: ApiError, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing but what the client's closed schema has."""
    return {"status": "error", "status_code": error.status, "message": error.detail}


CUBEGEN_ERRORS = ErrorShape(CubegenProblemSerializer, _cubegen_body)
CUBE_INFO_ERRORS = ErrorShape(CubeInfoProblemSerializer, _cube_info_body)
