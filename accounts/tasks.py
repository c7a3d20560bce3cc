"""The worker's ticks for accounts (apps.py says when). Each may be lost or repeated."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.utils import timezone

from hubsite.coordination import retention

from .subscriptions import geodb_registration
from .tokens import hub_tokens
from .units import expiry, monthly, notices


def register_in_geodb() -> int:
    return geodb_registration.register_due()


def delete_expired_tokens() -> int:
    return hub_tokens.delete_expired_tokens()


def delete_expired_sessions() -> int:
    """Delete expired sessions, because they contain identity providers' tokens of users."""
    return retention.delete(Session.objects.filter(expire_date__lt=timezone.now()))


def grant_monthly_units() -> int:
    return monthly.grant_due()


def expire_units() -> int:
    return expiry.expire_due()


def notify_of_low_units() -> int:
    """Send notices after this month's grants, because users with new units need none."""
    monthly.grant_due()
    return notices.notify_low()
