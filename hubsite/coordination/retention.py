"""Retention: deletes rows that are no longer kept, in small transactions, within seconds.

An app writes a rule as a step of the housekeeping:

    def forget_idempotency_keys() -> int:
        return retention.delete(IdempotencyKey.objects.filter(created_at__lt=yesterday()))
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

AT_ONCE = 500
SECONDS = 30.0
"""A tick is killed after 60 s. The rest is deleted in the next hour."""


def yesterday() -> datetime:
    return timezone.now() - timedelta(days=1)


def delete(rows: QuerySet) -> int:
    """Delete these rows, `AT_ONCE` in each transaction; returns how many."""
    return _in_portions(rows, lambda portion: portion.delete()[0])


def blank(rows: QuerySet, **values: Any) -> int:
    """Set columns of these rows. `rows` must leave out those that have the values already."""
    return _in_portions(rows, lambda portion: portion.update(**values))


def _in_portions(rows: QuerySet, do: Any) -> int:
    count, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        pks = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        if pks:
            count += do(rows.model._default_manager.filter(pk__in=pks))
        if len(pks) < AT_ONCE:
            break
    return count
