"""Subscriptions, as the marketplace makes, reads and ends them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hubsite.api.schema import problem_responses
from hubsite.refusals import Kind, Refused

from ..models import Service, Subscription
from ..scopes import CREATE_USERS, READ_USERS
from ..subscriptions.subscribing import Wish, find_subscription, subscribe, unsubscribe
from .permissions import HasScope
from .serializers import SubscriptionRequestSerializer, SubscriptionSerializer

SERVICE_ID = OpenApiParameter(
    "service_id", {"type": "string", "enum": Service.values}, OpenApiParameter.PATH
)
SUBSCRIPTION_ID = OpenApiParameter(
    "subscription_id", str, OpenApiParameter.PATH, description="The user's id."
)
NEEDS = "Needs `read:users` and `create:users`."

_REQUEST = {
    "email": "peter@example.org",
    "guid": "5f0e1c2d-9d4f-4a86-b7c1-1d2d3c4b5a69",
    "plan": "free",
    "units": 1000,
    "unit": "punits",
    "first_name": "Peter",
    "last_name": "Pan",
}
_ANSWER = {
    "subscription_id": "a52c86e8b1ee55d8ef8e1ef1c6a8a80b6",
    "email": "peter@example.org",
    "guid": "5f0e1c2d-9d4f-4a86-b7c1-1d2d3c4b5a69",
    "plan": "free",
    "units": 1000.0,
    "unit": "punits",
    "client_id": "6098d2a5b4cf4d6c9d0b8e6f9f0a7c11",
    "client_secret": "shown by the PUT that sets it",
    "start_date": "2026-11-24",
    "role": "cube-generation",
    "first_name": "Peter",
    "last_name": "Pan",
}


def unknown_service() -> Refused:
    return Refused(f"one of {', '.join(Service.values)} is expected", field="service_id")


def unknown_subscription(service_id: str, subscription_id: str) -> Refused:
    return Refused(
        f"Subscription {subscription_id[:150]} not found in service {service_id}.",
        kind=Kind.NOT_FOUND,
    )


class SubscriptionsView(APIView):
    permission_classes = [HasScope(READ_USERS, CREATE_USERS)]

    @extend_schema(
        operation_id="put_subscription",
        summary="Make or change a user's subscription",
        description="The user of that e-mail is made if there is none. Sent again it changes only "
        "what it says: what it leaves out stays, and what is the same has no effect. Other units "
        "of `xcube_gen` set the user's balance to them. New credentials work at once, those "
        f"before stop. {NEEDS}",
        parameters=[SERVICE_ID],
        request=SubscriptionRequestSerializer,
        responses={
            200: SubscriptionSerializer,
            **problem_responses(
                unknown_service(),
                Refused("Wrong unit for a geodb subscription: cells", field="unit"),
                Refused("this client id is taken", field="client_id", kind=Kind.CONFLICT),
            ),
        },
        examples=[
            OpenApiExample("A new user", value=_REQUEST, request_only=True),
            OpenApiExample("Made", value=_ANSWER, response_only=True, status_codes=["200"]),
        ],
    )
    def put(self, request: Request, service_id: str) -> Response:
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


class SubscriptionView(APIView):
    permission_classes = [HasScope(READ_USERS, CREATE_USERS)]

    @extend_schema(
        operation_id="get_subscription",
        summary="A user's subscription",
        description=f"With all members, `client_secret` always null. {NEEDS}",
        parameters=[SERVICE_ID, SUBSCRIPTION_ID],
        responses={
            200: SubscriptionSerializer,
            **problem_responses(unknown_service(), unknown_subscription("xcube_gen", "a52c86")),
        },
        examples=[
            OpenApiExample(
                "To geoDB, where the user is not known yet",
                value={
                    **_ANSWER,
                    "unit": "cells",
                    "client_secret": None,
                    "option": None,
                    "role": "geodb-user",
                    "registration": {
                        "state": "failing",
                        "attempts": 2,
                        "error": "geoDB answered 503",
                        "registered_at": None,
                    },
                },
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def get(self, request: Request, service_id: str, subscription_id: str) -> Response:
        _check_service(service_id)
        subscription = find_subscription(service_id, subscription_id)
        if subscription is None:
            raise unknown_subscription(service_id, subscription_id)
        return Response(presented(subscription))

    @extend_schema(
        operation_id="delete_subscription",
        summary="End a user's subscription",
        description="Takes away what it permitted, at once, also from tokens that are out. Jobs, "
        f"units and history stay. {NEEDS}",
        parameters=[SERVICE_ID, SUBSCRIPTION_ID],
        responses={
            200: {"type": "string", "description": "The id of the subscription that ended."},
            **problem_responses(unknown_service(), unknown_subscription("xcube_gen", "a52c86")),
        },
        examples=[
            OpenApiExample(
                "Ended",
                value=_ANSWER["subscription_id"],
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def delete(self, request: Request, service_id: str, subscription_id: str) -> Response:
        _check_service(service_id)
        if not unsubscribe(service_id, subscription_id, actor=_actor(request)):
            raise unknown_subscription(service_id, subscription_id)
        return Response(subscription_id)


def presented(subscription: Subscription, *, secret: str | None = None) -> dict[str, Any]:
    """The subscription as the marketplace reads it."""
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
