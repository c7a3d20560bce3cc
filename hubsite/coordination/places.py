"""Places that all processes of this machine share: who has none waits for one to become free.

Places are locked files in the data folder, so a process that dies frees its own.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings

from hubsite.refusals import Refused


@contextmanager
def one_of(
    names: Sequence[str], *, until: float, look_every_s: float, refusal: Callable[[], Refused]
) -> Iterator[None]:
    """Hold one of the places of these names. Raises `refusal()` at the monotonic time `until`."""
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
        if time.monotonic() > until:
            raise refusal()
        time.sleep(look_every_s)
