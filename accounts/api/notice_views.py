"""The endpoints of notices: the list, marking as read, and what a user wants to get."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite.api.errors import invalid_field
from hubsite.api.pagination import page, query_integer

from ..models import Notice
from ..notices.choices import choices_of, choose, wants_mail
from ..notices.reading import mark_read, unread_of
from . import notice_schema as schema
from .notice_serializers import (
    NoticeSerializer,
    PreferencesRequestSerializer,
    ReadRequestSerializer,
)
from .permissions import ReadsOrOwnsAccount

LARGEST_ID = 10**12 - 1


class NoticeViewSet(ViewSet):
    """What the caller was told."""

    permission_classes = [ReadsOrOwnsAccount]

    @schema.list_notices
    def list(self, request: Request) -> Response:
        rows = Notice.objects.filter(user=request.user)
        if after := query_integer(request, "after", 0, most=LARGEST_ID):
            rows = rows.filter(pk__gt=after)
        if _chosen(request, "unread", ("false", "true")) == "true":
            rows = rows.unread()
        if _chosen(request, "order", ("newest", "oldest")) == "oldest":
            rows = rows.order_by("pk")
        part, headers = page(request, rows)
        return Response(NoticeSerializer(part, many=True).data, headers=headers)

    @schema.read_notices
    def read(self, request: Request) -> Response:
        serializer = ReadRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        marked = mark_read(request.user, up_to=asked.get("up_to"), ids=asked.get("ids", ()))
        return Response({"marked": marked, "unread": unread_of(request.user)})


class PreferencesViewSet(ViewSet):
    """How the caller wants to get notices."""

    permission_classes = [ReadsOrOwnsAccount]

    @schema.get_preferences
    def retrieve(self, request: Request) -> Response:
        return Response(_preferences(request))

    @schema.set_preferences
    def update(self, request: Request) -> Response:
        serializer = PreferencesRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        choose(
            request.user,
            mail=asked.get("mail"),
            wanted={
                name: (choice["portal"], choice["mail"])
                for name, choice in asked.get("kinds", {}).items()
            },
        )
        return Response(_preferences(request))


def _chosen(request: Request, name: str, choices: tuple[str, ...]) -> str:
    """The query parameter; the first choice is the default."""
    value = request.query_params.get(name, choices[0])
    if value not in choices:
        raise invalid_field(name, f"{' or '.join(choices)} is expected")
    return value


def _preferences(request: Request) -> dict:
    return {
        "mail": wants_mail(request.user),
        "kinds": {
            choice.kind.name: {
                "title": choice.kind.title,
                "portal": choice.in_portal,
                "mail": choice.by_mail,
            }
            for choice in choices_of(request.user)
        },
    }
