"""Switches an account off and on again, for operators."""

from __future__ import annotations

from django.db import transaction

from hubsite import audit

from .deletion import stop_work
from .models import User


def switch_off(user: User, *, reason: str, end_work: bool) -> int:
    """Refuse the account everything from now on; returns how much work is still being ended.

    Sessions, tokens, clients, shares and links of the account are refused as long as it is off.
    The worker stops its services within minutes; jobs go on unless `end_work`.
    """
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            audit.record("user.switched_off", on=user, detail=reason)
    return stop_work(user) if end_work else 0


def switch_on(user: User) -> None:
    """Tokens, clients and shares work again, unless revoked or expired since."""
    with transaction.atomic():
        rows = User.objects.filter(pk=user.pk, forgotten_at=None, is_active=False)
        if rows.update(is_active=True):
            audit.record("user.switched_on", on=user)
