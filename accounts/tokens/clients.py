"""Client ids and secrets: creates, hashes, checks and revokes them.

A secret that the hub makes is random enough for a fast keyed hash. A secret that was given (by
the old service, or the marketplace) may be guessable, so it gets the slow hash of passwords.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from functools import cached_property

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from hubsite import audit
from hubsite.visible_text import check_visible

from ..models import Client, User
from ..models.client import new_hex_id

_FAST = "hmac-sha256$"
_SALT = "accounts.Client.secret"
SLOW_TRIES = 8
"""How many slow hashes one pasted text may cost; each takes some tenths of a second."""

_GENERATED_ID = re.compile(r"[0-9a-f]{32}")


def create_client(
    owner: User,
    *,
    scopes: Iterable[str],
    name: str = "",
    client_id: str | None = None,
    secret: str | NewSecret | None = None,
) -> tuple[Client, str]:
    """A new client and its secret, which no one can read again.

    Without `secret` one is made. Raises IntegrityError if `client_id` is taken, and Refused if a
    name has characters that do not show.
    """
    for field, text in (("name", name), ("client_id", client_id or "")):
        check_visible(text, field=field)
    new = secret if isinstance(secret, NewSecret) else NewSecret(secret)
    secret_hash = new.hash  # slow, so before the transaction
    with transaction.atomic():
        client = Client.objects.create(
            client_id=client_id or new_hex_id(),
            owner=owner,
            name=name,
            scopes=sorted(set(scopes)),
            secret_hash=secret_hash,
        )
        audit.record("client.made", on=client, detail=" ".join(client.scopes))
    return client, new.text


class NewSecret:
    """A secret to be set: the given one, or a new one of 256 bits.

    It keeps the results of hashing and comparing, so that these slow steps can be done before
    the transaction that needs them.
    """

    def __init__(self, given: str | None) -> None:
        self.is_given = given is not None
        self.text = given if given is not None else secrets.token_urlsafe(32)
        self._matches: dict[str, bool] = {}

    @cached_property
    def hash(self) -> str:
        if self.is_given:
            return make_password(self.text)
        return _fast_hash(self.text, settings.SECRET_KEY)

    def is_that_of(self, client: Client) -> bool:
        """Whether the client has this secret already."""
        stored = client.secret_hash
        if stored not in self._matches:
            is_fast = stored.startswith(_FAST)
            check = _matches_fast if is_fast else check_password
            self._matches[stored] = check(self.text, stored)
        return self._matches[stored]


def replace_secret(client: Client, new: NewSecret) -> None:
    """Replace the secret of `client` by `new`. Tokens of the old secret become invalid."""
    client.secret_hash, client.revoked_at = new.hash, None
    client.save(update_fields=["secret_hash", "revoked_at"])
    client.access_tokens.filter(revoked_at=None).update(revoked_at=timezone.now())
    audit.record("client.secret_replaced", on=client)


def find_client(client_id: str) -> Client | None:
    """The client with its owner, usable or not."""
    return Client.objects.select_related("owner").filter(client_id=client_id).first()


def find_by_secret(words: Sequence[str]) -> dict[str, Client]:
    """The clients whose secret is among these words, by that word.

    A secret that was given has a slow hash with a salt. It is found only if the client's id is
    among the words too, and only a few are tried.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    by_hash = {_fast_hash(word, key): word for word in words for key in keys}
    rows = Client.objects.select_related("owner").filter(
        Q(secret_hash__in=by_hash) | Q(client_id__in=words)
    )
    found, tries = {}, SLOW_TRIES
    for client in rows:
        if client.secret_hash.startswith(_FAST):
            if word := by_hash.get(client.secret_hash):
                found[word] = client
            continue
        for word in words:
            if word == client.client_id or word in found or tries == 0:
                continue
            tries -= 1
            if check_password(word, client.secret_hash):
                found[word] = client
                break
    return found


def check_is_slow(client: Client | None, client_id: str) -> bool:
    """Whether `check_secret` will need a slow hash, so that tries must be limited before."""
    if client is None:
        return not _GENERATED_ID.fullmatch(client_id)
    return not client.secret_hash.startswith(_FAST)


def check_secret(client: Client | None, client_id: str, secret: str) -> bool:
    """Whether `secret` is the secret of `client`, which must be live.

    An unknown client id (`client` is None) takes as long as a known one of that form.
    """
    if check_is_slow(client, client_id):
        # check_password hashes once even if there is nothing to compare with
        matches = check_password(secret, client.secret_hash if client else "")
    else:
        matches = _matches_fast(secret, client.secret_hash if client else "")
    return matches and client is not None and client.is_live


def _fast_hash(secret: str, key: str) -> str:
    return _FAST + salted_hmac(_SALT, secret, secret=key, algorithm="sha256").hexdigest()


def _matches_fast(secret: str, expected: str) -> bool:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(_fast_hash(secret, key), expected) for key in keys)
