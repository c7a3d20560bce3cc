"""The one shape of every error of the API (RFC 9457), and the one function that makes it.

`message` repeats `detail` because the geoDB client prints it. A view whose client needs other
members brings its own `ErrorShape`.
"""

from __future__ import annotations

import http
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve
from rest_framework.serializers import Serializer

from .serializers import ProblemSerializer

PROBLEM = "application/problem+json"


class ApiError(Exception):
    """An answer with a 4xx or 5xx status.

    For reasons that belong to HTTP alone; the domain raises `Refused` instead.

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


def problem_body(error: ApiError, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an error: the members of RFC 9457 (problem details), and `message`.

    `kwargs` are those of the URL, because a view's own shape may name what was requested.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title or http.HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "message": error.detail,
        **error.extra,
    }
    if error.errors:
        body["errors"] = error.errors
    return body


@dataclass(frozen=True)
class ErrorShape:
    """How a view reports errors: `body` makes the JSON object that `serializer` describes.

    A view whose client needs other members sets its own shape as `error_shape`.
    """

    serializer: type[Serializer] = ProblemSerializer
    body: Callable[[ApiError, Mapping[str, Any]], dict[str, Any]] = problem_body


PROBLEMS = ErrorShape()


def shape_of(view: Any) -> ErrorShape:
    """The error shape of this view, or of this class of views."""
    return getattr(view, "error_shape", PROBLEMS)


def error_response(request: HttpRequest, error: ApiError) -> HttpResponse:
    """The answer as a plain Django response, for middleware and URL handlers."""
    view, kwargs = _asked_view(request)
    response = JsonResponse(
        shape_of(view).body(error, kwargs),
        status=error.status,
        content_type=PROBLEM,
        headers=error.headers,
    )
    if error.reason_phrase:
        response.reason_phrase = error.reason_phrase
    return response


def _asked_view(request: HttpRequest) -> tuple[Any, Mapping[str, Any]]:
    """The class of the view that the path belongs to, and the path's parts."""
    try:
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return None, {}
    return getattr(match.func, "cls", None), match.kwargs
