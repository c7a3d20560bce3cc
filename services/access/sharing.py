"""Shares an instance with a person, or with whoever has a link."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.roles import permissions_of
from accounts.scopes import OPERATE_HUB
from hubsite.refusals import Kind, Refused

from .. import lifecycle
from ..addresses import base_url
from ..models import OVER_STATES, ServiceInstance, Share
from .rights import valid_shares
from .secrets import hash_of, new_secret

MOST_SHARES = 100
"""Of one instance, those that are valid."""


def share_with(
    instance: ServiceInstance, user: Any, *, by: Any, expires_at: datetime | None = None
) -> Share:
    """Let this user use the instance. Repeating it changes the time at which it expires."""
    if user.pk == instance.owner_id:
        raise Refused("another user than the owner is expected", field="user")
    with transaction.atomic():
        _check(instance, expires_at, by)
        present = instance.shares.filter(user=user, revoked_at=None)
        if present.update(expires_at=expires_at):
            return present.get()
        share = Share.objects.create(
            instance=instance, user=user, created_by=by, expires_at=expires_at
        )
        lifecycle.note(instance, f"Shared with {user.email}.", actor=by.username)
    return share


def make_link(
    instance: ServiceInstance, *, by: Any, expires_at: datetime | None = None
) -> tuple[Share, str]:
    """A link that lets whoever has it use the instance. Its URL is returned only once."""
    secret = new_secret()
    with transaction.atomic():
        _check(instance, expires_at, by)
        share = Share.objects.create(
            instance=instance, link_hash=hash_of(secret), created_by=by, expires_at=expires_at
        )
        lifecycle.note(instance, "A link to it was made.", actor=by.username)
    return share, link_url(instance, secret)


def link_url(instance: ServiceInstance, secret: str, *, onward: str = "/viewer/") -> str:
    """The URL that the link's secret is part of."""
    return f"{base_url(instance)}/.xcube-hub/enter?link={secret}&next={onward}"


def withdraw(share: Share, *, by: Any) -> bool:
    """Withdraw a share; the edge closes what is open within seconds. False if it was withdrawn."""
    with transaction.atomic():
        rows = Share.objects.filter(pk=share.pk, revoked_at=None)
        if not rows.update(revoked_at=timezone.now()):
            return False
        who = share.user.email if share.user else "whoever has a link"
        lifecycle.note(share.instance, f"No longer shared with {who}.", actor=by.username)
    return True


def shares_of(instance: ServiceInstance) -> QuerySet[Share]:
    """The valid shares of an instance, newest first."""
    return valid_shares().filter(instance=instance).select_related("user", "created_by")


def shared_with(user: Any) -> QuerySet[Share]:
    """What others share with this user now, with instance and owner."""
    shares = valid_shares().filter(user=user, instance__owner__is_active=True)
    shares = shares.exclude(instance__state__in=OVER_STATES)
    return shares.select_related("instance__owner", "instance__profile").order_by("-id")


def _check(instance: ServiceInstance, expires_at: datetime | None, by: Any) -> None:
    """Lock the instance. Raises Refused if it cannot be shared (so), or not by this user."""
    locked = ServiceInstance.objects.select_for_update().get(pk=instance.pk)
    if by.pk != locked.owner_id and OPERATE_HUB not in permissions_of(by):
        raise Refused("Only its owner can share a service.", kind=Kind.FORBIDDEN)
    if locked.state in OVER_STATES:
        raise Refused("The service is over; it cannot be shared.", kind=Kind.CONFLICT)
    if expires_at is not None and expires_at <= timezone.now():
        raise Refused("a time in the future is expected", field="expires_at")
    if shares_of(instance).count() >= MOST_SHARES:
        raise Refused(
            f"The service is shared {MOST_SHARES} times already; withdraw some.",
            kind=Kind.CONFLICT,
        )
