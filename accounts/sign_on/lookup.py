"""Look up a provider's token: everything in one SQL statement, which is compiled once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.contrib.auth.models import Group
from django.db.models import CharField, F, Subquery, Value
from django.db.models.functions import Concat

from hubsite.compiled_queries import CompiledQuery

from ..models import Identity, User
from ..scopes import SCOPES
from ..tokens.lookup import USER_FIELDS, Joined, held_columns, user_and_held


@dataclass(frozen=True)
class IdentityRow:
    """What the database holds about an identity now.

    `user` is None while it waits to be linked. `held` are the scopes of its user, `by_role` the
    scopes that each of the given roles grants.
    """

    user: User | None
    held: frozenset[str]
    by_role: dict[str, frozenset[str]]
    not_before: datetime | None


def find_identity(issuer: str, subject: str, *, roles: frozenset[str]) -> IdentityRow | None:
    """The identity's row; its user comes without password and dates (loaded if asked for)."""
    row = _identity_query(roles).first(issuer=issuer, subject=subject)
    if row is None:
        return None
    user_id, not_before, pairs, *rest = row
    by_role: dict[str, frozenset[str]] = {}
    for pair in (pairs or "").splitlines():
        role, _, scope = pair.rpartition("\t")
        by_role[role] = by_role.get(role, frozenset()) | {scope}
    user, held = (None, frozenset()) if user_id is None else user_and_held(rest)
    return IdentityRow(user=user, held=held, by_role=by_role, not_before=not_before)


@cache
def _identity_query(roles: frozenset[str]) -> CompiledQuery:
    granted = (
        Group.permissions.through.objects.filter(
            group__name__in=sorted(roles), permission__codename__in=SCOPES
        )
        .annotate(one=Value(1))
        .values("one")
        .annotate(
            joined=Joined(
                Concat(F("group__name"), Value("\t"), F("permission__codename")), separator="\n"
            )
        )
        .values("joined")
    )
    return CompiledQuery(
        lambda issuer, subject: (
            Identity.objects.filter(issuer=issuer, subject=subject)
            .order_by()
            .values_list(
                "user_id",
                "not_before",
                Subquery(granted) if roles else Value("", output_field=CharField()),
                *(f"user__{name}" for name in USER_FIELDS),
                *held_columns(),
            )
        ),
        issuer="<issuer>",
        subject="<subject>",
    )
