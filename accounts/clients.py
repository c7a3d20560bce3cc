"""Client ids and secrets: made, stored as hashes, checked, revoked.

A secret that the hub makes is random enough for a fast keyed hash. One that was given (it
came from the former service, or from the marketplace) may be guessable: it gets the slow
hash of passwords.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.utils.crypto import constant_time_compare, salted_hmac

from .models import Client, User
from .models.client import new_hex_id

_FAST = "hmac-sha256$"
_SALT = "accounts.Client.secret"
_GENERATED_ID = re.compile(r"[0-9a-f]{32}")


def create_client(
    owner: User,
    *,
    scopes: Iterable[str],
    name: str = "",
    client_id: str | None = None,
    secret: str | None = None,
) -> tuple[Client, str]:
    """A new client and its secret, which nobody can read again.

    Without `secret` one of 256 bits is made. Raises IntegrityError if `client_id` is taken.
    """
    given = secret is not None
    secret = secret if given else secrets.token_urlsafe(32)
    client = Client.objects.create(
        client_id=client_id or new_hex_id(),
        owner=owner,
        name=name,
        scopes=sorted(set(scopes)),
        secret_hash=make_password(secret) if given else _fast_hash(secret, settings.SECRET_KEY),
    )
    return client, secret


def find_client(client_id: str) -> Client | None:
    """The client with its owner, usable or not."""
    return Client.objects.select_related("owner").filter(client_id=client_id).first()


def check_is_slow(client: Client | None, client_id: str) -> bool:
    """Whether `check_secret` will take a password hash's time: limit the tries before."""
    if client is None:
        return not _GENERATED_ID.fullmatch(client_id)
    return not client.secret_hash.startswith(_FAST)


def check_secret(client: Client | None, client_id: str, secret: str) -> bool:
    """Whether `secret` opens the live `client`.

    For an unknown client id (`client` is None) it takes the time of a known one of that form.
    """
    if check_is_slow(client, client_id):
        # check_password hashes once too when there is nothing to compare with
        matches = check_password(secret, client.secret_hash if client else "")
    else:
        matches = _matches_fast(secret, client.secret_hash if client else "")
    return matches and client is not None and client.is_live


def _fast_hash(secret: str, key: str) -> str:
    return _FAST + salted_hmac(_SALT, secret, secret=key, algorithm="sha256").hexdigest()


def _matches_fast(secret: str, expected: str) -> bool:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(_fast_hash(secret, key), expected) for key in keys)
