"""The token endpoint for programs (OAuth client credentials, and polls of the device flow)."""

from __future__ import annotations

from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from ..models import Client
from ..roles import permissions_of
from ..tokens.client_tokens import token_of
from ..tokens.clients import check_is_slow, check_secret, find_client
from ..tokens.limits import TooManyTries, count_token_request, count_try
from . import schema
from .client_authentication import token_request
from .device_views import OAuthViewSet, asks_by_device_code, device_token
from .errors import invalid_client, invalid_scope, slow_down, unsupported_grant_type

GRANT_TYPES = {"client_credentials", "client-credentials"}


class TokenViewSet(OAuthViewSet):
    """Gives a bearer token for client id and secret, or for an approved device code."""

    @schema.get_token
    def create(self, request: Request) -> Response:
        if asks_by_device_code(request):
            return device_token(request)
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
        try:
            count_token_request(client)
        except TooManyTries as error:
            raise slow_down(error) from None
        token, left_s = token_of(client, scopes)
        answer = {"access_token": token, "token_type": "bearer"}
        if isinstance(request.data, QueryDict):
            answer |= {"expires_in": left_s, "scope": " ".join(sorted(scopes))}
        return Response(answer)


def _authenticated_client(client_id: str, secret: str, address: str) -> Client:
    """The client with this secret. If the check is slow, the try is counted before it."""
    client = find_client(client_id)
    try:
        if not check_is_slow(client, client_id):
            if check_secret(client, client_id, secret):
                return client
            count_try(client, address)
            raise invalid_client()
        tries = count_try(client, address)
    except TooManyTries as error:
        raise slow_down(error) from None
    if check_secret(client, client_id, secret):
        tries.give_back()
        return client
    raise invalid_client()
