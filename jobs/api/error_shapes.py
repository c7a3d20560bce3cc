"""Error shapes for the xcube client, which prints the reason only from these members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubsite.api.errors import ApiError, ErrorShape, problem_body

from .problem_serializers import CubegenProblemSerializer, CubeInfoProblemSerializer


def _cubegen_body(error: ApiError, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """A problem (RFC 9457) that also has the members of a failed job."""
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
    """Only the members that the client's closed schema allows."""
    return {"status": "error", "status_code": error.status, "message": error.detail}


CUBEGEN_ERRORS = ErrorShape(CubegenProblemSerializer, _cubegen_body)
CUBE_INFO_ERRORS = ErrorShape(CubeInfoProblemSerializer, _cube_info_body)
