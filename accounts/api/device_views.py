"""Endpoints of the device flow (RFC 8628), of signing out (RFC 7009) and of metadata (RFC 8414)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import ViewSet

from hubsite.api.handlers import as_api_error
from hubsite.api.parsing import StrictJSONParser
from hubsite.configuration.site import hub
from hubsite.coordination.failures import TooManyTries
from hubsite.refusals import Refused
from hubsite.web.addresses import absolute_url

from ..scopes import SCOPES
from ..tokens import device_flow
from ..tokens.giving_back import give_back
from . import device_schema as schema
from .client_authentication import oauth_error, request_members
from .device_serializers import (
    DeviceRequestSerializer,
    DeviceTokenRequestSerializer,
    RevocationSerializer,
)
from .error_shapes import OAUTH_ERRORS
from .errors import slow_down, unsupported_token_type


class OAuthViewSet(ViewSet):
    """An OAuth endpoint: forms and JSON, OAuth's errors, answers that no one may cache."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    parser_classes = [StrictJSONParser, FormParser]
    error_shape = OAUTH_ERRORS

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response


class DeviceViewSet(OAuthViewSet):
    @schema.ask_device
    def create(self, request: Request) -> Response:
        given = checked(DeviceRequestSerializer, request)
        try:
            asked = device_flow.ask(
                client_id=given["client_id"],
                name=given.get("client_name", ""),
                scope=given.get("scope", ""),
                address=request.META.get("REMOTE_ADDR", ""),
            )
        except TooManyTries as error:
            raise slow_down(error) from None
        except Refused as refused:
            kind = "invalid_scope" if refused.errors[0].field == "scope" else "invalid_request"
            raise oauth_error(kind, str(refused)) from None
        page = absolute_url(reverse("device"))
        return Response(
            {
                "device_code": asked.device_code,
                "user_code": asked.user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?{urlencode({'user_code': asked.user_code})}",
                "expires_in": asked.expires_in_s,
                "interval": asked.interval_s,
            }
        )


class RevocationViewSet(OAuthViewSet):
    @schema.revoke
    def create(self, request: Request) -> Response:
        given = checked(RevocationSerializer, request)
        try:
            give_back(given["token"])
        except Refused:
            raise unsupported_token_type() from None
        return Response({})


def device_token(request: Request) -> Response:
    """The answer to a poll at the token endpoint."""
    given = checked(DeviceTokenRequestSerializer, request)
    try:
        row, text = device_flow.poll(given["device_code"], client_id=given["client_id"])
    except device_flow.NotYet as error:
        raise oauth_error(error.error, str(error)) from None
    return Response(
        {
            "access_token": text,
            "token_type": "bearer",
            "expires_in": int((row.expires_at - row.issued_at).total_seconds()),
            "scope": " ".join(row.scopes),
        }
    )


def checked(serializer: type[Serializer], request: Request) -> dict[str, Any]:
    """The members of the request. Raises ApiError, as OAuth has it."""
    found = serializer(data=request_members(request))
    if not found.is_valid():
        fault = as_api_error(ValidationError(found.errors))
        raise oauth_error("invalid_request", fault.detail, errors=fault.errors)
    return found.validated_data


def asks_by_device_code(request: Request) -> bool:
    data = request_members(request)
    return isinstance(data, dict) and data.get("grant_type") == device_flow.GRANT_TYPE


@require_safe
@cache_control(public=True, max_age=3600)
def metadata(request: HttpRequest) -> JsonResponse:
    """What an OAuth client must know of this hub (RFC 8414)."""
    token = absolute_url(reverse("oauth-token"))
    return JsonResponse(
        {
            "issuer": hub.public_url,
            "token_endpoint": token,
            "device_authorization_endpoint": absolute_url(reverse("oauth-device")),
            "revocation_endpoint": absolute_url(reverse("oauth-revoke")),
            "grant_types_supported": ["client_credentials", device_flow.GRANT_TYPE],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "client_secret_basic",
                "none",
            ],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "scopes_supported": list(SCOPES),
            "service_documentation": absolute_url(reverse("api-docs")),
        }
    )
