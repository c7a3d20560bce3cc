"""How often a wrong client secret may be tried, before guessing costs the hub or a client.

Counted per process and minute, in Django's cache. Only failures count. A secret with a fast
hash is checked whatever the count, so that nobody can lock the client of another out; one
with a slow hash is not, since each try costs the time of a password hash.

A client that exists is counted by itself, at each address: behind a proxy one address is
everybody's, and whoever guesses at one client must not lock out the others. Ids of no client
are counted together, by address: those that one can invent are without number.
"""

from __future__ import annotations

import time

from django.core.cache import cache

from ..models import Client

FAILED_TRIES_PER_MINUTE = 30
_WINDOW_S = 60


class TooManyTries(Exception):
    def __init__(self) -> None:
        self.retry_after_s = _WINDOW_S - int(time.time()) % _WINDOW_S
        super().__init__("Too many failed tries; wait a minute")


def check_tries(client: Client | None, address: str) -> None:
    """Raises TooManyTries where too many failed in this minute."""
    if cache.get(_key(client, address), 0) >= FAILED_TRIES_PER_MINUTE:
        raise TooManyTries


def count_failure(client: Client | None, address: str) -> None:
    key = _key(client, address)
    if not cache.add(key, 1, timeout=_WINDOW_S):
        try:
            cache.incr(key)
        except ValueError:  # it ended between the two calls
            cache.set(key, 1, timeout=_WINDOW_S)


def _key(client: Client | None, address: str) -> str:
    minute = int(time.time()) // _WINDOW_S
    return f"token-tries:{minute}:{address}:{client.pk if client else ''}"
