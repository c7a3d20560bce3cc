"""Rate limits in the database: count a try first, then check it, give it back on success.

    tries = count([Limit(f"login {account}", most=5, window_s=300)])
    if is_right(secret):
        tries.give_back()

If a counter were read before the check and increased after it, all requests in between would
pass. Here one guarded update counts each try before the secret is checked, so the limit holds for
all threads and processes together.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

_PRUNED_AT_ONCE = 100


class TryCount(models.Model):
    """How many tries of one name were made in one window of time."""

    name = models.CharField(max_length=100, primary_key=True)
    tries = models.PositiveIntegerField(default=0)
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.tries}"


@dataclass(frozen=True)
class Limit:
    """At most `most` tries of `name` (any text) in each window of `window_s` seconds."""

    name: str
    most: int
    window_s: int

    @property
    def ends_at(self) -> int:
        return (int(time.time()) // self.window_s + 1) * self.window_s

    def key(self, ends_at: int) -> str:
        return f"{ends_at}-{hashlib.sha256(self.name.encode()).hexdigest()[:48]}"


class TooManyTries(Exception):
    """No further try before the window ends, in `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int = 60) -> None:
        self.retry_after_s = retry_after_s
        super().__init__("Too many tries; wait a minute")


@dataclass(frozen=True)
class Counted:
    """Tries that were counted."""

    keys: tuple[str, ...]

    def give_back(self) -> None:
        """Take these tries back, because they succeeded."""
        TryCount.objects.filter(name__in=self.keys, tries__gt=0).update(tries=F("tries") - 1)


def count(limits: Sequence[Limit]) -> Counted:
    """Count one try for each limit. Raises TooManyTries, and then nothing is counted."""
    keys = []
    with transaction.atomic():
        for limit in limits:
            ends_at = limit.ends_at
            keys.append(limit.key(ends_at))
            if not _raise(keys[-1], limit.most, ends_at):
                raise TooManyTries(max(1, ends_at - int(time.time())))
    return Counted(tuple(keys))


def _raise(key: str, most: int, ends_at: int) -> bool:
    row = TryCount.objects.filter(name=key, tries__lt=most)
    if row.update(tries=F("tries") + 1):
        return True
    new = TryCount(name=key, ends_at=datetime.fromtimestamp(ends_at, UTC))
    TryCount.objects.bulk_create([new], ignore_conflicts=True)
    _prune()
    return bool(row.update(tries=F("tries") + 1))


def _prune() -> None:
    """Delete some rows whose window is over; more rows than are created, so the table shrinks."""
    before = timezone.now() - timedelta(hours=1)
    over = TryCount.objects.filter(ends_at__lt=before).values_list("pk", flat=True)
    if pks := list(over[:_PRUNED_AT_ONCE]):
        TryCount.objects.filter(pk__in=pks).delete()
