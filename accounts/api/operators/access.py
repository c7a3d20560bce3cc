"""What operators script about tokens, clients, shares and webhooks of all users."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import translation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite.api.keyset import part_of

from ...leaks import finding
from ...models import AccessToken, Client, Share, User, Webhook
from ...models.sharing import valid_shares
from ...notices.webhooks import targets
from ...sharing import giving
from ...tokens.hub_tokens import revoke_tokens
from ...tokens.lookup import valid_tokens
from . import access_schema as schema
from .access_serializers import (
    FoundSerializer,
    LeakedSerializer,
    OperatorClientSerializer,
    OperatorShareSerializer,
    OperatorTokenSerializer,
    OperatorWebhookSerializer,
)
from .acts import given, nothing
from .asking import chosen_by, of_owner
from .permission import OperatesHub


class OperatorTokenViewSet(ViewSet):
    permission_classes = [OperatesHub]

    @schema.list_tokens
    def list(self, request: Request) -> Response:
        rows = of_owner(request, AccessToken.objects.all(), "user")
        rows = chosen_by(request, rows, "is_valid", valid_tokens())
        part, headers = part_of(request, rows.select_related("user", "client"))
        return Response(OperatorTokenSerializer(part, many=True).data, headers=headers)

    @schema.revoke_token
    def revoke(self, request: Request, token_id: str) -> Response:
        rows = _found(AccessToken.objects.filter(jti=token_id), "token")
        return Response({"changed": bool(revoke_tokens(rows))})


class OperatorClientViewSet(ViewSet):
    permission_classes = [OperatesHub]

    @schema.list_clients
    def list(self, request: Request) -> Response:
        rows = of_owner(request, Client.objects.all(), "owner")
        rows = chosen_by(request, rows, "is_valid", Q(revoked_at=None))
        part, headers = part_of(request, rows.select_related("owner"))
        return Response(OperatorClientSerializer(part, many=True).data, headers=headers)

    @schema.revoke_client
    def revoke(self, request: Request, client_id: str) -> Response:
        rows = _found(Client.objects.filter(client_id=client_id), "client")
        return Response({"changed": rows.select_related("owner").get().revoke()})


class OperatorShareViewSet(ViewSet):
    permission_classes = [OperatesHub]

    @schema.list_shares
    def list(self, request: Request) -> Response:
        rows = of_owner(request, Share.objects.all(), "owner")
        rows = chosen_by(request, rows, "is_valid", valid_shares())
        part, headers = part_of(request, rows.select_related("owner", "role"))
        return Response(OperatorShareSerializer(part, many=True).data, headers=headers)

    @schema.withdraw_share
    def withdraw(self, request: Request, share_id: int) -> Response:
        rows = _found(Share.objects.filter(pk=min(share_id, 2**62)), "share")
        share = rows.select_related("owner", "role", "user").get()
        return Response({"changed": giving.withdraw(share, by=request.user)})


class OperatorWebhookViewSet(ViewSet):
    permission_classes = [OperatesHub]

    @schema.list_webhooks
    def list(self, request: Request) -> Response:
        rows = of_owner(request, Webhook.objects.all(), "user")
        part, headers = part_of(request, rows.select_related("user"))
        return Response(OperatorWebhookSerializer(part, many=True).data, headers=headers)

    @schema.switch_off_webhook
    def switch_off(self, request: Request, webhook_id: str) -> Response:
        rows = _found(Webhook.objects.filter(webhook_id=webhook_id), "webhook")
        off = targets.switch_off(rows, reason=targets.BY_OPERATOR)
        return Response({"changed": bool(off)})


class OperatorLeakViewSet(ViewSet):
    permission_classes = [OperatesHub]

    @schema.find_leaked
    def create(self, request: Request) -> Response:
        asked = given(LeakedSerializer, request)
        with translation.override("en"):
            found = finding.find(asked["text"])
            answer = [_shown(it, revoke=asked["revoke"], by=request.user) for it in found]
        return Response(FoundSerializer(answer, many=True).data)


def _shown(found: finding.Found, *, revoke: bool, by: User) -> dict:
    can = bool(found.key)
    is_revoked = revoke and can and finding.revoke(found.kind, found.key, by=by) is not None
    return {
        **{name: getattr(found, name) for name in ("kind", "what", "says", "is_valid", "owner")},
        "can_be_revoked": can,
        "is_revoked": is_revoked,
    }


def _found(rows: QuerySet, what: str) -> QuerySet:
    if not rows.exists():
        raise nothing(what)
    return rows
