"""What the page of a user shows of accounts. Other apps fill the slot "person"."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from ...models import AccessToken, Balance, ExpiringUnits, LedgerEntry, Share, User
from ...role_words import meanings
from ...scopes import SCOPES
from ...units.words import word_of
from ..base import operates

SHOWN = 6


def of_person(request: HttpRequest, user: User) -> dict[str, Any]:
    """The panels. Each reads at most `SHOWN` rows, so a user with a million is as quick."""
    now = timezone.now()
    tokens = AccessToken.objects.filter(user=user, revoked_at=None, expires_at__gt=now)
    return {
        "person": user,
        "may_operate": operates(request),
        "may": meanings(_scopes_of(user)),
        "balance": getattr(user, "balance", None) or Balance(),
        "expiring": ExpiringUnits.objects.filter(
            user=user, closed_at=None, remaining__gt=0
        ).order_by("expires_at")[:SHOWN],
        "entries": [
            (entry, word_of(entry))
            for entry in LedgerEntry.objects.filter(user=user).select_related("actor")[:SHOWN]
        ],
        "subscriptions": list(user.subscriptions.all()),
        "identities": list(user.identities.all()[:SHOWN]),
        "tokens": list(tokens.select_related("client")[:SHOWN]),
        "clients": list(user.clients.all()[:SHOWN]),
        "shares": list(Share.objects.filter(owner=user).valid().select_related("role")[:SHOWN]),
    }


def _scopes_of(user: User) -> set[str]:
    """As `permissions_of`, in one query."""
    if not user.is_active or user.is_superuser:
        return set(SCOPES) if user.is_active else set()
    of_roles = Permission.objects.filter(group__in=user.groups.order_by().values("pk"))
    own = user.user_permissions.order_by()
    # Keys first: one query that joins users, permissions and roles takes seconds with many users.
    rows = Permission.objects.filter(
        Q(pk__in=own.values("pk")) | Q(pk__in=of_roles.order_by().values("pk")),
        codename__in=SCOPES,
    )
    return set(rows.order_by().values_list("codename", flat=True))
