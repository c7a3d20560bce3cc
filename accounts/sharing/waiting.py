"""Pins waiting shares when their person gets an account, or signs in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_save

from ..models import Share, User
from .announcing import announce
from .rights import is_over

AT_ONCE = 100
"""How many waiting shares one sign-in gives to an account; the next gives more."""


def listen() -> None:
    """Give waiting shares to users who are made or sign in. Called when ready."""
    post_save.connect(_made, sender=User, dispatch_uid="sharing")
    user_logged_in.connect(_signed_in, dispatch_uid="sharing")


def _made(instance: User, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw:
        claim_waiting(instance)


def _signed_in(user: User, **kwargs: Any) -> None:
    claim_waiting(user)


def claim_waiting(user: User) -> int:
    """Pin to this account the shares that wait for its e-mail or user id; returns how many.

    A share with the owner's own e-mail stays unpinned: the owner has every right already.
    """
    waiting = Share.objects.filter(person__in=(user.email.lower(), user.username), user=None)
    found = list(waiting.exclude(owner=user).select_related("owner")[:AT_ONCE])
    if not found:
        return 0
    with transaction.atomic():
        waiting.filter(pk__in=[share.pk for share in found]).update(user=user)
        for share in found:
            share.user = user
            if not is_over(share):
                announce(share)
    return len(found)
