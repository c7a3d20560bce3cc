"""A lease in the database: while one holds it, others stand by."""

from __future__ import annotations

import os
import socket
import time
import uuid
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from .models import Lock


class Lease:
    """Saves work, not correctness: what is done under it must be harmless when done twice."""

    def __init__(self, name: str, *, seconds: float) -> None:
        self.name = name
        self.seconds = seconds
        self.holder = f"{socket.gethostname()[:40]}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._renew_at = 0.0

    def hold(self) -> bool:
        """Take or keep the lease; False while another has it."""
        if time.monotonic() < self._renew_at:
            return True
        now = timezone.now()
        Lock.objects.get_or_create(name=self.name)
        taken = (
            Lock.objects.filter(name=self.name)
            .filter(Q(holder=self.holder) | Q(expires_at=None) | Q(expires_at__lt=now))
            .update(holder=self.holder, expires_at=now + timedelta(seconds=self.seconds))
        )
        self._renew_at = time.monotonic() + self.seconds / 3 if taken else 0.0
        return bool(taken)

    def give_back(self) -> None:
        """Let the next one have it at once."""
        Lock.objects.filter(name=self.name, holder=self.holder).update(expires_at=timezone.now())
        self._renew_at = 0.0
