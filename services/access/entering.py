"""Tickets and sessions: how a browser that the hub knows becomes one that the edge knows.

The hub and the edge are on different origins, so the edge cannot see the hub's session. The hub
gives the browser a ticket, which the edge exchanges once for a session of this one instance.

A session here ends with the hub's session that it came from: when the person signs out or changes
the password, and 12 hours after it began at the latest.

A ticket is not bound to a browser: who sends somebody a ticket of their own lets them see what
they may see themselves, for as long as their right lasts, and nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Share
from accounts.settings import hub
from accounts.sharing.openings import note_opening
from accounts.sharing.rights import needs_sign_in, share_by_link
from accounts.sharing.secrets import hash_of, new_secret
from hubsite.coordination import retention
from hubsite.coordination.failures import Limit, count

from ..models import EdgeSession, EdgeTicket, ServiceInstance
from .rights import SERVICE, password_mark

TICKET_LASTS = timedelta(seconds=60)
SESSION_LASTS = timedelta(hours=12)
"""At most; less if the hub's own sessions are shorter, or a share expires."""
LINK_SESSIONS = 600
"""How many browsers may enter by one link in an hour. Each makes a row."""


def make_ticket(
    instance: ServiceInstance, user: Any, *, hub_session: str = "", share: Share | None = None
) -> str:
    """A ticket for this user, whose right the caller has checked. Returns its secret.

    `hub_session` is the key of the session at the hub with which the right shall end; `share` is a
    link with which it shall end, too. Without a user it is for whoever has a public link.
    """
    secret = new_secret()
    EdgeTicket.objects.create(
        token_hash=hash_of(secret),
        instance=instance,
        user=user,
        share=share,
        hub_session=hub_session,
        password_mark="" if user is None else password_mark(user.password),
        expires_at=timezone.now() + TICKET_LASTS,
    )
    return secret


@transaction.atomic
def exchange_ticket(instance_id: str, secret: str) -> tuple[EdgeSession, str] | None:
    """The session for a ticket and its secret; None if the ticket is unknown, old or used."""
    tickets = EdgeTicket.objects.filter(token_hash=hash_of(secret)).select_related("share")
    ticket = tickets.filter(instance__instance_id=instance_id).first()
    if ticket is None or not tickets.delete()[0] or ticket.expires_at <= timezone.now():
        return None
    lasts = timedelta(seconds=hub.session_lifetime_s)
    return _open(
        ticket.instance_id,
        lasts if ticket.share is None else min(lasts, _left(ticket.share)),
        user_id=ticket.user_id,
        share_id=ticket.share_id,
        hub_session=ticket.hub_session,
        password_mark=ticket.password_mark,
    )


def exchange_link(instance_id: str, secret: str) -> tuple[EdgeSession, str] | None:
    """The session for a public link and its secret; None if the link is not good.

    Raises TooManyTries if the link is opened so often that it is no person's doing.
    """
    share = share_by_link(secret)
    if share is None or (share.kind, share.subject) != (SERVICE, instance_id):
        return None
    instance = ServiceInstance.objects.filter(instance_id=instance_id).first()
    if instance is None or needs_sign_in(share):
        return None
    count_link(share)
    note_opening(share)
    return _open(instance.pk, min(SESSION_LASTS, _left(share)), share=share)


def count_link(share: Share) -> None:
    """Count a browser that enters by this link. Raises TooManyTries."""
    count([Limit(f"link {share.pk}", most=LINK_SESSIONS, window_s=3600)])


def _left(share: Share) -> timedelta:
    return share.expires_at - timezone.now()


def _open(instance_pk: int, lasts: timedelta, **of_session: Any) -> tuple[EdgeSession, str]:
    secret = new_secret()
    session = EdgeSession.objects.create(
        token_hash=hash_of(secret),
        instance_id=instance_pk,
        expires_at=timezone.now() + min(SESSION_LASTS, lasts),
        **of_session,
    )
    return session, secret


def forget_tickets() -> int:
    """Delete tickets that have expired."""
    return retention.delete(EdgeTicket.objects.filter(expires_at__lt=timezone.now()))


def forget_sessions() -> int:
    """Delete sessions a day after they expired."""
    old = timezone.now() - timedelta(days=1)
    return retention.delete(EdgeSession.objects.filter(expires_at__lt=old))
