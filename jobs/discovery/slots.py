"""Bounds how many calls look into stores at the same time: in all, and into one store.

Slots are places that all processes of this machine share (hubsite/coordination/places.py).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from hubsite.coordination import places
from hubsite.refusals import Kind, Refused
from jobs.settings import hub

OF_ONE_STORE = 2
RETRY_AFTER_S = 5
_LOOK_EVERY_S = 0.02


@contextmanager
def slots(store: str, *, is_suspect: bool, wait_s: float) -> Iterator[None]:
    """Hold a place for one call into `store`; wait for it at most `wait_s`.

    Stores that are suspect, because they did not answer the last time, share one place among
    all: they cannot occupy the readers together. Raises Refused (UNAVAILABLE).
    """
    give_up = time.monotonic() + wait_s
    readers = [0] if is_suspect else list(reversed(range(hub.store_readers)))
    with ExitStack() as held:
        own = [f"store-{_key(store)}-{number}" for number in range(OF_ONE_STORE)]
        for names in (own, [f"store-reader-{number}" for number in readers]):
            held.enter_context(_one_of(names, give_up, store))
        yield


@contextmanager
def alone(what: str, *, store: str, wait_s: float) -> Iterator[None]:
    """Hold the only place for `what`. Raises Refused (UNAVAILABLE) if another holds it so long."""
    with _one_of([f"store-alone-{_key(what)}"], time.monotonic() + wait_s, store):
        yield


def _one_of(names: Sequence[str], give_up: float, store: str) -> AbstractContextManager[None]:
    return places.one_of(
        names,
        until=give_up,
        look_every_s=_LOOK_EVERY_S,
        refusal=lambda: Refused(
            f"The data store @{store} is being asked by others just now. Please try again.",
            kind=Kind.UNAVAILABLE,
            retry_after_s=RETRY_AFTER_S,
        ),
    )


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
