"""Tokens for programs."""

from __future__ import annotations

from django.conf import settings
from django.http import QueryDict
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hubsite.api.errors import ApiError
from hubsite.api.parsing import StrictJSONParser
from hubsite.api.schema import problem_responses

from ..models import Client
from ..roles import permissions_of
from ..tokens.clients import check_is_slow, check_secret, find_client
from ..tokens.hub_tokens import issue_token
from ..tokens.limits import TooManyTries, check_tries, count_failure
from .client_authentication import oauth_error, token_request
from .serializers import ClientCredentialsSerializer, TokenSerializer

GRANT_TYPES = {"client_credentials", "client-credentials"}


def unsupported_grant_type() -> ApiError:
    return oauth_error("unsupported_grant_type", "The grant_type must be client_credentials.")


def invalid_scope() -> ApiError:
    return oauth_error("invalid_scope", "The client has none of these scopes.")


def invalid_client() -> ApiError:
    return oauth_error(
        "invalid_client",
        "Unknown client_id or wrong client_secret.",
        status=401,
        headers={"WWW-Authenticate": 'Basic realm="xcube-hub", charset="UTF-8"'},
    )


def slow_down(tries: TooManyTries) -> ApiError:
    return oauth_error(
        "slow_down", f"{tries}.", status=429, headers={"Retry-After": str(tries.retry_after_s)}
    )


class TokenView(APIView):
    """Client id and secret for a bearer token."""

    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [StrictJSONParser, FormParser]

    @extend_schema(
        operation_id="oauth_token_create",
        summary="Get an access token",
        description="Exchanges client credentials for a bearer token. A JSON request is answered "
        "with exactly `access_token` and `token_type`; a form-encoded one (RFC 6749) also with "
        "`expires_in` and `scope`, and may authenticate the client by HTTP Basic. An error also "
        "has the members `error` and `error_description` of RFC 6749, section 5.2.",
        auth=[],
        request={
            "application/json": ClientCredentialsSerializer,
            "application/x-www-form-urlencoded": ClientCredentialsSerializer,
        },
        responses={
            200: TokenSerializer,
            **problem_responses(
                unsupported_grant_type(),
                invalid_scope(),
                invalid_client(),
                slow_down(TooManyTries()),
            ),
        },
        examples=[
            OpenApiExample(
                "Client credentials",
                value={
                    "client_id": "0f8fad5bd9cb469fa16570867728950e",
                    "client_secret": "the secret that was shown once",
                    "audience": "https://xcube-gen.brockmann-consult.de/api/v2/",
                    "grant_type": "client-credentials",
                },
                request_only=True,
            ),
            OpenApiExample(
                "Token",
                value={"access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "token_type": "bearer"},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        asked = token_request(request)
        if asked.get("grant_type", "client_credentials") not in GRANT_TYPES:
            raise unsupported_grant_type()
        client = _authenticated_client(
            asked["client_id"], asked["client_secret"], request.META.get("REMOTE_ADDR", "")
        )
        scopes = permissions_of(client.owner).intersection(client.scopes)
        if wanted := asked.get("scope", "").split():
            scopes = scopes.intersection(wanted)
            if not scopes:
                raise invalid_scope()
        lifetime_s = settings.HUB["XCUBE_HUB_TOKEN_LIFETIME_S"]
        token = issue_token(client.owner, client=client, scopes=scopes, lifetime_s=lifetime_s)
        answer = {"access_token": token, "token_type": "bearer"}
        if isinstance(request.data, QueryDict):
            answer |= {"expires_in": lifetime_s, "scope": " ".join(sorted(scopes))}
        return Response(answer)

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response


def _authenticated_client(client_id: str, secret: str, address: str) -> Client:
    client = find_client(client_id)
    try:
        if check_is_slow(client, client_id):
            check_tries(client, address)
        if check_secret(client, client_id, secret):
            return client
        check_tries(client, address)
    except TooManyTries as error:
        raise slow_down(error) from None
    count_failure(client, address)
    raise invalid_client()
