"""Notices that few units are left: in the portal, in the API, and by e-mail.

An e-mail is sent once each time the units fall below the limit, if there is a mail server.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from accounts.settings import hub
from hubsite.coordination.cool_down import CoolDown

from ..models import Balance, LedgerEntry

logger = logging.getLogger(__name__)

COOL_DOWN = CoolDown("mail", seconds=600)
"""After the mail server did not answer."""
SECONDS = 20.0
"""After this time a tick begins no further e-mail."""


def is_low(balance: Balance) -> bool:
    """Whether its user should get a notice; never a user who never had units."""
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
    balances = list(low[:most])
    if not balances:
        return 0
    try:
        with COOL_DOWN.attempt(settings.EMAIL_HOST) as is_ours:
            return _notify_all(balances) if is_ours else 0
    except (OSError, SMTPException) as error:
        logger.warning("No e-mail could be sent: %s", error)
        return 0


def _notify_all(balances: Iterable[Balance]) -> int:
    """Send an e-mail for each, for some seconds.

    A user counts as notified only after the e-mail was sent. Raises OSError or SMTPException if
    the server does not answer.
    """
    sent, until = 0, time.monotonic() + SECONDS
    with get_connection() as connection:
        for balance in balances:
            if time.monotonic() > until:
                break  # the next tick sends the rest
            try:
                _message(balance, connection).send()
            except (SMTPRecipientsRefused, SMTPDataError) as error:
                logger.warning("No e-mail to %s could be sent: %s", balance.user.user_id, error)
                continue  # only this recipient is refused
            Balance.objects.filter(pk=balance.pk).update(low_noticed_at=timezone.now())
            sent += 1
    return sent


def _message(balance: Balance, connection: Any) -> EmailMessage:
    return EmailMessage(
        "Few processing units are left",
        f"You have {balance.available} processing units left at "
        f"{hub.public_url}.\n\nJobs that cost more are refused until "
        "you have more. Your account there shows what was spent.\n",
        hub.email_from,
        [balance.user.email],
        connection=connection,
    )
