"""What operators script about units that come each month."""

from __future__ import annotations

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite import audit
from hubsite.api.examples import answer_example
from hubsite.api.keyset import part_of
from hubsite.api.schema import problem_responses
from hubsite.refusals import Refused

from ...models import MonthlyGrant
from ...units.ledger import MAX_UNITS
from ..fields import DayField, FlagField, PrintableField, WholeNumberField
from .access_schema import OWNER
from .access_serializers import PersonSerializer
from .acts import NEEDS, act, asked, given, listing, nothing, path_id
from .asking import of_owner, user_of
from .permission import OperatesHub


class MonthlyGrantRequestSerializer(serializers.Serializer):
    user_id = PrintableField(max_length=150)
    units = WholeNumberField(min_value=1, max_value=MAX_UNITS)
    first_month = DayField(help_text="Any day of the first month.")
    last_month = DayField(required=False, allow_null=True, default=None, help_text="null: no end.")
    expires = FlagField(default=True, help_text="Whether they end with their month.")
    reason = PrintableField(max_length=200, help_text="The user sees it.")


class MonthlyGrantSerializer(serializers.ModelSerializer):
    """Units that a user gets each month."""

    user = PersonSerializer()

    class Meta:
        model = MonthlyGrant
        fields = ["id", "user", "units", "first_month", "last_month", "expires", "reason"]


_GRANT = {
    "id": 7,
    "user": {"user_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6", "email": "ann@example.org"},
    "units": 500,
    "first_month": "2026-12-01",
    "last_month": None,
    "expires": True,
    "reason": "as agreed",
}
_list = listing(
    "list_monthly_grants", "Units that come each month", MonthlyGrantSerializer, _GRANT, OWNER
)
_create = extend_schema(
    operation_id="make_monthly_grant",
    summary="Grant a user units each month",
    description=f"The first come within an hour, if the first month has begun. {NEEDS}",
    request=MonthlyGrantRequestSerializer,
    responses={201: MonthlyGrantSerializer, **problem_responses(nothing("user"))},
    examples=[
        asked(
            "From December on",
            {
                "user_id": _GRANT["user"]["user_id"],
                "units": 500,
                "first_month": "2026-12-01",
                "reason": "as agreed",
            },
        ),
        answer_example("Made", _GRANT, status=201),
    ],
)
_end = act(
    "delete_monthly_grant",
    "End a monthly grant",
    description="What it granted before stays.",
    of=path_id("grant_id", int),
    refusals=[nothing("monthly grant")],
)


class OperatorMonthlyGrantViewSet(ViewSet):
    permission_classes = [OperatesHub]

    @_list
    def list(self, request: Request) -> Response:
        rows = of_owner(request, MonthlyGrant.objects.all(), "user")
        part, headers = part_of(request, rows.select_related("user"))
        return Response(MonthlyGrantSerializer(part, many=True).data, headers=headers)

    @_create
    def create(self, request: Request) -> Response:
        asked_for = given(MonthlyGrantRequestSerializer, request)
        first, last = asked_for["first_month"].replace(day=1), asked_for["last_month"]
        if last is not None and last < first:
            raise Refused("a month that is not before the first is expected", field="last_month")
        with transaction.atomic():
            user = user_of(asked_for.pop("user_id"))
            grant = MonthlyGrant.objects.create(user=user, **{**asked_for, "first_month": first})
            audit.record("object.added", on=grant, about=user, detail=f"{grant.units} units")
        return Response(MonthlyGrantSerializer(grant).data, status=201)

    @_end
    def destroy(self, request: Request, grant_id: int) -> Response:
        with transaction.atomic():
            rows = MonthlyGrant.objects.filter(pk=min(grant_id, 2**62)).select_related("user")
            if (grant := rows.first()) is None:
                raise nothing("monthly grant")
            audit.record("object.deleted", on=grant, about=grant.user)
            grant.delete()
        return Response({"changed": True})
