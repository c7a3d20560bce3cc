"""The OpenAPI description of the device flow and of revocation."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse, extend_schema

from hubsite.api.examples import answer_example, request_example
from hubsite.api.schema import problem_responses

from ..tokens.limits import TooManyTries
from .client_authentication import oauth_error
from .device_serializers import (
    DeviceAnswerSerializer,
    DeviceRequestSerializer,
    RevocationSerializer,
)
from .error_shapes import OAUTH_ERRORS
from .errors import invalid_scope, slow_down, unsupported_token_type

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

ask_device = extend_schema(
    operation_id="start_device_flow",
    summary="Ask for a token that a person approves",
    description="The device flow of RFC 8628, for programs without a browser. Show the person "
    "`verification_uri` and `user_code`, and poll `POST /oauth/token` with `grant_type` "
    f"`{_GRANT}`, `device_code` and `client_id`, every `interval` seconds. Until it is approved, "
    "the answer is 400 with `error` `authorization_pending`; `slow_down` asks for 5 s more between "
    "polls; `access_denied`, `expired_token` and `invalid_grant` end it. The token is personal: "
    "the person sees and revokes it at `/account/`. Forms are taken as well as JSON.",
    auth=[],
    request={"application/json": DeviceRequestSerializer},
    responses={
        200: DeviceAnswerSerializer,
        **problem_responses(invalid_scope(), slow_down(TooManyTries()), shape=OAUTH_ERRORS),
    },
    examples=[
        request_example(
            "A notebook", {"client_id": "xcube-hub-login", "client_name": "my notebook"}
        ),
        answer_example(
            "Codes",
            {
                "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
                "user_code": "WDJB-MJHT",
                "verification_uri": "https://hub.example/device",
                "verification_uri_complete": "https://hub.example/device?user_code=WDJB-MJHT",
                "expires_in": 600,
                "interval": 5,
            },
        ),
    ],
)

revoke = extend_schema(
    operation_id="revoke_this_token",
    summary="Revoke this personal token",
    description="Signs a program out (RFC 7009). The token itself is enough. An unknown or "
    "expired token is answered 200, too.",
    auth=[],
    request={"application/json": RevocationSerializer},
    responses={
        200: OpenApiResponse({"type": "object"}, description="The token is no longer valid."),
        **problem_responses(
            unsupported_token_type(),
            oauth_error("invalid_request", "token: This field is required."),
            shape=OAUTH_ERRORS,
        ),
    },
    examples=[
        request_example("A token", {"token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}),
        answer_example("Revoked", {}),
    ],
)
