"""Personal tokens, which users create for their own programs: named, with few scopes.

They are valid for the hub only. geoDB could not know that one was revoked, so they do not contain
its role.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from hubsite import audit
from hubsite.refusals import Kind, Refused
from hubsite.visible_text import check_visible

from ..models import AccessToken, Client, User
from ..roles import hold_user, permissions_of
from .hub_tokens import Principal, new_row, revoke_tokens, sign
from .limits import NEW_TOKENS_PER_HOUR, TooManyTries, count_new_token

MOST_TOKENS = 50
LONGEST_DAYS = 366
DEFAULT_DAYS = 30


def tokens_of(user: User) -> QuerySet[AccessToken]:
    """The user's valid personal tokens, newest first."""
    return AccessToken.objects.filter(
        user=user, is_personal=True, revoked_at=None, expires_at__gt=timezone.now()
    ).order_by("-pk")


def maker_of(principal: Principal | None) -> Client | None:
    """The client whose token requests another token; if it is revoked, both become invalid.

    None for a browser's session or a provider's token. Raises Refused if the new token would
    stay valid after the requesting token is revoked.
    """
    if principal is None:
        return None
    if principal.actor is not None:
        raise Refused("An operator makes no tokens in a user's name.", kind=Kind.FORBIDDEN)
    row = AccessToken.objects.select_related("client").filter(jti=principal.jti).first()
    if row is None and principal.client_id is not None:
        return None
    is_ours = row is not None and row.user_id == principal.user.pk
    if is_ours and row.client is not None and not row.is_personal:
        return row.client
    raise Refused(
        "A personal token makes no others: sign in, or use a client id and secret.",
        kind=Kind.FORBIDDEN,
    )


def make_token(
    user: User,
    *,
    name: str,
    scopes: Iterable[str],
    days: int,
    allowed: frozenset[str] | None = None,
    client: Client | None = None,
) -> tuple[AccessToken, str]:
    """A new token, and its text, which no one can read again. Raises Refused.

    `scopes` must be among `allowed`, the scopes of the request itself.
    """
    check_visible(name, field="name")
    wanted = set(scopes)
    missing = sorted(wanted - (permissions_of(user) if allowed is None else allowed))
    if missing:
        raise Refused(f"you do not have {', '.join(missing)}", field="scopes")
    if not 1 <= days <= LONGEST_DAYS:
        raise Refused(f"a number from 1 to {LONGEST_DAYS} is expected", field="expires_in_days")
    try:
        count_new_token(user)
    except TooManyTries as error:
        raise Refused(
            f"You made {NEW_TOKENS_PER_HOUR} tokens within an hour; please wait.",
            kind=Kind.BUSY,
            retry_after_s=error.retry_after_s,
        ) from None
    with transaction.atomic():
        user = hold_user(user, *wanted)  # otherwise two requests could exceed the limit
        if tokens_of(user).count() >= MOST_TOKENS:
            raise Refused(f"You have {MOST_TOKENS} tokens; revoke one first.", kind=Kind.FORBIDDEN)
        row = new_row(user, client=client, scopes=wanted, lifetime_s=days * 86400, name=name)
        audit.record(
            "token.made", actor=user, on=row, detail=f"{name}: {' '.join(row.scopes)}, {days} days"
        )
    return row, sign(row)


def revoke_token(user: User, jti: str) -> bool:
    """Revoke a token; False if the user has no such token."""
    return bool(revoke_tokens(tokens_of(user).filter(jti=jti)))
