"""How often a wrong client secret may be tried, before guessing costs the hub or a client.

Counted per process and minute, in Django's cache. Only failures count. A secret with a fast
hash is checked whatever the count, so that nobody can lock the client of another out; one
with a slow hash is not, since each try costs the time of a password hash.
"""

from __future__ import annotations

import time

from django.core.cache import cache

FAILED_TRIES_PER_MINUTE = 30
_WINDOW_S = 60


class TooManyTries(Exception):
    def __init__(self) -> None:
        self.retry_after_s = _WINDOW_S - int(time.time()) % _WINDOW_S
        super().__init__("Too many failed tries; wait a minute")


def check_tries(client_id: str, address: str, *, slow: bool) -> None:
    """Raises TooManyTries where too many failed in this minute."""
    counts = cache.get_many(_keys(client_id, address, slow=slow))
    if any(count >= FAILED_TRIES_PER_MINUTE for count in counts.values()):
        raise TooManyTries


def count_failure(client_id: str, address: str, *, slow: bool) -> None:
    for key in _keys(client_id, address, slow=slow):
        if not cache.add(key, 1, timeout=_WINDOW_S):
            try:
                cache.incr(key)
            except ValueError:  # it ended between the two calls
                cache.set(key, 1, timeout=_WINDOW_S)


def _keys(client_id: str, address: str, *, slow: bool) -> list[str]:
    """Slow checks count per address too: the ids that one can invent are without number."""
    minute = int(time.time()) // _WINDOW_S
    keys = [f"token-tries:{minute}:{address}:{client_id.encode().hex()[:200]}"]
    if slow:
        keys.append(f"token-tries:{minute}:{address}")
    return keys
