"""Limits how many requests of a web process wait for another system at the same time.

A request occupies one of the process's threads. If all threads waited for a slow store or
identity provider, nothing else would be answered. So a request takes a place before it waits:

    with place_to_wait(user.username):
        reply = ask_the_estimator()

There are half as many places as threads. One name can hold half of the places. If no place is
free, the request is refused at once.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from hubsite.configuration.site import hub

from ..refusals import Kind, Refused

RETRY_AFTER_S = 5

_lock = threading.Lock()
_waiting: Counter[str] = Counter()


def most_waiting() -> int:
    """The number of places of this process."""
    return max(1, hub.web_threads // 2)


def most_of_one() -> int:
    """The number of places that one name can hold."""
    return max(1, most_waiting() // 2)


@contextmanager
def place_to_wait(who: str = "") -> Iterator[None]:
    """Hold a place for `who`. All callers without a name (empty `who`) share one name.

    Raises Refused: UNAVAILABLE if all places are taken, BUSY if `who` holds its share.
    """
    with _lock:
        if _waiting.total() >= most_waiting():
            raise Refused(
                "Too many requests wait for an answer from outside just now; nothing was stored. "
                "Please try again.",
                kind=Kind.UNAVAILABLE,
                retry_after_s=RETRY_AFTER_S,
            )
        if _waiting[who] >= most_of_one():
            raise Refused(
                f"{most_of_one()} of your requests wait already; nothing was stored. Please try "
                "again when one is answered.",
                kind=Kind.BUSY,
                retry_after_s=RETRY_AFTER_S,
            )
        _waiting[who] += 1
    try:
        yield
    finally:
        with _lock:
            _waiting[who] -= 1
            if not _waiting[who]:
                del _waiting[who]
