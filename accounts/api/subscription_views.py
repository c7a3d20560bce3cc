"""The endpoints of subscriptions, with which the marketplace creates, reads and ends them."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from ..models import Service, Subscription
from ..scopes import CREATE_USERS, READ_USERS
from ..subscriptions.subscribing import Wish, find_subscription, subscribe, unsubscribe
from . import schema
from .errors import unknown_service, unknown_subscription
from .permissions import HasScope
from .serializers import SubscriptionRequestSerializer, SubscriptionSerializer


class SubscriptionViewSet(ViewSet):
    permission_classes = [HasScope(READ_USERS, CREATE_USERS)]

    @schema.put_subscription
    def subscribe(self, request: Request, service_id: str) -> Response:
        _check_service(service_id)
        serializer = SubscriptionRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        subscription, secret = subscribe(
            service_id, Wish(**serializer.validated_data), actor=_actor(request)
        )
        shown = presented(subscription, secret=secret)
        response = Response({name: value for name, value in shown.items() if value is not None})
        response["Cache-Control"] = "no-store"
        return response

    @schema.get_subscription
    def retrieve(self, request: Request, service_id: str, subscription_id: str) -> Response:
        _check_service(service_id)
        subscription = find_subscription(service_id, subscription_id)
        if subscription is None:
            raise unknown_subscription(service_id, subscription_id)
        return Response(presented(subscription))

    @schema.delete_subscription
    def unsubscribe(self, request: Request, service_id: str, subscription_id: str) -> Response:
        _check_service(service_id)
        if not unsubscribe(service_id, subscription_id, actor=_actor(request)):
            raise unknown_subscription(service_id, subscription_id)
        return Response(subscription_id)


def presented(subscription: Subscription, *, secret: str | None = None) -> dict[str, Any]:
    """The subscription in the marketplace's form."""
    registration = getattr(subscription, "registration", None)
    return SubscriptionSerializer(
        {
            "subscription_id": subscription.user.user_id,
            "email": subscription.user.email,
            "guid": subscription.guid,
            "plan": subscription.plan,
            "units": subscription.units,
            "unit": subscription.unit,
            "client_id": subscription.client.client_id if subscription.client else None,
            "client_secret": secret,
            "start_date": subscription.start_date,
            "option": subscription.option or None,
            "role": " ".join(subscription.roles),
            "first_name": subscription.first_name or None,
            "last_name": subscription.last_name or None,
            "registration": registration
            and {
                "state": registration.state,
                "attempts": registration.attempts,
                "error": registration.error or None,
                "registered_at": registration.registered_at,
            },
        }
    ).data


def _check_service(service_id: str) -> None:
    if service_id not in Service.values:
        raise unknown_service()


def _actor(request: Request) -> str:
    client_id = getattr(request.auth, "client_id", None)
    return f"client {client_id}" if client_id else f"user {request.user.user_id}"
