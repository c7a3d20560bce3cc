"""Makes, withdraws and lists shares: one rule for all kinds of subjects.

Owners share what is theirs, and operators do so in an owner's name: with a person, with a role that
operators permit, or by a link. A share always ends at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone

from hubsite import audit
from hubsite.refusals import Kind as RefusalKind
from hubsite.refusals import Refused
from hubsite.web.addresses import absolute_url

from ..models import Action, Share, ShareableRole, ShareOpening, ShareQuerySet, User
from ..roles import permissions_of
from ..scopes import OPERATE_HUB, SHARE_PUBLICLY
from ..settings import hub
from . import kinds, people
from .announcing import announce
from .kinds import Kind
from .secrets import hash_of, new_secret

MOST_SHARES = 100
"""Of one subject, those that are valid."""


@dataclass(frozen=True)
class Wish:
    """What is shared, by whom, for what, and until when (None: the default)."""

    kind: Kind
    subject: str
    by: User
    action: str = Action.VIEW
    expires_at: datetime | None = None


def share_with_person(wish: Wish, person: str) -> Share:
    """Share with this e-mail or user id. Repeated, it changes the action and the time.

    It takes the same steps and answers the same whether anybody has that account.
    """
    person = people.person_of(person)
    people.count_share(wish.by)
    with transaction.atomic():
        owner, expires_at = _checked(wish)
        if people.is_named(owner, person):
            raise Refused("another person than the owner is expected", field="user")
        user = people.hold_account(person)
        if user is not None and user.pk == owner.pk:
            user = None
        return _write(wish, owner, expires_at, person=person, user=user)


def share_with_role(wish: Wish, role: str) -> Share:
    """Share with everyone who has this role, now and later. Repeated, it changes the share."""
    with transaction.atomic():
        owner, expires_at = _checked(wish)
        permitted = ShareableRole.objects.select_related("role").filter(role__name=role).first()
        if permitted is None:
            raise Refused("a role that operators permit to share with is expected", field="role")
        return _write(wish, owner, expires_at, role=permitted.role)


def make_link(wish: Wish, *, is_public: bool = False) -> tuple[Share, str]:
    """A link and its secret, which the hub does not know any more afterwards.

    With `is_public` it needs no sign-in. Raises Refused (403) if `wish.by` may not share so.
    """
    if wish.action != Action.VIEW:
        raise Refused("a link can only be for viewing", field="action")
    if is_public and SHARE_PUBLICLY not in permissions_of(wish.by):
        raise Refused(
            "Sharing without a sign-in needs the permission share:publicly, which operators give.",
            kind=RefusalKind.FORBIDDEN,
        )
    secret = new_secret()
    with transaction.atomic():
        owner, expires_at = _checked(wish)
        _check_count(wish)
        share = _new(wish, owner, expires_at, link_hash=hash_of(secret), is_public=is_public)
    return share, secret


def link_url(secret: str) -> str:
    """The URL of a link's page."""
    return absolute_url(reverse("shared", args=[secret]))


def withdraw(share: Share, *, by: User) -> bool:
    """Withdraw a share for good; False if it was withdrawn. Open connections end in seconds."""
    with transaction.atomic():
        rows = Share.objects.filter(pk=share.pk, revoked_at=None)
        if not rows.update(revoked_at=timezone.now(), revoked_by=by):
            return False
        audit.record("share.withdrawn", actor=by, on=share)
        _note(share, f"Share {share.pk} was withdrawn.", by)
    return True


def leave(user: User, share_id: int) -> bool:
    """Give back a share that is for this person; False if there is none."""
    share = Share.objects.filter(pk=share_id, user=user, revoked_at=None).first()
    return share is not None and withdraw(share, by=user)


def find_share(share_id: int, **of: Any) -> Share:
    """The share of that id among those of an owner or a subject. Raises Refused (404)."""
    share = Share.objects.select_related("role").filter(pk=share_id, **of).first()
    if share is None:
        raise Refused(f"Share {share_id} not found.", kind=RefusalKind.NOT_FOUND)
    return share


def shares_of(kind: Kind, subject: str) -> ShareQuerySet:
    """The valid shares of one subject, newest first."""
    return Share.objects.of(kind.name, subject).valid().select_related("role")


