"""Tells a user that something has happened. This is what the other rooms call."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from hubsite.storable import storable
from hubsite.visible_text import without_hidden

from ..models import Notice, User
from . import kinds

LONGEST_TITLE, LONGEST_TEXT = 200, 1000


def tell(
    user: User | int,
    kind: str,
    subject: str,
    title: str,
    text: str = "",
    *,
    occasion: str = "",
    path: str = "",
    details: dict[str, Any] | None = None,
    is_own_doing: bool = False,
) -> None:
    """Write a notice within the caller's transaction: one INSERT, and nothing if it is there.

    Call it in the transaction that makes the event true, with `user` or its primary key. A notice
    of the same kind, subject and occasion is told once. `path` is the page that shows more, below
    the hub's address. `details` are some facts for programs. `is_own_doing`: the user did it, so
    it counts as read and is not mailed; webhooks get it.
    """
    kinds.find(kind)
    now = timezone.now()
    notice = Notice(
        user_id=user if isinstance(user, int) else user.pk,
        kind=kind,
        subject=subject[:100],
        occasion=occasion[:60],
        title=_line(title, LONGEST_TITLE),
        text=_line(text, LONGEST_TEXT),
        path=path[:300],
        details=storable(details or {}),
        created_at=now,
        read_at=now if is_own_doing else None,
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)


def _line(text: str, longest: int) -> str:
    """`text` as one line of visible characters: names in it may come from anyone."""
    line = without_hidden(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
