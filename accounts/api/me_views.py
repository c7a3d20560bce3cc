"""The endpoints `/users/me`: the caller's account, units, subscriptions and clients."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite import audit
from hubsite.api.pagination import page, query_integer
from hubsite.refusals import Refused

from ..models import LedgerEntry, User
from ..roles import hold_user
from ..units import statement
from ..units.expiry import expiring_next
from ..units.ledger import balance_of
from ..units.notices import is_low
from . import schema
from .errors import unknown_client
from .permissions import ReadsOrOwnsAccount, scopes_of
from .serializers import (
    MonthSerializer,
    MovementSerializer,
    MyClientSerializer,
    MySubscriptionSerializer,
    MyUnitsSerializer,
    NameSerializer,
)

MOST_MONTHS = 60
MOST_CHANGES = 100
"""So many of the latest changes of each subscription are told."""


class MeViewSet(ViewSet):
    """Who the caller is, what they may do, and what they have to spend."""

    permission_classes = [ReadsOrOwnsAccount]

    @schema.get_me
    def retrieve(self, request: Request) -> Response:
        return Response(_me(request))

    @schema.change_me
    def update(self, request: Request) -> Response:
        serializer = NameSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if names := serializer.validated_data:
            with transaction.atomic():
                hold_user(request.user)
                User.objects.filter(pk=request.user.pk).update(**names)
                audit.record_seldom("user.renamed", on=request.user)
            for name, value in names.items():
                setattr(request.user, name, value)
        return Response(_me(request))

    @schema.get_units
    def units(self, request: Request) -> Response:
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

    @schema.list_movements
    def movements(self, request: Request) -> Response:
        part, headers = page(request, LedgerEntry.objects.filter(user=request.user))
        return Response(MovementSerializer(part, many=True).data, headers=headers)

    @schema.list_months
    def months(self, request: Request) -> Response:
        today = timezone.now().date()
        last = _month(request, "until", today)
        count = query_integer(request, "months", 12, most=MOST_MONTHS)
        found = statement.months(request.user, min(last, today), count) if count else []
        return Response(MonthSerializer(reversed(found), many=True).data)

    @schema.list_my_subscriptions
    def subscriptions(self, request: Request) -> Response:
        rows = request.user.subscriptions.all()  # one for each service
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
                        "history": row.events.order_by("-pk")[:MOST_CHANGES][::-1],
                    }
                    for row in rows
                ],
                many=True,
            ).data
        )


class MyClientViewSet(ViewSet):
    """Client ids with which programs of the caller sign in."""

    permission_classes = [ReadsOrOwnsAccount]

    @schema.list_clients
    def list(self, request: Request) -> Response:
        part, headers = page(request, request.user.clients.all())
        return Response(MyClientSerializer(part, many=True).data, headers=headers)

    @schema.revoke_client
    def revoke(self, request: Request, client_id: str) -> Response:
        rows = request.user.clients.filter(client_id=client_id)
        client = rows.first() if client_id.isprintable() else None  # PostgreSQL refuses NUL
        if client is None or not client.revoke():
            raise unknown_client()
        return Response(client_id)


def _month(request: Request, name: str, default: date) -> date:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        return statement.parse_month(text)
    except ValueError:
        raise Refused("a month such as 2027-01 is expected", field=name) from None


def _me(request: Request) -> dict:
    """The answer that MeSerializer describes; the serializer itself would take much longer."""
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
