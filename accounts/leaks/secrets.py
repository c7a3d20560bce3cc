"""Leaked secrets that are no JWT: of clients, links, browsers, programs that wait."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.sessions.models import Session
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from hubsite import audit

from ..models import Client, DeviceRequest, Share, User
from ..notices.webhooks.signing import PREFIX
from ..role_words import meanings
from ..roles import permissions_of
from ..sharing import giving
from ..sharing.rights import is_over
from ..sharing.secrets import hash_of
from ..tokens import device_flow
from ..tokens.clients import find_by_secret
from .finding import Found, Revoked, number_of

CLIENT, LINK, BROWSER, DEVICE = "client", "link", "browser", "device"


def find_clients(words: Sequence[str]) -> list[Found]:
    """Clients by their secret; a client id alone is no secret, but leads to its client."""
    by_secret = find_by_secret(words)
    by_id = {
        row.client_id: row
        for row in Client.objects.filter(client_id__in=words).select_related("owner")
    }
    leaked = {row.pk for row in by_secret.values()}
    found = [_of_client(row, word, True) for word, row in by_secret.items()]
    rest = {word: row for word, row in by_id.items() if row.pk not in leaked}
    return [*found, *(_of_client(row, word, False) for word, row in rest.items())]


def _of_client(row: Client, word: str, is_secret: bool) -> Found:
    name = {"client": row}
    return Found(
        CLIENT,
        word,
        _("The secret of the client %(client)s") % name
        if is_secret
        else _("The id of the client %(client)s") % name,
        _("It is refused: the client was revoked.")
        if row.revoked_at
        else _("With it one gets tokens of its owner.")
        if is_secret
        else _("An id alone opens nothing. Was the secret beside it?"),
        is_valid=row.revoked_at is None,
        owner=row.owner,
        permits=meanings(permissions_of(row.owner).intersection(row.scopes)),
        facts=[
            (_("Made"), row.created_at),
            (_("Last used"), row.last_used_at or _("never, as far as the hub knows")),
            (_("Client id"), row.client_id),
        ],
        next_steps=[_("Its page can also replace the secret, if the program must go on.")],
        key="" if row.revoked_at else str(row.pk),
        button=_("Revoke this client and its tokens"),
        url=reverse("admin:accounts_client_change", args=[row.pk]),
    )


def revoke_client(key: str, by: User) -> Revoked | None:
    rows = Client.objects.filter(pk=number_of(key))
    row = rows.select_related("owner").first()
    return Revoked(row.owner, f"client {row.client_id}") if row and row.revoke() else None


def find_links(words: Sequence[str]) -> list[Found]:
    rows = Share.objects.filter(link_hash__in=_hashes(words)).select_related("owner")
    by_hash = {hash_of(word): word for word in words}
    return [_of_link(row, by_hash[row.link_hash]) for row in rows]


def _of_link(row: Share, word: str) -> Found:
    ended = is_over(row)
    return Found(
        LINK,
        word,
        _("A link that shares the %(kind)s %(subject)s")
        % {"kind": row.kind, "subject": row.subject},
        _("It is refused: withdrawn or expired.")
        if ended
        else _("Whoever has it may open it, without a sign-in.")
        if row.is_public
        else _("Whoever has it and signs in may open it."),
        is_valid=not ended,
        owner=row.owner,
        facts=[(_("Made"), row.created_at), (_("Valid until"), row.expires_at)],
        next_steps=[_("The page of the share says who opened it, and when.")],
        key="" if ended else str(row.pk),
        button=_("Withdraw this link"),
        url=reverse("admin:accounts_share_change", args=[row.pk]),
    )


def withdraw_link(key: str, by: User) -> Revoked | None:
    rows = Share.objects.filter(pk=number_of(key))
    row = rows.select_related("owner").first()
    if row is None or not giving.withdraw(row, by=by):
        return None
    return Revoked(row.owner, f"link to the {row.kind} {row.subject}")


def find_browsers(words: Sequence[str]) -> list[Found]:
    """Session cookies of browsers. The form that revokes one names it by a hash."""
    keys = [word for word in words if len(word) == 32]
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return [it for row in rows if (it := _of_browser(row))]


def _of_browser(row: Session) -> Found | None:
    user_pk = str(row.get_decoded().get("_auth_user_id", ""))
    owner = User.objects.filter(pk=number_of(user_pk)).first()
    if owner is None:
        return None
    return Found(
        BROWSER,
        row.session_key,
        _("The cookie of a browser that is signed in"),
        _("Whoever has it is signed in as this person."),
        is_valid=True,
        owner=owner,
        permits=meanings(permissions_of(owner)),
        facts=[(_("Valid until"), row.expire_date)],
        next_steps=[_("The person must sign in again, in this browser only.")],
        key=f"{owner.pk}-{hash_of(row.session_key)}",
        button=_("End this session"),
    )


def end_browser(key: str, by: User) -> Revoked | None:
    user_pk, _dash, wanted = key.partition("-")
    owner = User.objects.filter(pk=number_of(user_pk)).first()
    if owner is None:
        return None
    for session_key in (
        Session.objects.filter(expire_date__gt=timezone.now())
        .values_list("session_key", flat=True)
        .iterator()
    ):
        if hash_of(session_key) == wanted:
            with transaction.atomic():
                Session.objects.filter(session_key=session_key).delete()
                audit.record("session.ended", actor=by, on=owner, detail="it had leaked")
            return Revoked(owner, "session of a browser")
    return None


def find_devices(words: Sequence[str]) -> list[Found]:
    hashes = {device_flow.hash_of_code(word): word for word in words}
    rows = DeviceRequest.objects.filter(code_hash__in=hashes, expires_at__gt=timezone.now())
    return [
        Found(
            DEVICE,
            hashes[row.code_hash],
            _("The code of a program that waits to be approved"),
            _("Whoever has it gets the token, if it is approved within minutes."),
            is_valid=True,
            owner=row.user,
            facts=[(_("Valid until"), row.expires_at)],
            key=str(row.pk),
            button=_("Refuse this program"),
        )
        for row in rows.select_related("user")
    ]


def refuse_device(key: str, by: User) -> Revoked | None:
    rows = DeviceRequest.objects.filter(pk=number_of(key))
    with transaction.atomic():
        row = rows.select_related("user").first()
        if row is None or not rows.delete()[0]:
            return None
        audit.record(
            "program.refused",
            actor=by,
            on=("program", key, row.name or row.client_id),
            about=row.user,
            detail="its code had leaked",
        )
    return Revoked(row.user, "code of a program that waited")


def find_webhook_secrets(words: Sequence[str]) -> list[Found]:
    return [
        Found(
            "webhook",
            word,
            _("The signing secret of a webhook"),
            _("With it one can forge notices to that webhook. It opens nothing here."),
            next_steps=[_("It cannot be searched: its owner replaces it on the webhook's page.")],
        )
        for word in words
        if word.startswith(PREFIX)
    ]


def _hashes(words: Sequence[str]) -> list[str]:
    return [hash_of(word) for word in words]
