"""What operators script about users and their units, and the audit."""

from __future__ import annotations

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite import audit
from hubsite.api.keyset import part_of
from hubsite.audit import searching
from hubsite.refusals import Kind, Refused

from ..models import User
from ..roles import permissions_of
from ..units import ledger
from . import operator_schema as schema
from .operator_permission import OperatesHub
from .operator_serializers import (
    AuditEntrySerializer,
    OperatorUserDetailSerializer,
    OperatorUserSerializer,
    UnitsChangedSerializer,
    UnitsChangeSerializer,
    UserChangeSerializer,
)

MOST_KEY_CHARACTERS = 150
MOST_FILTER_CHARACTERS = 254


class OperatorUserViewSet(ViewSet):
    """All users, for operators."""

    permission_classes = [OperatesHub]

    @schema.list_users
    def list(self, request: Request) -> Response:
        rows = User.objects.prefetch_related("groups")
        if email := filter_text(request, "email"):
            rows = rows.filter(email__icontains=email)
        if role := filter_text(request, "role"):
            rows = rows.filter(groups__name=role)
        if is_active := filter_text(request, "is_active"):
            if is_active not in ("true", "false"):
                raise Refused("true or false is expected", field="is_active")
            rows = rows.filter(is_active=is_active == "true")
        part, headers = part_of(request, rows)
        return Response(OperatorUserSerializer(part, many=True).data, headers=headers)

    @schema.get_user
    def retrieve(self, request: Request, user_id: str) -> Response:
        return Response(_detail(_user(user_id)))

    @schema.change_user
    def update(self, request: Request, user_id: str) -> Response:
        given = UserChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data["is_active"]
        with transaction.atomic():
            user = _user(user_id, lock=True)
            if user.is_superuser or user.is_staff or user.reads_hub:
                raise schema.is_operator()
            if user.forgotten_at is not None:
                raise Refused("This person was deleted.", kind=Kind.GONE)
            if user.is_active != wanted:
                User.objects.filter(pk=user.pk).update(is_active=wanted)
                audit.record("user.switched_on" if wanted else "user.switched_off", on=user)
        return Response(_detail(_user(user_id)))

    @schema.change_units
    def units(self, request: Request, user_id: str) -> Response:
        given = UnitsChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        kind, units = given.validated_data["kind"], given.validated_data["units"]
        reason = given.validated_data["reason"].strip()
        if units == 0 or (kind == "grant" and units < 0):
            raise Refused("another number is expected: above 0 for a grant, not 0", field="units")
        if kind == "correct" and not reason:
            raise Refused("a reason is expected: the user sees it", field="reason")
        user, key = _user(user_id), idempotency_key(request)
        move = ledger.grant if kind == "grant" else ledger.correct
        try:
            entry = move(
                user,
                units,
                key=f"api:{request.user.pk}:{key}",
                reason=reason or "operators' API",
                actor=request.user,
            )
        except ledger.InsufficientUnits as error:
            raise Refused(
                f"the user has {error.available} units in all", field="units", kind=Kind.CONFLICT
            ) from None
        except ledger.IdempotencyKeyReused:
            raise schema.key_used() from None
        if entry.units != units:
            raise schema.key_used()
        balance = ledger.balance_of(user)
        return Response(
            UnitsChangedSerializer(
                {
                    "kind": entry.kind,
                    "units": entry.units,
                    "reason": entry.reason,
                    "created_at": entry.created_at,
                    "balance": balance,
                }
            ).data
        )


class OperatorAuditViewSet(ViewSet):
    """The audit, for operators."""

    permission_classes = [OperatesHub]

    @schema.list_audit
    def list(self, request: Request) -> Response:
        rows = searching.found(searching.read(request.query_params))
        part, headers = part_of(request, rows)
        return Response(AuditEntrySerializer(part, many=True).data, headers=headers)


def filter_text(request: Request, name: str) -> str:
    """The text of a filter; "" if it is not given. Raises Refused if it is too long."""
    text = request.query_params.get(name, "")
    if len(text) > MOST_FILTER_CHARACTERS:
        raise Refused(f"at most {MOST_FILTER_CHARACTERS} characters are expected", field=name)
    return text


def idempotency_key(request: Request) -> str:
    """The header that makes a repeated request count once. Raises Refused without it."""
    key = request.headers.get("Idempotency-Key", "")
    if not (0 < len(key) <= MOST_KEY_CHARACTERS and key.isprintable()):
        raise Refused(
            f"a text of 1 to {MOST_KEY_CHARACTERS} printable characters is expected",
            field="Idempotency-Key",
        )
    return key


def _user(user_id: str, *, lock: bool = False) -> User:
    rows = User.objects.select_for_update(no_key=True) if lock else User.objects
    user = rows.filter(username=user_id).first()
    if user is None:
        raise schema.no_user()
    return user


def _detail(user: User) -> dict:
    user.permissions = sorted(permissions_of(user))
    user.units = ledger.balance_of(user)
    return OperatorUserDetailSerializer(user).data
