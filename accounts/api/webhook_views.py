"""The endpoints of webhooks: make, change, test, rotate the secret, see what was sent."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite.api.pagination import page

from ..notices.webhooks import targets
from . import notice_schema as schema
from .notice_serializers import (
    DeliverySerializer,
    NewWebhookSerializer,
    WebhookChangeSerializer,
    WebhookRequestSerializer,
    WebhookSerializer,
)
from .permissions import ReadsOrOwnsAccount

NOT_STORED = {"Cache-Control": "no-store"}


class WebhookViewSet(ViewSet):
    permission_classes = [ReadsOrOwnsAccount]

    @schema.list_webhooks
    def list(self, request: Request) -> Response:
        part, headers = page(request, targets.webhooks_of(request.user))
        return Response(WebhookSerializer(part, many=True).data, headers=headers)

    @schema.make_webhook
    def create(self, request: Request) -> Response:
        serializer = WebhookRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        webhook, secret = targets.make(
            request.user, name=asked["name"], url=asked["url"], wanted=asked.get("kinds", [])
        )
        webhook.secret = secret
        return Response(NewWebhookSerializer(webhook).data, status=201, headers=NOT_STORED)

    @schema.get_webhook
    def retrieve(self, request: Request, webhook_id: str) -> Response:
        return Response(WebhookSerializer(targets.find(request.user, webhook_id)).data)

    @schema.change_webhook
    def update(self, request: Request, webhook_id: str) -> Response:
        webhook = targets.find(request.user, webhook_id)
        serializer = WebhookChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        changed = targets.change(
            webhook,
            name=asked["name"],
            url=asked["url"],
            wanted=asked.get("kinds", []),
            is_on=asked["is_on"],
        )
        return Response(WebhookSerializer(changed).data)

    @schema.delete_webhook
    def destroy(self, request: Request, webhook_id: str) -> Response:
        targets.delete(targets.find(request.user, webhook_id))
        return Response(webhook_id)

    @schema.test_webhook
    def test(self, request: Request, webhook_id: str) -> Response:
        delivery = targets.test(targets.find(request.user, webhook_id))
        return Response(DeliverySerializer(delivery).data, status=202)

    @schema.rotate_secret
    def rotate(self, request: Request, webhook_id: str) -> Response:
        secret = targets.rotate(targets.find(request.user, webhook_id))
        return Response({"secret": secret}, headers=NOT_STORED)

    @schema.list_deliveries
    def deliveries(self, request: Request, webhook_id: str) -> Response:
        webhook = targets.find(request.user, webhook_id)
        part, headers = page(request, webhook.deliveries.select_related("notice"))
        return Response(DeliverySerializer(part, many=True).data, headers=headers)
