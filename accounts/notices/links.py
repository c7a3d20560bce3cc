"""Addresses in notices: of pages of the hub, and the one that switches e-mails off."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core import signing
from django.urls import reverse

from accounts.settings import hub

_SALT = "accounts.notices.unsubscribe"


def absolute(path: str) -> str:
    """The address of a page, with the hub's host; the notices' page if there is no path."""
    parts = urlsplit(hub.public_url)
    return f"{parts.scheme}://{parts.netloc}{path or reverse('notices')}"


def unsubscribe_link(user_pk: int) -> str:
    """A link that switches off the user's e-mails without a sign-in (RFC 8058)."""
    token = signing.dumps(user_pk, salt=_SALT)
    return absolute(reverse("notices-unsubscribe", args=[token]))


def user_of(token: str) -> int | None:
    """Whose e-mails the token of a link switches off; None if it is not one of ours."""
    try:
        pk = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return pk if isinstance(pk, int) else None
