"""Tells a person that something is shared with them."""

from __future__ import annotations

from django.urls import reverse

from ..models import Share
from ..notices import kinds as notice_kinds
from ..notices.telling import tell
from . import kinds


def announce(share: Share) -> None:
    """Write the notice for the person of this share, if that person has an account."""
    if share.user_id is None:
        return
    ((_, subject),) = kinds.described([share])
    noun = kinds.kind_of(share.kind).noun
    tell(
        share.user_id,
        notice_kinds.SHARED.name,
        str(share.pk),
        f"“{subject.title}” is shared with you",
        f"{share.owner.email} shares a {noun} with you until {share.expires_at:%Y-%m-%d}.",
        path=reverse("shared", args=[str(share.pk)]),
        details={"share": share.pk, "kind": share.kind, "subject": share.subject},
    )
