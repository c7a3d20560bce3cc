"""Deletes shares that ended long ago, and with them who used them."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from hubsite.coordination import retention

from ..models import Share

KEPT = timedelta(days=90)
"""After its end, so that an owner and operators can still see who used a share."""


def forget_ended() -> int:
    """Delete shares that were withdrawn, or have expired, 90 days ago (housekeeping)."""
    before = timezone.now() - KEPT
    ended = Share.objects.filter(Q(revoked_at__lt=before) | Q(expires_at__lt=before))
    return retention.delete(ended)
