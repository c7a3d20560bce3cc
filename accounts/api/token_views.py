"""Tokens for programs."""

from __future__ import annotations

from django.http import QueryDict
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.settings import hub
from hubsite.api.parsing import StrictJSONParser

from ..models import Client
from ..roles import permissions_of
from ..tokens.clients import check_is_slow, check_secret, find_client
from ..tokens.hub_tokens import issue_token
from ..tokens.limits import TooManyTries, check_tries, count_failure
from . import schema
from .client_authentication import token_request
from .error_shapes import OAUTH_ERRORS
from .errors import invalid_client, invalid_scope, slow_down, unsupported_grant_type

GRANT_TYPES = {"client_credentials", "client-credentials"}


class TokenViewSet(ViewSet):
    """Client id and secret for a bearer token."""

    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [StrictJSONParser, FormParser]
    error_shape = OAUTH_ERRORS

    @schema.get_token
    def create(self, request: Request) -> Response:
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
        lifetime_s = hub.token_lifetime_s
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
