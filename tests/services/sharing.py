"""Shares of services, as the hub's pages and API give them."""

from __future__ import annotations

from datetime import datetime

from accounts.models import Action, Share, ShareQuerySet, User
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from services.access.rights import SERVICE
from services.models import ServiceInstance


def share_with(
    instance: ServiceInstance,
    person: User | str,
    *,
    by: User,
    action: str = Action.VIEW,
    expires_at: datetime | None = None,
) -> Share:
    """Share the instance with a person: a user, or an e-mail, or a user id."""
    name = person if isinstance(person, str) else person.email
    return giving.share_with_person(_wish(instance, by, action, expires_at), name)


def make_link(
    instance: ServiceInstance,
    *,
    by: User,
    is_public: bool = False,
    expires_at: datetime | None = None,
) -> tuple[Share, str]:
    """A link to the instance and its secret."""
    return giving.make_link(_wish(instance, by, Action.VIEW, expires_at), is_public=is_public)


def shares_of(instance: ServiceInstance) -> ShareQuerySet:
    """The valid shares of an instance, newest first."""
    return giving.shares_of(kinds.kind_of(SERVICE), instance.instance_id)


def _wish(instance: ServiceInstance, by: User, action: str, expires_at: datetime | None) -> Wish:
    return Wish(kinds.kind_of(SERVICE), instance.instance_id, by, action, expires_at)
