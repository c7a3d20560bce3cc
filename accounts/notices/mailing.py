"""Sends notices by e-mail, several in one if many come: never thousands to one user.

An e-mail is in the language that its user has chosen for the pages; English if in none.

The first notice after a quiet time is sent at once. Then the next e-mail waits 15 minutes, and
longer each time as long as notices keep coming, up to 4 hours. Urgent ones wait 15 minutes at
most. A mail server that does not answer gets a cool-down.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from smtplib import (
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.settings import hub
from hubsite.coordination.cool_down import CoolDown
from hubsite.coordination.delivery import NotDelivered, Unreachable, deliver_due
from hubsite.translations.sentences import translated

from ..models import Notice, NoticeMail
from .links import absolute, unsubscribe_link

COOL_DOWN = CoolDown("mail", seconds=600)
"""After the mail server did not answer."""
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 15 * 60, 4 * 3600
SHOWN = 20
"""Notices that one e-mail shows; of the others it says how many there are."""


def plan(users: Collection[int], urgent: Collection[int]) -> None:
    """Say when these users' next e-mails are due, because notices of theirs wait for one.

    Call it in the transaction that marks the notices.
    """
    missing = [NoticeMail(user_id=pk) for pk in users]
    NoticeMail.objects.bulk_create(missing, ignore_conflicts=True)
    now = timezone.now()
    for mail in NoticeMail.objects.select_for_update().filter(user__in=users).order_by("pk"):
        # A new revision: what is being sent at this moment may lack the new notices.
        news: dict[str, Any] = {"revision": F("revision") + 1}
        if mail.state == NoticeMail.DELIVERED:
            pause_s = _pause_s(mail, now)
            news |= {"state": NoticeMail.State.PENDING, "attempts": 0, "pause_s": pause_s}
            news["due_at"] = _due_at(mail, pause_s, now)
        if mail.user_id in urgent and mail.state != NoticeMail.State.FAILING:
            soon = _due_at(mail, SHORTEST_PAUSE_S, now)
            news["due_at"] = min(news.get("due_at", mail.due_at), soon)
        NoticeMail.objects.filter(pk=mail.pk).update(**news)


def _pause_s(mail: NoticeMail, now: Any) -> int:
    """The pause before the next e-mail: longer while they follow one another."""
    if mail.sent_at is None or now - mail.sent_at > timedelta(seconds=2 * mail.pause_s):
        return SHORTEST_PAUSE_S
    return min(LONGEST_PAUSE_S, 2 * mail.pause_s)


def _due_at(mail: NoticeMail, pause_s: int, now: Any) -> Any:
    if mail.sent_at is None:
        return now
    return max(now, min(mail.sent_at, now) + timedelta(seconds=pause_s))


def send_due() -> int:
    """Send the e-mails that are due; returns how many."""
    if not hub.email_url:
        return 0
    rows = NoticeMail.objects.filter(
        is_off=False,
        user__is_active=True,
        user__is_service_account=False,
        user__forgotten_at=None,
    ).select_related("user")
    if not rows.due().exists():
        return 0
    connection = get_connection()
    try:
        return deliver_due(
            rows, partial(_send, connection), cool_down=COOL_DOWN, target=settings.EMAIL_HOST
        )
    finally:
        _close(connection)


def _send(connection: Any, mail: NoticeMail) -> None:
    """Send one user's e-mail. Raises NotDelivered, Unreachable."""
    waiting = Notice.objects.filter(user=mail.user, is_to_mail=True)
    shown = list(waiting.order_by("pk")[:SHOWN])
    if not shown:
        return  # all of them were read in the portal meanwhile
    last = waiting.order_by("-pk").values_list("pk", flat=True)[0]
    count = waiting.filter(pk__lte=last).count()
    message = _message(mail, shown, count)
    try:
        _hand_over(connection, message)
    except (SMTPRecipientsRefused, SMTPDataError, SMTPSenderRefused, ValueError) as error:
        raise NotDelivered(f"the mail server refused it: {type(error).__name__}") from error
    except (OSError, SMTPException) as error:
        raise Unreachable(f"the mail server cannot be used: {type(error).__name__}") from error
    waiting.filter(pk__lte=last).update(is_to_mail=False)


def _words(shown: list[Notice], count: int, unsubscribe: str) -> tuple[str, str]:
    """The subject and the text of the e-mail, in the language that is active."""
    subject = translated(shown[0].title)
    if count > 1:
        subject = _("%(count)d notices: %(first)s") % {"count": count, "first": subject}
    parts = [
        "\n".join(filter(None, (translated(n.title), translated(n.text), absolute(n.path))))
        for n in shown
    ]
    if count > len(shown):
        more = _("And %(count)d more:") % {"count": count - len(shown)}
        parts.append(f"{more} {absolute('')}")
    sent_by = _("Sent by %(hub)s, because you chose so or have chosen nothing.")
    sent_by %= {"hub": hub.public_url}
    choose, none = _("Choose what you get:"), _("No e-mails any more:")
    parts.append(f"-- \n{sent_by}\n{choose} {absolute('')}\n{none} {unsubscribe}")
    return subject, "\n\n".join(parts) + "\n"


def _hand_over(connection: Any, message: EmailMessage) -> None:
    """Send one e-mail; connects once more if the server has closed the connection.

    Some servers take only a few e-mails for each connection.
    """
    was_open = not connection.open()
    try:
        connection.send_messages([message])
    except SMTPServerDisconnected:
        if not was_open:
            raise
        _close(connection)
        connection.open()
        connection.send_messages([message])


def _close(connection: Any) -> None:
    try:
        connection.close()
    except (OSError, SMTPException):
        connection.connection = None  # it was broken already


def _message(mail: NoticeMail, shown: list[Notice], count: int) -> EmailMessage:
    unsubscribe = unsubscribe_link(mail.user_id)
    with translation.override(mail.user.language or "en"):
        subject, text = _words(shown, count, unsubscribe)
    host = urlsplit(hub.public_url).hostname or "localhost"
    return EmailMessage(
        subject[:200],
        text,
        hub.email_from,
        [mail.user.email],
        headers={
            "Message-ID": f"<notices-{mail.pk}-{mail.revision}@{host}>",
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
