"""Repeated starts: within a day the same `Idempotency-Key` returns the first instance."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.utils import timezone

from hubsite.coordination import retention
from hubsite.coordination.retention import yesterday
from hubsite.refusals import Kind, Refused

from ..models import ServiceInstance, StartKey

KEPT = timedelta(days=1)
"""How long a key returns its first answer (docs/api.md)."""


def fingerprint(document: Any) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def first_start(user: Any, key: str, body_hash: str) -> ServiceInstance | None:
    """The instance that was started with this key. Raises Refused if the request was another."""
    if not key:
        return None
    since = timezone.now() - KEPT
    rows = StartKey.objects.filter(owner=user, key=key, created_at__gte=since)
    first = rows.select_related("instance__profile").first()
    if first is None:
        return None
    if first.body_hash != body_hash:
        raise Refused(
            "this key was used with another request within the last day",
            field="Idempotency-Key",
            kind=Kind.UNSUPPORTED,
        )
    return first.instance


def remember(user: Any, key: str, body_hash: str, instance: ServiceInstance) -> None:
    """Store the key, in the transaction that makes the instance."""
    if not key:
        return
    used = StartKey.objects.filter(owner=user, key=key)
    used.filter(created_at__lt=timezone.now() - KEPT).delete()
    StartKey.objects.create(owner=user, key=key, body_hash=body_hash, instance=instance)


def forget_old() -> int:
    """Delete keys a day after their first use."""
    return retention.delete(StartKey.objects.filter(created_at__lt=yesterday()))
