"""The one shape of every error of the API (RFC 9457), and the one function that makes it.

`message` repeats `detail` because the geoDB client prints it. Under `/cubegens` the body also
carries what makes the xcube client print the message; its `info` call knows other keys only.
"""

from __future__ import annotations

import http
import re
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

PROBLEM = "application/problem+json"

_CUBEGENS = re.compile(rf"^/{settings.API_PATH}cubegens(?:/(?P<job_id>[^/]+))?")
_INFO = re.compile(rf"^/{settings.API_PATH}cubegens/info/?$")
_NOT_JOB_IDS = {"code", "info", "version"}


class ApiError(Exception):
    """An answer with a 4xx or 5xx status: what HTTP alone knows. The domain raises `Refused`.

    `errors` lists invalid fields as `{"field", "message"}`; `extra` are further members.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int = 400,
        title: str | None = None,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        reason_phrase: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.title = title
        self.errors = errors
        self.headers = headers or {}
        self.reason_phrase = reason_phrase
        self.extra = extra


def invalid_field(field: str, message: str) -> ApiError:
    """The 400 that names one field (empty: the whole body) and what is expected there."""
    detail = f"{field}: {message}" if field else message
    return ApiError(detail, errors=[{"field": field, "message": message}])


def problem(path: str, error: ApiError) -> dict[str, Any]:
    """The body that tells `error` to a caller of `path`."""
    title = error.title or http.HTTPStatus(error.status).phrase
    if _INFO.match(path):
        return {"status": "error", "status_code": error.status, "message": error.detail}
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": error.status,
        "detail": error.detail,
        "message": error.detail,
        **error.extra,
    }
    if error.errors:
        body["errors"] = error.errors
    if match := _CUBEGENS.match(path):
        job_id = match["job_id"]
        body["job_id"] = job_id if job_id and job_id not in _NOT_JOB_IDS else "unknown"
        body["job_status"] = {"active": 0, "failed": 1, "succeeded": 0}
        body["job_result"] = {
            "status": "error",
            "status_code": error.status,
            "message": error.detail,
        }
    return body


def error_response(request: HttpRequest, error: ApiError) -> HttpResponse:
    """The answer as a plain Django response, for middleware and URL handlers."""
    response = JsonResponse(
        problem(request.path, error),
        status=error.status,
        content_type=PROBLEM,
        headers=error.headers,
    )
    if error.reason_phrase:
        response.reason_phrase = error.reason_phrase
    return response
