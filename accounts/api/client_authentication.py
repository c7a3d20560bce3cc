"""Reads client id and secret of a token request: body or HTTP Basic (RFC 6749, 2.3)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from django.http import QueryDict
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from hubsite.api.errors import ApiError
from hubsite.api.handlers import as_api_error

from .fields import MAX_LENGTH
from .serializers import ClientCredentialsSerializer


def oauth_error(
    error: str, detail: str, *, reason_phrase: str | None = None, **options: Any
) -> ApiError:
    """An OAuth error that also is a problem (RFC 9457).

    Old clients show only the reason phrase of the status line, so it contains the detail.
    """
    return ApiError(
        detail,
        error=error,
        error_description=detail,
        reason_phrase=reason_phrase or detail.rstrip("."),
        **options,
    )


def token_request(request: Request) -> dict[str, str]:
    """The checked members of the request. Raises ApiError."""
    data = request_members(request)
    if get_authorization_header(request)[:6].lower() == b"basic ":
        data = _with_basic_credentials(data, get_authorization_header(request)[6:])
    serializer = ClientCredentialsSerializer(data=data)
    if not serializer.is_valid():
        fault = as_api_error(ValidationError(serializer.errors))
        raise oauth_error(
            "invalid_request",
            fault.detail,
            errors=fault.errors,
            reason_phrase="client_id and client_secret are needed, as strings",
        )
    return serializer.validated_data


def request_members(request: Request) -> Any:
    """The body of an OAuth request: a dict of a form; of JSON whatever it is. Raises ApiError."""
    return _members(_parsed(request))


def _parsed(request: Request) -> Any:
    """The body. A malformed one is an OAuth error, too."""
    try:
        return request.data
    except ApiError as fault:
        raise oauth_error(
            "invalid_request",
            fault.detail,
            status=fault.status,
            errors=fault.errors,
            reason_phrase="The body cannot be read",
        ) from None


def _members(data: Any) -> Any:
    if not isinstance(data, QueryDict):
        return data
    if repeated := [name for name, values in data.lists() if len(values) > 1]:
        raise oauth_error(
            "invalid_request",
            "A parameter is given twice.",
            errors=[{"field": name[:100], "message": "Give it once."} for name in repeated],
        )
    return data.dict()


def _with_basic_credentials(data: Any, encoded: bytes) -> Any:
    if not isinstance(data, Mapping):
        return data
    try:
        if len(encoded) > 4 * MAX_LENGTH:
            raise ValueError
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, separator, client_secret = decoded.partition(":")
        if not separator:
            raise ValueError
    except (binascii.Error, ValueError):
        raise oauth_error(
            "invalid_request", "The Basic authentication header cannot be read."
        ) from None
    client_id, client_secret = unquote_plus(client_id), unquote_plus(client_secret)
    if "client_secret" in data or data.get("client_id", client_id) != client_id:
        raise oauth_error("invalid_request", "Client credentials are given in two places.")
    return {**data, "client_id": client_id, "client_secret": client_secret}
