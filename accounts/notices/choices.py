"""How each user wants to get notices, and who can get e-mails at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import transaction

from hubsite import audit
from hubsite.refusals import FieldError, Refused

from ..models import Notice, NoticeChoice, NoticeMail, User
from ..roles import hold_user
from . import kinds


@dataclass(frozen=True)
class Choice:
    """How a user gets notices of one kind."""

    kind: kinds.Kind
    in_portal: bool
    by_mail: bool


def choices_of(user: User) -> list[Choice]:
    """The user's choice for each kind, sorted by name; the default if they chose nothing."""
    made = {row.kind: row for row in NoticeChoice.objects.filter(user=user)}
    return [_choice(kind, made.get(kind.name)) for kind in offered()]


def offered() -> list[kinds.Kind]:
    return [kind for kind in kinds.registered() if kind is not kinds.WEBHOOK_TEST]


def wants_mail(user: User) -> bool:
    """Whether the user wants e-mails with notices at all."""
    return not NoticeMail.objects.filter(user=user, is_off=True).exists()


@transaction.atomic
def choose(
    user: User, *, mail: bool | None = None, wanted: Mapping[str, tuple[bool, bool]] | None = None
) -> None:
    """Set whether the user wants e-mails at all, and (portal, e-mail) of some kinds.

    Kinds that are not named stay as they are. Raises Refused.
    """
    wanted = wanted or {}
    hold_user(user)
    known = {kind.name for kind in offered()}
    if unknown := sorted(set(wanted) - known):
        raise Refused(
            "The choice is refused.",
            errors=[
                FieldError(f"kinds.{name[:40]}", f"one of {', '.join(sorted(known))} is expected")
                for name in unknown[:20]
            ],
        )
    NoticeChoice.objects.bulk_create(
        [
            NoticeChoice(user=user, kind=name, in_portal=in_portal, by_mail=by_mail)
            for name, (in_portal, by_mail) in wanted.items()
        ],
        update_conflicts=True,
        unique_fields=["user", "kind"],
        update_fields=["in_portal", "by_mail"],
    )
    if mail is not None:
        set_mail(user.pk, is_off=not mail)
    audit.record_seldom("notices.chosen", actor=user, on=user)


def set_mail(user_pk: int, *, is_off: bool) -> None:
    """Switch all e-mails of a user off or on. What waited for one is not sent later."""
    NoticeMail.objects.update_or_create(
        user_id=user_pk,
        defaults={"is_off": is_off},
        create_defaults={"is_off": is_off, "state": NoticeMail.DELIVERED},
    )
    if is_off:
        Notice.objects.filter(user_id=user_pk, is_to_mail=True).update(is_to_mail=False)


def has_mail(user: User) -> bool:
    """Whether an e-mail can be sent to the user: not to machines, and not to who is deleted.

    Addresses are verified when a user is made: operators, the marketplace and providers whose
    e-mails the hub trusts name them (accounts/sign_on/linking.py). Users cannot change theirs.
    """
    return user.is_active and not user.is_service_account and user.forgotten_at is None


def choices_of_many(users: Collection[int]) -> dict[tuple[int, str], NoticeChoice]:
    """What these users chose, by user and kind."""
    rows = NoticeChoice.objects.filter(user__in=users)
    return {(row.user_id, row.kind): row for row in rows}


def _choice(kind: kinds.Kind, row: NoticeChoice | None) -> Choice:
    if row is None:
        return Choice(kind, kind.in_portal, kind.by_mail)
    return Choice(kind, row.in_portal, row.by_mail)
