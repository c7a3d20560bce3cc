"""Repeated requests: within a day the same `Idempotency-Key` returns what its first use made.

An app has a table with owner, key, body_hash, created_at and the row that was made, and one of:

    KEYS = IdempotencyKeys(StartKey, "instance")

    if first := KEYS.first(user, key, body_hash): ...
    KEYS.remember(user, key, body_hash, instance)     # in the transaction that makes the instance
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Model
from django.utils import timezone

from ..refusals import Kind, Refused
from . import retention
from .retention import yesterday

KEPT = timedelta(days=1)
"""How long a key returns its first answer (docs/api.md)."""


@dataclass(frozen=True)
class IdempotencyKeys:
    """The keys of one kind of request; `made` is the field of the row that the first use made."""

    rows: type[Model]
    made: str
    related: str = ""
    """What else to read with that row, as `select_related` names it."""

    def first(self, user: Any, key: str | None, body_hash: str) -> Any:
        """What the first use of the key made; None if there is none, or no key.

        Raises Refused if that was another request.
        """
        if not key:
            return None
        since = timezone.now() - KEPT
        found = self.rows._default_manager.filter(owner=user, key=key, created_at__gte=since)
        first = found.select_related(self.related or self.made).first()
        if first is None:
            return None
        if first.body_hash != body_hash:
            raise Refused(
                "this key was used with another request within the last day",
                field="Idempotency-Key",
                kind=Kind.UNSUPPORTED,
            )
        return getattr(first, self.made)

    def remember(self, user: Any, key: str | None, body_hash: str, made: Model) -> None:
        """Store the key, in the transaction that makes what it answers."""
        if not key:
            return
        rows = self.rows._default_manager
        rows.filter(owner=user, key=key, created_at__lt=timezone.now() - KEPT).delete()
        rows.create(owner=user, key=key, body_hash=body_hash, **{self.made: made})

    def forget_old(self) -> int:
        """Delete keys a day after their first use."""
        return retention.delete(self.rows._default_manager.filter(created_at__lt=yesterday()))
