"""Who may use an instance: its owner, an operator, a person it is shared with, a link.

A right is looked up each time it is used, and every few seconds while something is open at the
edge. So it ends soon after its cause does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from accounts.roles import permissions_of
from accounts.scopes import OPERATE_HUB

from ..models import EdgeSession, ServiceInstance, Share


def valid_shares() -> Any:
    """Shares that are neither withdrawn nor expired."""
    return Share.objects.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None)


def may_use(user: Any, instance: ServiceInstance) -> bool:
    """Whether this user may use the instance, whatever its state. At most a few queries."""
    if not user.is_active or not instance.owner.is_active:
        return False
    if instance.owner_id == user.pk:
        return True
    if valid_shares().filter(instance=instance, user=user).exists():
        return True
    return OPERATE_HUB in permissions_of(user)


class SessionRow(NamedTuple):
    """A session with everything that decides whether it is good, and what the edge asks for.

    `is_shared`: the instance is shared with the session's user now.
    """

    pk: int
    expires_at: datetime
    ended_at: datetime | None
    user_id: int | None
    is_user_active: bool | None
    share_id: int | None
    share_revoked_at: datetime | None
    share_expires_at: datetime | None
    owner_id: int
    is_owner_active: bool
    instance_pk: int
    instance_id: str
    state: str
    reason: str
    message: str
    address: str
    path: str
    revision: int
    is_shared: bool


_COLUMNS = (
    "pk", "expires_at", "ended_at", "user_id", "user__is_active", "share_id", "share__revoked_at",
    "share__expires_at", "instance__owner_id", "instance__owner__is_active", "instance_id",
    "instance__instance_id", "instance__state", "instance__reason", "instance__message",
    "instance__address", "instance__path", "instance__revision",
)  # fmt: skip


def session_rows() -> Any:
    """Sessions as tuples for `SessionRow`; one query for many."""
    theirs = valid_shares().filter(
        instance=OuterRef("instance_id"), user=OuterRef("user_id"), user__isnull=False
    )
    return EdgeSession.objects.order_by().values_list(*_COLUMNS, Exists(theirs))


def is_good(session: SessionRow, now: datetime | None = None) -> bool:
    """Whether a session is still a right to use its instance, whatever the instance's state."""
    now = now or timezone.now()
    if session.ended_at is not None or session.expires_at <= now or not session.is_owner_active:
        return False
    if session.share_id is not None:
        ends = session.share_expires_at
        return session.share_revoked_at is None and (ends is None or ends > now)
    if session.user_id is None or not session.is_user_active:
        return False
    if session.user_id == session.owner_id or session.is_shared:
        return True
    return OPERATE_HUB in permissions_of(User.objects.get(pk=session.user_id))
