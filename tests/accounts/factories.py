"""Makes users, clients and tokens for tests."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable

from accounts.models import Client, User
from accounts.roles import forget_permissions, permission_rows, permissions_of
from accounts.tokens.clients import create_client
from accounts.tokens.hub_tokens import issue_token
from accounts.units import ledger

_numbers = itertools.count(1)


def make_user(
    email: str | None = None, permissions: Iterable[str] = (), units: int = 0, **fields
) -> User:
    """A user who holds `permissions` directly and has `units` processing units."""
    email = email or f"user-{next(_numbers)}-{uuid.uuid4().hex[:6]}@example.org"
    user = User.objects.create_user(email, **fields)
    user.user_permissions.add(*permission_rows(permissions))
    forget_permissions(user)
    if units:
        ledger.grant(user, units, key=f"test:{uuid.uuid4()}", reason="for the test")
    return user


def make_client(user: User, scopes: Iterable[str] | None = None, **fields) -> tuple[Client, str]:
    """A client of `user`'s and its secret; without `scopes`, with all that the user has."""
    return create_client(user, scopes=permissions_of(user) if scopes is None else scopes, **fields)


def bearer(user: User, scopes: Iterable[str] | None = None, **options) -> dict[str, str]:
    """Headers for the Django test client (`headers=`), of a token of `user`'s."""
    scopes = permissions_of(user) if scopes is None else scopes
    return {"Authorization": f"Bearer {issue_token(user, scopes=scopes, **options)}"}
