"""A user's personal tokens: list, make, revoke."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hubsite.api.pagination import page
from hubsite.api.schema import problem_responses
from hubsite.refusals import Kind, Refused

from ..tokens.personal import make_token, maker_of, revoke_token, tokens_of
from .me_views import PAGE
from .permissions import scopes_of
from .serializers import (
    NewPersonalTokenSerializer,
    PersonalTokenRequestSerializer,
    PersonalTokenSerializer,
)

_TOKEN = {
    "id": "3c6e0b8a9c15224a8228b9a98ca1531d",
    "name": "notebook",
    "scopes": ["manage:cubegens"],
    "issued_at": "2026-11-24T12:00:00Z",
    "expires_at": "2026-12-24T12:00:00Z",
}


def unknown_token() -> Refused:
    return Refused("You have no such token.", kind=Kind.NOT_FOUND)


class PersonalTokensView(APIView):
    @extend_schema(
        operation_id="users_me_tokens",
        summary="My personal tokens",
        description="Those that are neither expired nor revoked, newest first. The tokens "
        "themselves are not shown again.",
        parameters=PAGE,
        responses=PersonalTokenSerializer(many=True),
        examples=[
            OpenApiExample("One token", value=_TOKEN, response_only=True, status_codes=["200"])
        ],
    )
    def get(self, request: Request) -> Response:
        part, headers = page(request, tokens_of(request.user))
        return Response(PersonalTokenSerializer(part, many=True).data, headers=headers)

    @extend_schema(
        operation_id="users_me_token_create",
        summary="Make a personal token",
        description="For a program of yours, at this hub only (geoDB does not take it). It may do "
        "what this request may, at most. One made with a client's token is refused once that "
        "client is revoked.",
        request=PersonalTokenRequestSerializer,
        responses={
            201: NewPersonalTokenSerializer,
            **problem_responses(
                Refused("you do not have operate:hub", field="scopes"),
                Refused("You have 50 tokens; revoke one first.", kind=Kind.FORBIDDEN),
            ),
        },
        examples=[
            OpenApiExample(
                "For a notebook",
                value={"name": "notebook", "scopes": ["manage:cubegens"], "expires_in_days": 30},
                request_only=True,
            ),
            OpenApiExample(
                "Made",
                value={**_TOKEN, "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"},
                response_only=True,
                status_codes=["201"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
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


class PersonalTokenView(APIView):
    @extend_schema(
        operation_id="users_me_token_revoke",
        summary="Revoke a personal token",
        description="It is refused from now on.",
        parameters=[OpenApiParameter("token_id", str, OpenApiParameter.PATH)],
        responses={
            200: {"type": "string", "description": "The token's id."},
            **problem_responses(unknown_token()),
        },
        examples=[
            OpenApiExample("Revoked", value=_TOKEN["id"], response_only=True, status_codes=["200"])
        ],
    )
    def delete(self, request: Request, token_id: str) -> Response:
        if not revoke_token(request.user, token_id):
            raise unknown_token()
        return Response(token_id)
