"""Exception handlers of the API and of the site: make error answers of exceptions."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.template import loader
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ..health.database_faults import RETRY_AFTER_S, why_unavailable
from ..refusals import Kind, Refused
from .errors import PROBLEM, ApiError, error_response, shape_of

logger = logging.getLogger(__name__)

STATUSES = {
    Kind.INVALID: 400,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.TOO_LARGE: 413,
    Kind.TOO_EXPENSIVE: 413,
    Kind.UNSUPPORTED: 422,
    Kind.BUSY: 429,
    Kind.UNAVAILABLE: 503,
}
"""The HTTP status of each kind of refusal."""


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: makes the error answer in the view's shape."""
    error = as_api_error(exc)
    if error is None:
        return None
    set_rollback()
    response = Response(
        shape_of(context.get("view")).body(error, context.get("kwargs") or {}),
        status=error.status,
        headers=error.headers,
        content_type=PROBLEM,
    )
    if error.reason_phrase:
        response.reason_phrase = error.reason_phrase
    return response


def as_api_error(exc: Exception) -> ApiError | None:
    """The answer that `exc` stands for; None if it is a fault in our code."""
    if isinstance(exc, ApiError):
        return exc
    if isinstance(exc, Refused):
        return _refusal(exc)
    if isinstance(exc, Http404):
        return ApiError(str(exc) or "There is nothing here.", status=404)
    if isinstance(exc, PermissionDenied):
        return ApiError(str(exc) or "You may not do this.", status=403)
    if isinstance(exc, RequestDataTooBig):
        return ApiError("The request is too large.", status=413)
    if isinstance(exc, TooManyFilesSent | MultiPartParserError):
        return ApiError(f"The form could not be read: {exc}", status=400)
    if not isinstance(exc, exceptions.APIException):
        return None
    headers = {}
    if getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = exc.auth_header
    if getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(exc.wait) + 1)
    if isinstance(exc, exceptions.ValidationError):
        errors = list(_field_errors(exc.detail))
        return ApiError(
            "; ".join(": ".join(filter(None, (e["field"], e["message"]))) for e in errors)
            or "The request is not valid.",
            status=exc.status_code,
            errors=errors,
        )
    return ApiError(str(exc.detail), status=exc.status_code, headers=headers)


def _refusal(refused: Refused) -> ApiError:
    headers = {}
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(refused.retry_after_s)
    return ApiError(
        str(refused),
        status=STATUSES[refused.kind],
        errors=[{"field": e.field, "message": e.message} for e in refused.errors],
        headers=headers,
        **refused.members,
    )


def _field_errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from _field_errors(value, f"{path}.{name}".strip("."))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _field_errors(value, f"{path}[{index}]" if nested else path)
    else:
        yield {"field": path, "message": str(detail)}


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404 of the site: the API answers in its own shape, pages in HTML."""
    if request.path_info.startswith(f"/{settings.API_PATH}"):
        return error_response(request, ApiError("There is nothing here.", status=404))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500 of the site; the traceback is in the log, never in the answer.

    If the database cannot be used, the answer is 503, and no traceback is logged.
    """
    if why := why_unavailable(sys.exception()):
        return _database_unavailable(request, why)
    if request.path_info.startswith(f"/{settings.API_PATH}"):
        return error_response(
            request,
            ApiError(
                "The hub failed to answer; its operators can find the reason in its log.",
                status=500,
            ),
        )
    return defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400 of the site: malformed hosts, paths and forms, found before any view runs."""
    if why := why_unavailable(exception):
        return _database_unavailable(request, why)
    error = as_api_error(exception) or ApiError("The request could not be understood.")
    return error_response(request, error)


def _database_unavailable(request: HttpRequest, why: str) -> HttpResponse:
    """Answer 503, in the API and on all pages, and write one line to the log."""
    logger.error("The database cannot be used, %s: %s %s", why, request.method, request.path)
    if request.path_info.startswith(f"/{settings.API_PATH}"):
        error = ApiError(
            "The hub's database cannot be used just now. Nothing was changed; please try again.",
            status=503,
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
        return error_response(request, error)
    # The template gets no request, because it would load the user from the database.
    page = loader.render_to_string("503.html")
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
