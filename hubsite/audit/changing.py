"""The one way to change entries of the audit: for a deleted person, and for those kept too long.

Triggers refuse every UPDATE and DELETE unless the transaction says `changing()`. On PostgreSQL
that is a setting of the transaction, on SQLite a row that no other transaction ever sees.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Replace
from django.utils import timezone

from hubsite.configuration.site import hub
from hubsite.coordination.retention import AT_ONCE, SECONDS

from .entry import AuditEntry

DELETED = "deleted"
OF_PERSONS = ("hubsite.savedfilter", "program")
"""Kinds outside of accounts whose labels are a person's own words."""


@contextmanager
def changing() -> Iterator[None]:
    """In this block, a transaction, entries may be changed and deleted."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT set_config('xcube_hub.audit', 'changing', true)")
        else:
            cursor.execute("INSERT OR IGNORE INTO hubsite_auditchanging (id) VALUES (1)")
        yield
        if connection.vendor == "postgresql":
            cursor.execute("SELECT set_config('xcube_hub.audit', '', true)")
        else:
            cursor.execute("DELETE FROM hubsite_auditchanging")


def forget_person(user: Any, *, email: str, old: str, new: str) -> None:
    """Take the person's e-mail and id out of all entries; what was done, and when, stays.

    `old` is the user's id until now, `new` the random one that replaces it, also in names of jobs.
    Rows that only mention the person are found by their text, so it reads the whole table.
    """
    everything = AuditEntry.objects.order_by()
    with changing():
        everything.filter(actor=user).update(actor_name=new, address="")
        everything.filter(acted_for=user).update(acted_for_name=new)
        named_by_them = Q(kind__startswith="accounts.") | Q(kind__in=OF_PERSONS)
        everything.filter(named_by_them, about=user).exclude(action__startswith="units.").update(
            label=DELETED, detail=""
        )
        everything.filter(
            Q(label__contains=old) | Q(detail__contains=old) | Q(object_id__contains=old)
        ).update(
            **{
                column: Replace(F(column), Value(old), Value(new))
                for column in ("label", "detail", "object_id")
            }
        )
        whole_email = re.compile(rf"(?<![\w.+-]){re.escape(email)}(?![\w-])", re.IGNORECASE)
        for entry in everything.filter(Q(label__icontains=email) | Q(detail__icontains=email)):
            everything.filter(pk=entry.pk).update(
                label=whole_email.sub(new, entry.label), detail=whole_email.sub(new, entry.detail)
            )


def forget_old() -> int:
    """Delete the entries that are older than XCUBE_HUB_AUDIT_DAYS; 0 keeps them for good."""
    if not hub.audit_days:
        return 0
    before = timezone.now() - timedelta(days=hub.audit_days)
    count, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        old = AuditEntry.objects.filter(at__lt=before).order_by("at")
        pks = list(old.values_list("pk", flat=True)[:AT_ONCE])
        if pks:
            with changing():
                count += AuditEntry.objects.filter(pk__in=pks).delete()[0]
        if len(pks) < AT_ONCE:
            break
    return count
