"""How many requests of a web process may wait for something outside it.

A request holds one of the process's threads. If all of them waited for a slow store or provider,
nothing else would be answered. So a request takes a place before it waits:

    with place_to_wait(user.username):
        reply = ask_the_estimator()

There are places for half of the threads, and for a quarter by one name. Without a free one the
request is refused at once.
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
    """Places of this process."""
    return max(1, hub.web_threads // 2)


def most_of_one() -> int:
    """Places that one name can hold."""
    return max(1, most_waiting() // 2)


@contextmanager
def place_to_wait(who: str = "") -> Iterator[None]:
    """Hold a place; nobody in particular (empty `who`) has a share like everyone.

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
