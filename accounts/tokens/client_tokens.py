"""Issues tokens to clients, and reuses rows, because some programs request many tokens.

Some programs fetch a token for each call (geoDB's client does), and each row would stay for days.
So a client gets its last token again, newly signed, as long as nine tenths of its lifetime are
left. Only the newest rows of a client are kept. The audit has one entry of a client in an hour.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.settings import hub
from hubsite import audit
from hubsite.refusals import Kind, Refused

from ..models import AccessToken, Client
from ..roles import hold_user, permissions_of
from .hub_tokens import more_claims, new_row, sign

MOST_LIVE = 100
_USED_AGAIN = 0.1
"""The part of its lifetime in which a token is issued again."""


def token_of(client: Client, scopes: Iterable[str]) -> tuple[str, int]:
    """A token of `client` with those `scopes` that its owner holds, and its lifetime in seconds.

    Raises Refused if the owner or the client was deleted since the secret was checked.
    """
    with transaction.atomic():
        hold_user(client.owner)
        same = Client.objects.filter(pk=client.pk, secret_hash=client.secret_hash, revoked_at=None)
        if not same.exists():
            raise Refused("This client id was revoked just now.", kind=Kind.FORBIDDEN)
        return _token_of(client, scopes)


def _token_of(client: Client, scopes: Iterable[str]) -> tuple[str, int]:
    lifetime_s = hub.token_lifetime_s
    granted = sorted(permissions_of(client.owner).intersection(scopes))
    row = _recent(client, granted, lifetime_s)
    if row is None:
        row = new_row(client.owner, client=client, scopes=granted, lifetime_s=lifetime_s)
        _drop_oldest(client)
        audit.record_seldom(
            "token.issued",
            actor=client.owner,
            on=client,
            detail=f"{' '.join(granted)}, {lifetime_s} s",
        )
        left_s = lifetime_s
    else:
        row.user = client.owner
        left_s = int(row.expires_at.timestamp()) - int(time.time())
    return sign(row, more_claims(client.owner)), left_s


def _recent(client: Client, granted: list[str], lifetime_s: int) -> AccessToken | None:
    now = timezone.now()
    rows = _rows(client).filter(
        revoked_at=None,
        issued_at__gt=now - timedelta(seconds=lifetime_s * _USED_AGAIN),
        issued_at__lte=now,
        expires_at__gt=now + timedelta(seconds=lifetime_s * (1 - _USED_AGAIN) - 1),
        expires_at__lte=now + timedelta(seconds=lifetime_s),
    )
    return next((row for row in rows[:MOST_LIVE] if row.scopes == granted), None)


def _drop_oldest(client: Client) -> None:
    """Delete the rows beyond MOST_LIVE; their tokens become invalid."""
    if pks := list(_rows(client).values_list("pk", flat=True)[MOST_LIVE : 2 * MOST_LIVE]):
        AccessToken.objects.filter(pk__in=pks).delete()


def _rows(client: Client):
    return AccessToken.objects.filter(client=client, is_personal=False).order_by("-pk")
