"""The endpoints of personal tokens: list, create, revoke."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite.api.pagination import page

from ..tokens.personal import make_token, maker_of, revoke_token, tokens_of
from . import schema
from .errors import unknown_token
from .permissions import ReadsOrOwnsAccount, scopes_of
from .serializers import (
    NewPersonalTokenSerializer,
    PersonalTokenRequestSerializer,
    PersonalTokenSerializer,
)


class PersonalTokenViewSet(ViewSet):
    permission_classes = [ReadsOrOwnsAccount]

    @schema.list_tokens
    def list(self, request: Request) -> Response:
        part, headers = page(request, tokens_of(request.user))
        return Response(PersonalTokenSerializer(part, many=True).data, headers=headers)

    @schema.make_token
    def create(self, request: Request) -> Response:
        serializer = PersonalTokenRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        row, text = make_token(
            request.user,
            name=asked["name"],
            scopes=asked["scopes"],
            days=asked["expires_in_days"],
            allowed=scopes_of(request),
            client=maker_of(request.auth),
        )
        row.token = text
        return Response(
            NewPersonalTokenSerializer(row).data,
            status=201,
            headers={"Cache-Control": "no-store"},
        )

    @schema.revoke_token
    def revoke(self, request: Request, token_id: str) -> Response:
        if not revoke_token(request.user, token_id):
            raise unknown_token()
        return Response(token_id)
