"""Finds entries of the audit: those of an object, and those that filters choose."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q, QuerySet

from .entry import AuditEntry

MOST_OF_OBJECT = 50


def entries_of(obj: models.Model, *, most: int = MOST_OF_OBJECT) -> list[AuditEntry]:
    """The newest entries on this object. Of a user: what they did, and what was done to theirs.

    One query, by indexes alone.
    """
    entries = AuditEntry.objects.order_by("-id")
    on = entries.filter(kind=obj._meta.label_lower, object_id=str(obj.pk))
    if not isinstance(obj, get_user_model()):
        return list(on[:most])
    parts = (on, entries.filter(actor=obj), entries.filter(about=obj))
    newest = Q()
    for part in parts:
        newest |= Q(pk__in=_newest(part, most))
    return list(entries.filter(newest)[:most])


def _newest(entries: QuerySet[AuditEntry], most: int) -> QuerySet:
    return entries.values("pk")[:most]
