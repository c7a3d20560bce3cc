"""Who may use an instance: its owner, an operator, somebody it is shared with, a link.

A right is looked up each time it is used, and every few seconds while something is open at the
edge. So it ends soon after its cause does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.sessions.models import Session
from django.db.models import BooleanField, Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Share, User
from accounts.roles import permissions_of
from accounts.scopes import OPERATE_HUB
from accounts.sharing.rights import may_share_publicly, of_person_here, share_for
from accounts.sharing.secrets import hash_of

from ..models import EdgeSession, ServiceInstance

SERVICE = "service"
"""The kind of all instances, for shares."""


class Right(NamedTuple):
    """A right to use an instance; `share` is empty if it is the owner's or an operator's."""

    share: Share | None = None


def right_of(
    user: Any, instance: ServiceInstance, *, is_operator: bool | None = None
) -> Right | None:
    """This user's right to use the instance, whatever its state. At most a few queries.

    `is_operator`: whether the user acts as an operator; None: if the user is one.
    """
    if not user.is_active or not instance.owner.is_active:
        return None
    if instance.owner_id == user.pk:
        return Right()
    if (share := share_for(user, SERVICE, instance.instance_id)) is not None:
        return Right(share)
    if is_operator is None:
        is_operator = OPERATE_HUB in permissions_of(user)
    return Right() if is_operator else None


class SessionRow(NamedTuple):
    """A session with everything that decides whether it is good, and what the edge asks for.

    `is_signed_in`: the session at the hub that it came from goes on. `has_right`: the user is the
    owner, an operator, or somebody with whom the instance is shared now. `is_share_public`: the
    share is a link that needs no sign-in now.
    """

    pk: int
    expires_at: datetime
    ended_at: datetime | None
    user_id: int | None
    is_user_active: bool | None
    password: str | None
    password_mark: str
    share_id: int | None
    share_revoked_at: datetime | None
    share_expires_at: datetime | None
    is_owner_active: bool
    instance_pk: int
    instance_id: str
    state: str
    reason: str
    message: str
    address: str
    path: str
    revision: int
    kind: str
    engine: str
    is_signed_in: bool
    has_right: bool
    is_share_public: bool


_COLUMNS = (
    "pk", "expires_at", "ended_at", "user_id", "user__is_active", "user__password",
    "password_mark", "share_id", "share__revoked_at", "share__expires_at",
    "instance__owner__is_active", "instance_id", "instance__instance_id", "instance__state",
    "instance__reason", "instance__message", "instance__address", "instance__path",
    "instance__revision", "instance__kind", "instance__engine",
)  # fmt: skip


def session_rows() -> Any:
    """Sessions as tuples for `SessionRow`; one query for many."""
    return EdgeSession.objects.order_by().values_list(
        *_COLUMNS, _is_signed_in(), _has_right(), _is_share_public()
    )


def _is_signed_in() -> Case:
    at_hub = Session.objects.filter(session_key=OuterRef("hub_session"), expire_date__gt=Now())
    return _first_of(Q(hub_session=""), Exists(at_hub))


def _has_right() -> Case:
    """The database looks at the cases in their order, and only until one is true."""
    theirs = of_person_here(SERVICE, OuterRef("instance__instance_id"), OuterRef("user_id"))
    directly = User.user_permissions.through.objects.filter(
        user_id=OuterRef("user_id"), permission__codename=OPERATE_HUB
    )
    by_role = User.groups.through.objects.filter(
        user_id=OuterRef("user_id"), group__permissions__codename=OPERATE_HUB
    )
    return _first_of(
        Q(user_id=F("instance__owner_id")),
        theirs,
        Q(user__is_superuser=True),
        Exists(directly),
        Exists(by_role),
    )


def _is_share_public() -> Case:
    """Looked up only for sessions by a public link."""
    return Case(
        When(share__is_public=True, then=may_share_publicly("share__created_by")),
        default=Value(False),
        output_field=BooleanField(),
    )


def _first_of(*conditions: Any) -> Case:
    """Whether one of the conditions is true."""
    return Case(
        *(When(condition, then=Value(True)) for condition in conditions),
        default=Value(False),
        output_field=BooleanField(),
    )


def is_good(session: SessionRow, now: datetime | None = None) -> bool:
    """Whether a session is still a right to use its instance, whatever the instance's state."""
    now = now or timezone.now()
    if session.ended_at is not None or session.expires_at <= now or not session.is_owner_active:
        return False
    if session.share_id is not None:
        ends = session.share_expires_at
        if session.share_revoked_at is not None or ends is None or ends <= now:
            return False
        if session.user_id is None:
            return session.is_share_public
    return bool(
        session.user_id is not None
        and session.is_user_active
        and (session.has_right or session.share_id is not None)
        and session.is_signed_in
        and session.password_mark in ("", password_mark(session.password or ""))
    )


def password_mark(password: str) -> str:
    """A mark that changes when a user's stored password does: then older sessions end."""
    return hash_of(password)
