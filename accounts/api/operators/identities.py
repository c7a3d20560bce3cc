"""What operators script about identities: who signs in with which account of a provider."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite import audit
from hubsite.api.keyset import part_of
from hubsite.refusals import Kind, Refused

from ...models import Identity
from ...sign_on.linking import is_privileged, withdraw
from ..fields import PrintableField
from .access_schema import OWNER
from .access_serializers import PersonSerializer
from .acts import act, asked, given, listing, nothing, path_id
from .asking import chosen_by, of_owner, user_of
from .permission import OperatesHub


class IdentitySerializer(serializers.ModelSerializer):
    """An account at a provider. Without a user it waits to be linked."""

    user = PersonSerializer(allow_null=True)

    class Meta:
        model = Identity
        fields = ["id", "user", "issuer", "subject", "email", "created_at", "last_login_at"]


class LinkSerializer(serializers.Serializer):
    user_id = PrintableField(max_length=150, help_text="Who signs in with it from now on.")


def only_superusers() -> Refused:
    return Refused("Only a superuser links an account to an operator.", kind=Kind.FORBIDDEN)


_ID = path_id("identity_id", int)
_NONE = nothing("identity")
_IDENTITY = {
    "id": 12,
    "user": None,
    "issuer": "https://login.example.org/",
    "subject": "4711",
    "email": "ann@example.org",
    "created_at": "2026-11-24T12:00:00Z",
    "last_login_at": None,
}
_list = listing(
    "list_identities",
    "Accounts at providers",
    IdentitySerializer,
    _IDENTITY,
    OWNER,
    OpenApiParameter(
        "waits",
        {"type": "string", "enum": ["true", "false"]},
        description="`true`: those that nobody is linked to.",
    ),
)
_link = act(
    "change_user_of_identity",
    "Say whose an account at a provider is",
    of=_ID,
    request=LinkSerializer,
    asked=asked("Ann's", {"user_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6"}),
    refusals=[_NONE, only_superusers()],
)
_refuse = act(
    "revoke_tokens_of_identity",
    "Refuse the provider's tokens that were issued until now",
    of=_ID,
    refusals=[_NONE],
)


class OperatorIdentityViewSet(ViewSet):
    permission_classes = [OperatesHub]

    @_list
    def list(self, request: Request) -> Response:
        rows = of_owner(request, Identity.objects.all(), "user")
        rows = chosen_by(request, rows, "waits", Q(user=None))
        part, headers = part_of(request, rows.select_related("user"))
        return Response(IdentitySerializer(part, many=True).data, headers=headers)

    @_link
    def link(self, request: Request, identity_id: int) -> Response:
        asked_for = given(LinkSerializer, request)
        with transaction.atomic():
            identity, user = _found(identity_id), user_of(asked_for["user_id"])
            if identity.user_id == user.pk:
                return Response({"changed": False})
            if user.is_service_account:
                raise Refused("the account of a person is expected", field="user_id")
            others = [user, *([identity.user] if identity.user else [])]
            if any(map(is_privileged, others)) and not request.user.is_superuser:
                raise only_superusers()
            withdraw(identity)
            identity.user = user
            identity.save(update_fields=["user", "given_roles", "gave_staff"])
            audit.record("user.linked", actor=request.user, on=user, detail=str(identity))
        return Response({"changed": True})

    @_refuse
    def refuse_tokens(self, request: Request, identity_id: int) -> Response:
        with transaction.atomic():
            identity = _found(identity_id)
            identity.not_before = timezone.now()
            identity.save(update_fields=["not_before"])
            audit.record("object.changed", on=identity, detail="tokens refused")
        return Response({"changed": True})


def _found(identity_id: int) -> Identity:
    rows = Identity.objects.select_for_update(of=["self"]).select_related("user")
    if (identity := rows.filter(pk=min(identity_id, 2**62)).first()) is None:
        raise nothing("identity")
    return identity
