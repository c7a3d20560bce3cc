"""The largest body of a request, checked by its headers before anything reads the body."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from .errors import ApiError, error_response

UPLOAD_LIMIT_BYTES = 12 * 1024 * 1024
"""User code (at most 10 MB), and the JSON request that is sent with it."""


def most_body_bytes(content_type: str) -> int:
    """The longest body of that content type that any endpoint accepts."""
    is_form = content_type.startswith("multipart/form-data")
    return UPLOAD_LIMIT_BYTES if is_form else settings.DATA_UPLOAD_MAX_MEMORY_SIZE


class RequestLimitMiddleware:
    """Refuses bodies without a length, and bodies that are too long for every endpoint."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return error_response(
                request, ApiError("Send the body with a Content-Length.", status=411)
            )
        if not (length.isascii() and length.isdigit()):
            return error_response(request, ApiError("Content-Length is not a number."))
        limit = most_body_bytes(request.META.get("CONTENT_TYPE", ""))
        if int(length) > limit:
            return error_response(
                request, ApiError(f"The body is larger than {limit} bytes.", status=413)
            )
        return self.get_response(request)
