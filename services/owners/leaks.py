"""Leaked secrets of services: cookies and keys at the edge, and tickets on the way there."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.leaks.finding import Found, Revoked, number_of
from accounts.models import User
from accounts.sharing.secrets import hash_of

from ..models import EdgeSession, EdgeTicket

SESSION, TICKET = "edge-session", "edge-ticket"


def find_sessions(words: Sequence[str]) -> list[Found]:
    by_hash = {hash_of(word): word for word in words}
    rows = EdgeSession.objects.filter(token_hash__in=by_hash)
    return [
        _of_session(row, by_hash[row.token_hash])
        for row in rows.select_related("instance__owner", "user")
    ]


def _of_session(row: EdgeSession, word: str) -> Found:
    is_over = row.ended_at is not None or row.expires_at <= timezone.now()
    return Found(
        SESSION,
        word,
        _("The cookie or key with which a browser uses the service %(service)s")
        % {"service": row.instance.instance_id},
        _("It is refused: it has ended.")
        if is_over
        else _("Whoever has it may use this one service."),
        is_valid=not is_over,
        owner=row.user or row.instance.owner,
        facts=[(_("Made"), row.created_at), (_("Valid until"), row.expires_at)],
        next_steps=[_("The person opens the service again from the hub, and gets another.")],
        key="" if is_over else str(row.pk),
        button=_("End this session"),
        url=reverse("admin:services_edgesession_change", args=[row.pk]),
    )


def end_session(key: str, by: User) -> Revoked | None:
    rows = EdgeSession.objects.filter(pk=number_of(key), ended_at=None)
    row = rows.select_related("instance__owner", "user").first()
    if row is None or not rows.update(ended_at=timezone.now()):
        return None
    return Revoked(
        row.user or row.instance.owner, f"session at the service {row.instance.instance_id}"
    )


def find_tickets(words: Sequence[str]) -> list[Found]:
    by_hash = {hash_of(word): word for word in words}
    rows = EdgeTicket.objects.filter(token_hash__in=by_hash, expires_at__gt=timezone.now())
    return [
        Found(
            TICKET,
            by_hash[row.token_hash],
            _("A ticket to the service %(service)s") % {"service": row.instance.instance_id},
            _("Whoever has it may enter once, within a minute after it was made."),
            is_valid=True,
            owner=row.user or row.instance.owner,
            key=row.token_hash,
            button=_("Tear this ticket"),
        )
        for row in rows.select_related("instance__owner", "user")
    ]


def tear_ticket(key: str, by: User) -> Revoked | None:
    rows = EdgeTicket.objects.filter(token_hash=key[:64])
    row = rows.select_related("instance__owner", "user").first()
    if row is None or not rows.delete()[0]:
        return None
    return Revoked(
        row.user or row.instance.owner, f"ticket to the service {row.instance.instance_id}"
    )
