"""The worker's ticks for accounts (apps.py says when). Each may be lost or repeated."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.utils import timezone

from hubsite.coordination import retention

from . import deletion_queue
from .notices import mailing, reading, sorting
from .notices.webhooks import sending
from .subscriptions import geodb_registration
from .tokens import device_flow, hub_tokens
from .units import expiry, monthly, notices


def register_in_geodb() -> int:
    """Tell geoDB of new and changed subscribers."""
    return geodb_registration.register_due()


def delete_expired_tokens() -> int:
    """Delete tokens that expired or were revoked some time ago."""
    return hub_tokens.delete_expired_tokens()


def delete_device_requests() -> int:
    """Delete requests of programs for a token that are over."""
    return device_flow.delete_expired()


def delete_expired_sessions() -> int:
    """Delete expired sessions, because they contain identity providers' tokens of users."""
    return retention.delete(Session.objects.filter(expire_date__lt=timezone.now()))


def grant_monthly_units() -> int:
    """Grant the units that come every month."""
    return monthly.grant_due()


def expire_units() -> int:
    """Take units that have expired."""
    return expiry.expire_due()


def notify_of_low_units() -> int:
    """Tell users after this month's grants, because those with new units need no notice."""
    monthly.grant_due()
    return notices.notify_low()


def notify_of_expiring_units() -> int:
    """Tell users whose units expire soon."""
    return notices.notify_expiring()


def send_mails() -> int:
    """Decide what is sent of new notices, and send the e-mails that are due."""
    sorting.sort_new()
    return mailing.send_due()


def send_webhooks() -> int:
    """Decide what is sent of new notices, and call the webhooks that are due."""
    sorting.sort_new()
    return sending.send_due()


def delete_persons() -> int:
    """Go on deleting persons whose work is being ended."""
    return deletion_queue.go_on()


def forget_notices() -> int:
    """Delete old notices."""
    return reading.forget_old()
