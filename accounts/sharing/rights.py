"""Which share lets somebody do what. A right is looked up each time that it is used.

So it ends at once when the share is withdrawn or expires, its owner is switched off, its role is
not to be shared with any more, or who made a public link may not share publicly any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, Value, When
from django.db.models.fields import BooleanField
from django.db.models.functions import Now
from django.utils import timezone

from ..models import Action, Share, ShareableRole, User
from ..roles import permissions_of
from ..scopes import SHARE_PUBLICLY
from .secrets import LONGEST, hash_of


@dataclass(frozen=True)
class Opened:
    """A right that was just found: the share, the user (None: did not sign in), the subject.

    `base` is the path of the share's page.
    """

    share: Share
    user: User | None
    subject: Any
    base: str

    @property
    def may_stop(self) -> bool:
        return self.user is not None and self.share.action == Action.STOP

    def is_valid(self) -> bool:
        """Whether the right still exists. Long downloads ask this again. A few queries."""
        if self.share.link_hash is None:
            user = User.objects.filter(pk=self.user.pk).first() if self.user else None
            return user is not None and held_share(user, self.share.pk) is not None
        rows = Share.objects.valid().select_related("created_by").filter(pk=self.share.pk)
        link = rows.first()
        return link is not None and (self.user is not None or not needs_sign_in(link))


def share_for(user: Any, kind: str, subject: str, action: str = Action.VIEW) -> Share | None:
    """The share that lets this user do that; None if there is none. One query."""
    if not user.is_active:
        return None
    rows = Share.objects.of(kind, subject).valid().held_by(user)
    if action != Action.VIEW:
        rows = rows.filter(action=action)
    return rows.order_by("user_id", "id").first()


def held_share(user: Any, share_id: int) -> Share | None:
    """The valid share of this id if it is for this user, a person's or a role's."""
    if not user.is_active:
        return None
    rows = Share.objects.valid().held_by(user).select_related("owner", "role")
    return rows.filter(pk=share_id).first()


def share_by_link(secret: str) -> Share | None:
    """The valid share of this link; None if there is none. It may still need a sign-in."""
    if not 0 < len(secret) <= LONGEST:
        return None
    rows = Share.objects.valid().select_related("owner", "created_by")
    return rows.filter(link_hash=hash_of(secret)).first()


def needs_sign_in(link: Share) -> bool:
    """Whether only who has signed in may use this link."""
    return not (link.is_public and SHARE_PUBLICLY in permissions_of(link.created_by))


def is_over(share: Share) -> bool:
    return share.revoked_at is not None or share.expires_at <= timezone.now()


def of_person_here(kind: str, subject: OuterRef, user: OuterRef) -> Exists:
    """For queries of other rows: whether a valid share of the subject is for that user.

        .annotate(may=of_person_here("service", OuterRef("instance_id"), OuterRef("user_id")))

    It does not look whether the owner is active, because such queries join the owner anyway.
    """
    role = ShareableRole.objects.filter(role__user=OuterRef(user)).values("role")
    rows = Share.objects.of(kind, subject).filter(revoked_at=None, expires_at__gt=Now())
    return Exists(rows.filter(Q(user=user) | Q(role__in=role)))


def may_share_publicly(prefix: str) -> Case:
    """For queries of other rows: whether the user at this column holds `share:publicly` now."""
    directly = User.user_permissions.through.objects.filter(
        user_id=OuterRef(f"{prefix}_id"), permission__codename=SHARE_PUBLICLY
    )
    by_role = User.groups.through.objects.filter(
        user_id=OuterRef(f"{prefix}_id"), group__permissions__codename=SHARE_PUBLICLY
    )
    return Case(
        When(**{f"{prefix}__is_active": False}, then=Value(False)),
        When(**{f"{prefix}__is_superuser": True}, then=Value(True)),
        When(Exists(directly), then=Value(True)),
        When(Exists(by_role), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
