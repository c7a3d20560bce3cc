"""What a caller finds at `/users/me`: who they are, their units, subscriptions, clients."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hubsite.api.pagination import MAX_LIMIT, page
from hubsite.api.schema import problem_responses
from hubsite.refusals import Kind, Refused

from ..models import LedgerEntry, User
from ..units.expiry import expiring_next
from ..units.ledger import balance_of
from ..units.notices import is_low
from .permissions import scopes_of
from .serializers import (
    MeSerializer,
    MovementSerializer,
    MyClientSerializer,
    MySubscriptionSerializer,
    MyUnitsSerializer,
    NameSerializer,
)

_ME = {
    "user_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6",
    "email": "ann@example.org",
    "name": "Ann Example",
    "permissions": ["manage:cubegens"],
    "units": {"total": 100, "reserved": 12, "available": 88, "is_low": True},
}
_MADE_AT = "2026-11-24T12:00:00Z"
PAGE = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT, "default": MAX_LIMIT},
        description="At most so many.",
    ),
    OpenApiParameter(
        "offset",
        {"type": "integer", "minimum": 0, "maximum": 10**9, "default": 0},
        description="Leave out so many, the newest.",
    ),
    OpenApiParameter(
        "X-Total-Count",
        int,
        OpenApiParameter.HEADER,
        response=[200],
        description="How many there are in all.",
    ),
]


def _shown(name: str, value: object) -> list[OpenApiExample]:
    return [OpenApiExample(name, value=value, response_only=True, status_codes=["200"])]


def unknown_client() -> Refused:
    return Refused("You have no client of that id.", kind=Kind.NOT_FOUND)


class MeView(APIView):
    """Who the caller is, what they may do, and what they have to spend."""

    @extend_schema(
        operation_id="users_me_retrieve",
        summary="Who am I?",
        responses=MeSerializer,
        examples=_shown("A user with 100 units", _ME),
    )
    def get(self, request: Request) -> Response:
        return Response(_me(request))

    @extend_schema(
        operation_id="users_me_update",
        summary="Change my name",
        description="The e-mail is changed by operators, or by your identity provider.",
        request=NameSerializer,
        responses=MeSerializer,
        examples=[
            OpenApiExample("A new name", value={"first_name": "Anna"}, request_only=True),
            *_shown("Changed", {**_ME, "name": "Anna Example"}),
        ],
    )
    def patch(self, request: Request) -> Response:
        serializer = NameSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if names := serializer.validated_data:
            User.objects.filter(pk=request.user.pk).update(**names)
            for name, value in names.items():
                setattr(request.user, name, value)
        return Response(_me(request))


def _me(request: Request) -> dict:
    """As MeSerializer describes it, which would take longer to build than all the rest."""
    user = request.user
    return {
        "user_id": user.user_id,
        "email": user.email,
        "name": user.get_full_name(),
        "permissions": sorted(scopes_of(request)),
        "units": _units(user),
    }


def _units(user: User) -> dict[str, object]:
    balance = balance_of(user)
    return {
        "total": balance.total,
        "reserved": balance.reserved,
        "available": balance.available,
        "is_low": is_low(balance),
    }


class MyUnitsView(APIView):
    @extend_schema(
        operation_id="users_me_units",
        summary="My processing units",
        description="What you have, what of it goes when, and what comes every month.",
        responses=MyUnitsSerializer,
        examples=_shown(
            "With a monthly grant",
            {
                **_ME["units"],
                "expiring": [{"expires_at": "2026-12-01T00:00:00Z", "units": 60}],
                "monthly": [
                    {
                        "units": 100,
                        "first_month": "2026-01-01",
                        "last_month": None,
                        "expires": True,
                    }
                ],
            },
        ),
    )
    def get(self, request: Request) -> Response:
        user, today = request.user, timezone.now().date()
        monthly = user.monthly_grants.filter(
            Q(last_month=None) | Q(last_month__gte=today.replace(day=1))
        )
        return Response(
            MyUnitsSerializer(
                {
                    **_units(user),
                    "expiring": [
                        {"expires_at": at, "units": units} for at, units in expiring_next(user)
                    ],
                    "monthly": monthly,
                }
            ).data
        )


class MyMovementsView(APIView):
    @extend_schema(
        operation_id="users_me_units_history",
        summary="Every movement of my units, newest first",
        description="Granted, reserved for a job, then settled (spent) or released; set, "
        "corrected, expired. `total_after` and `reserved_after` are what it left.",
        parameters=PAGE,
        responses=MovementSerializer(many=True),
        examples=_shown(
            "A job's end",
            {
                "at": _MADE_AT,
                "kind": "settle",
                "units": 12,
                "delta_total": -12,
                "delta_reserved": -12,
                "total_after": 88,
                "reserved_after": 0,
                "job_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6-0f8fad5b-d9cb-469f",
                "reason": "",
            },
        ),
    )
    def get(self, request: Request) -> Response:
        part, headers = page(request, LedgerEntry.objects.filter(user=request.user))
        return Response(MovementSerializer(part, many=True).data, headers=headers)


class MySubscriptionsView(APIView):
    @extend_schema(
        operation_id="users_me_subscriptions",
        summary="My subscriptions, and how they changed",
        description="Also those that have ended.",
        responses=MySubscriptionSerializer(many=True),
        examples=_shown(
            "To cube generation",
            {
                "service": "xcube_gen",
                "plan": "free",
                "units": 1000.0,
                "unit": "punits",
                "start_date": "2026-11-24",
                "ended_at": None,
                "history": [
                    {"at": _MADE_AT, "kind": "started", "changes": {"units": [None, 1000.0]}}
                ],
            },
        ),
    )
    def get(self, request: Request) -> Response:
        rows = request.user.subscriptions.prefetch_related("events")
        return Response(
            MySubscriptionSerializer(
                [
                    {
                        "service": row.service,
                        "plan": row.plan,
                        "units": row.units,
                        "unit": row.unit,
                        "start_date": row.start_date,
                        "ended_at": row.ended_at,
                        "history": row.events.all(),
                    }
                    for row in rows
                ],
                many=True,
            ).data
        )


class MyClientsView(APIView):
    @extend_schema(
        operation_id="users_me_clients",
        summary="My client ids",
        description="What programs of yours sign in with. Secrets are never shown.",
        parameters=PAGE,
        responses=MyClientSerializer(many=True),
        examples=_shown(
            "One client",
            {
                "client_id": "0f8fad5bd9cb469fa16570867728950e",
                "name": "notebook",
                "scopes": ["manage:cubegens"],
                "created_at": _MADE_AT,
                "revoked_at": None,
            },
        ),
    )
    def get(self, request: Request) -> Response:
        part, headers = page(request, request.user.clients.all())
        return Response(MyClientSerializer(part, many=True).data, headers=headers)


class MyClientView(APIView):
    @extend_schema(
        operation_id="users_me_client_revoke",
        summary="Revoke one of my client ids",
        description="For good: it gets no token any more, and its tokens are refused. For one "
        "whose secret was seen by others.",
        parameters=[OpenApiParameter("client_id", str, OpenApiParameter.PATH)],
        responses={
            200: {"type": "string", "description": "The client id."},
            **problem_responses(unknown_client()),
        },
        examples=_shown("Revoked", "0f8fad5bd9cb469fa16570867728950e"),
    )
    def delete(self, request: Request, client_id: str) -> Response:
        rows = request.user.clients.filter(client_id=client_id)
        client = rows.first() if client_id.isprintable() else None  # PostgreSQL knows no NUL
        if client is None or not client.revoke():
            raise unknown_client()
        return Response(client_id)
