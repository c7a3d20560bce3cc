"""Telling users that few of their units are left: in the portal and the API always, by
e-mail once each time it comes to that, where the operator has set a mail server."""

from __future__ import annotations

import logging
from smtplib import SMTPException

from django.core.mail import send_mail
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from accounts.settings import hub

from ..models import Balance, LedgerEntry

logger = logging.getLogger(__name__)


def is_low(balance: Balance) -> bool:
    """Whether its user should be told. Of one who never had units nothing is low."""
    return balance.pk is not None and balance.available < hub.low_units


def notify_low(most: int = 200) -> int:
    """Send the e-mails that are due; returns how many."""
    threshold = hub.low_units
    is_enough = Q(total__gte=F("reserved") + threshold)
    Balance.objects.filter(is_enough).exclude(low_noticed_at=None).update(low_noticed_at=None)
    if not hub.email_url or not threshold:
        return 0
    had_some = LedgerEntry.objects.filter(user=OuterRef("user"), delta_total__gt=0)
    low = (
        Balance.objects.filter(Exists(had_some), ~is_enough, low_noticed_at=None)
        .filter(user__is_active=True, user__is_service_account=False)
        .select_related("user")
    )
    return sum(_notify(balance) for balance in low[:most])


def _notify(balance: Balance) -> bool:
    rows = Balance.objects.filter(pk=balance.pk)
    if not rows.filter(low_noticed_at=None).update(low_noticed_at=timezone.now()):
        return False  # another tick is at it
    try:
        send_mail(
            "Few processing units are left",
            f"You have {balance.available} processing units left at "
            f"{hub.public_url}.\n\nJobs that cost more are refused until "
            "you have more. Your account there shows what was spent.\n",
            hub.email_from,
            [balance.user.email],
        )
    except (OSError, SMTPException) as error:
        logger.warning("No e-mail could be sent: %s", error)
        rows.update(low_noticed_at=None)
        return False
    return True
