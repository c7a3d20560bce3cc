"""Looks up a token of the hub with all that is needed, in one compiled SQL statement.

Every API call needs it. `accounts/sign_on/lookup.py` does the same for tokens of providers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Aggregate, CharField, OuterRef, Q, Subquery, Value
from django.utils import timezone

from hubsite.compiled_queries import CompiledQuery

from ..models import AccessToken, User
from ..scopes import SCOPES

# Without password and dates; `from_db` needs them in the order of the model.
USER_FIELDS = tuple(
    field.attname
    for field in User._meta.concrete_fields
    if field.attname
    in {
        "id",
        "username",
        "email",
        "first_name",
        "last_name",
        "is_active",
        "is_staff",
        "is_superuser",
    }
)


@dataclass(frozen=True)
class TokenRow:
    """The present data of a token in the database.

    `scopes` are those of the token that its client still has; `held` are those of its owner.
    """

    user: User
    scopes: frozenset[str]
    held: frozenset[str]
    client_id: str | None
    is_personal: bool
    is_revoked: bool


def valid_tokens() -> Q:
    """For a query: tokens that are neither revoked, also not with their client, nor expired."""
    of_client = Q(client=None) | Q(client__revoked_at=None)
    return of_client & Q(revoked_at=None, expires_at__gt=timezone.now())


def find_token(jti: str) -> TokenRow | None:
    """The token's row; its user comes without password and dates (loaded if asked for)."""
    row = _TOKEN.first(jti=jti)
    if row is None:
        return None
    (scopes, revoked_at, is_personal, client_id, client_scopes, client_revoked_at, *rest) = row
    user, held = user_and_held(rest)
    granted = frozenset(scopes)
    if client_id is not None:
        granted &= frozenset(client_scopes)
    return TokenRow(
        user=user,
        scopes=granted,
        held=held,
        client_id=client_id,
        is_personal=bool(is_personal),
        is_revoked=revoked_at is not None or client_revoked_at is not None,
    )


def user_and_held(columns: Sequence) -> tuple[User, frozenset[str]]:
    """The user and the user's scopes, from the columns `USER_FIELDS` and `held_columns`."""
    *of_user, directly, by_role = columns
    user = User.from_db(connection.alias, USER_FIELDS, of_user)
    if user.is_superuser:
        return user, frozenset(SCOPES)
    return user, frozenset(f"{directly or ''} {by_role or ''}".split())


def held_columns() -> tuple[Subquery, Subquery]:
    """The scopes that a row's `user_id` holds directly, and by role.

    They are read from the user's own few rows, so the number of users does not matter.
    """
    directly = User.user_permissions.through.objects.filter(
        user_id=OuterRef("user_id"), permission__codename__in=SCOPES
    )
    by_role = User.groups.through.objects.filter(
        user_id=OuterRef("user_id"), group__permissions__codename__in=SCOPES
    )
    return (
        _codenames(directly, "permission__codename"),
        _codenames(by_role, "group__permissions__codename"),
    )


class Joined(Aggregate):
    """Joins the texts of a group into one text."""

    function = "STRING_AGG"
    output_field = CharField()

    def __init__(self, expression: Any, *, separator: str = " ") -> None:
        super().__init__(expression, Value(separator))

    def as_sqlite(self, compiler, connection, **extra):
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **extra)


def _codenames(rows, field: str) -> Subquery:
    return Subquery(rows.values("user_id").annotate(joined=Joined(field)).values("joined"))


_TOKEN = CompiledQuery(
    lambda jti: (
        AccessToken.objects.filter(jti=jti)
        .order_by()
        .values_list(
            "scopes",
            "revoked_at",
            "is_personal",
            "client__client_id",
            "client__scopes",
            "client__revoked_at",
            *(f"user__{name}" for name in USER_FIELDS),
            *held_columns(),
        )
    ),
    jti="<jti>",
)
