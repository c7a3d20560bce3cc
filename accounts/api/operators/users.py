"""What operators script about users and their units."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite import audit
from hubsite.api.keyset import part_of
from hubsite.refusals import Kind, Refused

from ... import deletion_queue, switching
from ...deletion import HasPowers
from ...models import PersonDeletion, User
from ...roles import forget_permissions, permissions_of
from ...units import expiry, ledger
from . import users_schema as schema
from .acts import given
from .asking import chosen_by, filter_text, idempotency_key, user_of
from .permission import OperatesHub
from .serializers import (
    DeletionSerializer,
    NewUserSerializer,
    OperatorUserDetailSerializer,
    OperatorUserSerializer,
    TypedSerializer,
    UnitsChangedSerializer,
    UnitsChangeSerializer,
    UserChangeSerializer,
)


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
        rows = chosen_by(request, rows, "is_active", Q(is_active=True))
        part, headers = part_of(request, rows)
        return Response(OperatorUserSerializer(part, many=True).data, headers=headers)

    @schema.create_user
    def create(self, request: Request) -> Response:
        asked = given(NewUserSerializer, request)
        roles = asked.pop("roles")
        try:
            with transaction.atomic():
                user, is_new = User.objects.get_or_create_by_email(asked.pop("email"), **asked)
                if not is_new:
                    raise schema.exists_already()
                audit.record("user.made", on=user)
                _set_roles(user, roles)
        except ValidationError as error:
            raise Refused(error.messages[0], field="email") from None
        return Response(_detail(user_of(user.username)), status=201)

    @schema.get_user
    def retrieve(self, request: Request, user_id: str) -> Response:
        return Response(_detail(user_of(user_id)))

    @schema.change_user
    def update(self, request: Request, user_id: str) -> Response:
        asked = given(UserChangeSerializer, request)
        with transaction.atomic():
            user = user_of(user_id, lock=True)
            if user.is_superuser and not request.user.is_superuser:
                raise schema.is_operator()
            if user.forgotten_at is not None:
                raise Refused("This person was deleted.", kind=Kind.GONE)
            if "roles" in asked:
                _set_roles(user, asked["roles"])
            if "is_active" in asked:
                _switch(user, **{name: asked[name] for name in ("is_active", "reason", "end_work")})
        return Response(_detail(user_of(user_id)))

    @schema.change_units
    def units(self, request: Request, user_id: str) -> Response:
        asked = given(UnitsChangeSerializer, request)
        user, key = user_of(user_id), idempotency_key(request)
        try:
            entry = _move(user, asked, key=f"api:{request.user.pk}:{key}", actor=request.user)
        except ledger.InsufficientUnits as error:
            raise Refused(
                f"the user has {error.available} units in all", field="units", kind=Kind.CONFLICT
            ) from None
        except ledger.IdempotencyKeyReused:
            raise schema.key_used() from None
        if entry.units != asked["units"]:
            raise schema.key_used()
        movement = {
            name: getattr(entry, name) for name in ("kind", "units", "reason", "created_at")
        }
        shown = {**movement, "balance": ledger.balance_of(user)}
        return Response(UnitsChangedSerializer(shown).data)

    @schema.delete_person
    def delete_person(self, request: Request, user_id: str) -> Response:
        typed = given(TypedSerializer, request)["typed"].strip()
        user = user_of(user_id)
        if user.forgotten_at is not None:
            raise Refused("This person was deleted.", kind=Kind.GONE)
        if typed.lower() not in (user.email.lower(), user.user_id):
            raise Refused("the e-mail or the user id of this person is expected", field="typed")
        try:
            deletion = deletion_queue.ask_for(user, by=request.user)
        except HasPowers:
            raise schema.has_powers() from None
        return Response(DeletionSerializer(deletion).data, status=202)

    @schema.get_deletion
    def deletion(self, request: Request, user_id: str) -> Response:
        deletion = PersonDeletion.objects.filter(user=user_of(user_id)).first()
        if deletion is None:
            raise schema.not_asked()
        return Response(DeletionSerializer(deletion).data)


def _set_roles(user: User, names: list[str]) -> None:
    """Make these the user's roles. Raises Refused if there is no such role."""
    wanted = {role.name: role for role in Group.objects.filter(name__in=names)}
    if missing := sorted(set(names) - wanted.keys()):
        raise Refused(f"there is no role {missing[0][:40]!r}", field="roles")
    before = set(user.groups.values_list("name", flat=True))
    user.groups.set(wanted.values())
    forget_permissions(user)
    changes = [f"+{name}" for name in sorted(wanted.keys() - before)]
    changes += [f"-{name}" for name in sorted(before - wanted.keys())]
    if changes:
        audit.record("user.roles_changed", on=user, detail=" ".join(changes))


def _switch(user: User, *, is_active: bool, reason: str, end_work: bool) -> None:
    if user.is_superuser or user.is_staff or user.reads_hub:
        raise schema.is_operator()
    if is_active:
        switching.switch_on(user)
    else:
        switching.switch_off(user, reason=reason, end_work=end_work)


def _move(user: User, asked: dict[str, Any], **movement: Any) -> Any:
    """Make the movement of units. Raises Refused, or what the ledger raises."""
    kind, units, last = asked["kind"], asked["units"], asked["expires"]
    reason = asked["reason"].strip()
    if units < {"grant": 1, "total": 0}.get(kind, units) or (kind == "correct" and not units):
        raise Refused("another number is expected: above 0 for a grant, not 0", field="units")
    if kind == "correct" and not reason:
        raise Refused("a reason is expected: the user sees it", field="reason")
    if last is not None and (kind != "grant" or last < timezone.now().date()):
        raise Refused("only a grant has a last day, which is not over yet", field="expires")
    movement["reason"] = reason or "operators' API"
    if last is not None:
        end = expiry.end_of(last)
        return expiry.grant_expiring(user, units, expires_at=end, **movement)
    move = {"grant": ledger.grant, "correct": ledger.correct, "total": ledger.override}[kind]
    return move(user, units, **movement)


def _detail(user: User) -> dict:
    user.permissions = sorted(permissions_of(user))
    user.units = ledger.balance_of(user)
    return OperatorUserDetailSerializer(user).data
