"""Tickets and sessions: how a browser that the hub knows becomes one that the edge knows.

The hub and the edge are on different origins, so the edge cannot see the hub's session. The hub
gives the browser a ticket, which the edge exchanges once for a session of this one instance.

A ticket is not bound to a browser: who sends somebody a ticket of their own lets them see what
they may see themselves, for as long as their right lasts, and nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from hubsite.coordination import retention

from ..models import EdgeSession, EdgeTicket, ServiceInstance, Share
from .rights import valid_shares
from .secrets import hash_of, new_secret

TICKET_LASTS = timedelta(seconds=60)
SESSION_LASTS = timedelta(hours=12)


def make_ticket(instance: ServiceInstance, user: Any) -> str:
    """A ticket for this user, whose right the caller has checked. Returns its secret."""
    secret = new_secret()
    EdgeTicket.objects.create(
        token_hash=hash_of(secret),
        instance=instance,
        user=user,
        expires_at=timezone.now() + TICKET_LASTS,
    )
    return secret


@transaction.atomic
def exchange_ticket(instance_id: str, secret: str) -> tuple[EdgeSession, str] | None:
    """The session for a ticket and its secret; None if the ticket is unknown, old or used."""
    tickets = EdgeTicket.objects.filter(token_hash=hash_of(secret))
    ticket = tickets.filter(instance__instance_id=instance_id).first()
    if ticket is None or not tickets.delete()[0] or ticket.expires_at <= timezone.now():
        return None
    return _open(ticket.instance_id, user_id=ticket.user_id, share=None)


def exchange_link(instance_id: str, secret: str) -> tuple[EdgeSession, str] | None:
    """The session for a shared link and its secret; None if the link is not good."""
    shares = valid_shares().filter(instance__instance_id=instance_id)
    share = shares.filter(link_hash=hash_of(secret)).first()
    return None if share is None else _open(share.instance_id, user_id=None, share=share)


def _open(instance_pk: int, *, user_id: int | None, share: Share | None) -> tuple[EdgeSession, str]:
    secret = new_secret()
    expires_at = timezone.now() + SESSION_LASTS
    if share is not None and share.expires_at is not None:
        expires_at = min(expires_at, share.expires_at)
    session = EdgeSession.objects.create(
        token_hash=hash_of(secret),
        instance_id=instance_pk,
        user_id=user_id,
        share=share,
        expires_at=expires_at,
    )
    return session, secret


def forget_tickets() -> int:
    """Delete tickets that have expired."""
    return retention.delete(EdgeTicket.objects.filter(expires_at__lt=timezone.now()))


def forget_sessions() -> int:
    """Delete sessions a day after they expired."""
    old = timezone.now() - timedelta(days=1)
    return retention.delete(EdgeSession.objects.filter(expires_at__lt=old))
