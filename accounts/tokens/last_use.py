"""When tokens and clients were used last, known to a minute, for one write a minute.

Each request with a token only notes its id in memory. Once a minute a process that serves requests
writes what it has noted, after an answer was sent. So a busy token costs no write of its own, and
what a killed process had noted is lost.
"""

from __future__ import annotations

import threading
import time

from django.core.signals import request_finished
from django.utils import timezone

from ..models import AccessToken, Client

EVERY_S = 60.0
MOST = 10_000
"""How many ids a process keeps until it writes them; more are not noted."""

_noted: set[str] = set()
_lock = threading.Lock()
_written_at = time.monotonic()


def note(jti: str) -> None:
    """This token was used now."""
    if len(_noted) < MOST:
        _noted.add(jti)


def begin() -> None:
    """Write from now on: called by a process that serves requests."""
    request_finished.connect(_write_if_due, dispatch_uid="accounts.tokens.last_use")


def write() -> int:
    """Write what was noted; returns how many tokens it was."""
    global _noted
    with _lock:
        jtis, _noted = sorted(_noted), set()
    now = timezone.now()
    for start in range(0, len(jtis), 500):
        rows = AccessToken.objects.filter(jti__in=jtis[start : start + 500])
        clients = list(rows.exclude(client=None).values_list("client", flat=True).distinct())
        rows.update(last_used_at=now)
        Client.objects.filter(pk__in=clients).update(last_used_at=now)
    return len(jtis)


def _write_if_due(**_: object) -> None:
    global _written_at
    if _noted and time.monotonic() - _written_at >= EVERY_S:
        _written_at = time.monotonic()
        write()
