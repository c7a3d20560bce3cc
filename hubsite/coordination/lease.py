"""A lease in the database: while one process holds it, the others stand by."""

from __future__ import annotations

import os
import socket
import time
import uuid
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from .clock import is_over
from .lock import Lock


class Lease:
    """Saves work, not correctness: what is done under it must be harmless when done twice.

    lease = Lease("observer-local", seconds=15)
    while lease.hold():
        look_once()      # takes much less than 15 s
    lease.give_back()
    """

    def __init__(self, name: str, *, seconds: float) -> None:
        self.name = name
        self.seconds = seconds
        self.holder = f"{socket.gethostname()[:40]}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._renew_at = 0.0

    def hold(self) -> bool:
        """Take or keep the lease. False while another process has it."""
        if time.monotonic() < self._renew_at:
            return True
        length = timedelta(seconds=self.seconds)
        Lock.objects.get_or_create(name=self.name)
        taken = (
            Lock.objects.filter(name=self.name)
            .filter(Q(holder=self.holder) | is_over("expires_at", longest=length))
            .update(holder=self.holder, expires_at=Now() + length)
        )
        self._renew_at = time.monotonic() + self.seconds / 3 if taken else 0.0
        return bool(taken)

    def give_back(self) -> None:
        """Let the next process have it at once."""
        Lock.objects.filter(name=self.name, holder=self.holder).update(expires_at=Now())
        self._renew_at = 0.0
