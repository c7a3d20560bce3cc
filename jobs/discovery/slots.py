"""Bounds how many calls look into stores at the same time: in all, and into one store.

Slots are locked files in the data folder, so all processes of this machine share them, and a
process that dies frees its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from django.conf import settings

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
    places = [0] if is_suspect else list(reversed(range(hub.store_readers)))
    with ExitStack() as held:
        own = [f"store-{_key(store)}-{number}" for number in range(OF_ONE_STORE)]
        for names in (own, [f"store-reader-{number}" for number in places]):
            held.enter_context(_one_of(names, give_up, store))
        yield


@contextmanager
def alone(what: str, *, store: str, wait_s: float) -> Iterator[None]:
    """Hold the only place for `what`. Raises Refused (UNAVAILABLE) if another holds it so long."""
    with _one_of([f"store-alone-{_key(what)}"], time.monotonic() + wait_s, store):
        yield


@contextmanager
def _one_of(names: Sequence[str], give_up: float, store: str) -> Iterator[None]:
    while True:
        for name in names:
            path = settings.DATA_DIR / f"{name}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            try:
                yield
            finally:
                os.close(descriptor)
            return
        if time.monotonic() > give_up:
            raise Refused(
                f"The data store @{store} is being asked by others just now. Please try again.",
                kind=Kind.UNAVAILABLE,
                retry_after_s=RETRY_AFTER_S,
            )
        time.sleep(_LOOK_EVERY_S)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