def given_by(user: User) -> ShareQuerySet:
    """The valid shares of everything that is this user's and can still be used, newest first."""
    rows = Share.objects.filter(kinds.is_living(), owner=user).valid()
    return rows.select_related("role")


def shared_with(user: User) -> ShareQuerySet:
    """What others share with this user now, as a person or by a role, newest first."""
    if not user.is_active:
        return Share.objects.none()
    # Roles are looked up first: so both kinds of shares are found by an index, however many
    # there are.
    roles = ShareableRole.objects.filter(role__user=user).order_by().values_list("role", flat=True)
    of_user = Q(user=user) | Q(role__in=list(roles))
    rows = Share.objects.filter(kinds.is_living(), of_user).valid()
    return rows.exclude(owner=user).select_related("owner", "role")


def with_openings(shares: ShareQuerySet) -> ShareQuerySet:
    """The shares with `opened_at`: when each was used last."""
    newest = ShareOpening.objects.filter(share=OuterRef("pk")).order_by("-until")
    return shares.annotate(opened_at=Subquery(newest.values("until")[:1]))


def permitted_roles() -> list[str]:
    """The roles that users may share with, by name."""
    return list(ShareableRole.objects.order_by("role__name").values_list("role__name", flat=True))


def _checked(wish: Wish) -> tuple[User, datetime]:
    """Lock the subject; its owner and the time at which the share expires. Raises Refused."""
    row = wish.kind.hold(wish.subject)
    if wish.by.pk != row.owner_id and OPERATE_HUB not in permissions_of(wish.by):
        raise Refused(f"Only its owner can share a {wish.kind.noun}.", kind=RefusalKind.FORBIDDEN)
    if wish.action not in wish.kind.actions:
        expected = " or ".join(wish.kind.actions)
        raise Refused(f"{expected} is expected for a {wish.kind.noun}", field="action")
    return row.owner, _expiry(wish.expires_at)


def _expiry(asked: datetime | None) -> datetime:
    now, most = timezone.now(), timedelta(days=hub.max_share_days)
    if asked is None:
        return now + min(timedelta(days=hub.share_days), most)
    if not now < asked <= now + most:
        raise Refused(
            f"a time in the future is expected, at most {hub.max_share_days} days from now",
            field="expires_at",
        )
    return asked


def _write(
    wish: Wish,
    owner: User,
    expires_at: datetime,
    *,
    person: str = "",
    user: User | None = None,
    role: Group | None = None,
) -> Share:
    """The share with this person or role, made or changed."""
    whom: dict[str, Any] = {"person": person} if person else {"role": role}
    present = Share.objects.of(wish.kind.name, wish.subject).filter(revoked_at=None, **whom)
    fields = {"action": wish.action, "expires_at": expires_at, "created_by": wish.by}
    if user is not None:
        fields["user"] = user
    if present.update(**fields):
        share = present.select_related("role").get()
        audit.record("share.changed", actor=wish.by, on=share, detail=_until(share))
        return share
    _check_count(wish)
    return _new(wish, owner, expires_at, user=user, **whom)


def _new(wish: Wish, owner: User, expires_at: datetime, **whom: Any) -> Share:
    share = Share.objects.create(
        kind=wish.kind.name,
        subject=wish.subject,
        owner=owner,
        action=wish.action,
        created_by=wish.by,
        expires_at=expires_at,
        **whom,
    )
    announce(share)
    what = "a person" if share.person else "a role" if share.role_id else "a link"
    audit.record("share.made", actor=wish.by, on=share, detail=f"with {what}, {_until(share)}")
    _note(share, f"Shared with {what} (share {share.pk}).", wish.by)
    return share


def _until(share: Share) -> str:
    return f"to {share.action} until {share.expires_at:%Y-%m-%d %H:%M} UTC"


def _check_count(wish: Wish) -> None:
    if shares_of(wish.kind, wish.subject).count() >= MOST_SHARES:
        raise Refused(
            f"The {wish.kind.noun} is shared {MOST_SHARES} times already; withdraw some.",
            kind=RefusalKind.CONFLICT,
        )


def _note(share: Share, message: str, by: User) -> None:
    """Into the subject's history. It names no person, because histories outlive accounts."""
    kind = kinds.kind_of(share.kind)
    row = kind.rows().filter(**{kind.key: share.subject}).first()
    if row is not None:
        kind.note(row, message, by.username)
