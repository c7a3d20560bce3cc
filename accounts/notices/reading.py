"""A user's list of notices: what is unread, and marking it as read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from accounts.settings import hub
from hubsite.compiled_queries import CompiledQuery
from hubsite.coordination import retention

from ..models import Notice, User

SHOWN_UNREAD = 100
"""A larger number of unread notices is shown as `99+`, and not counted further."""

COUNTED = "unread_notices"
"""The attribute of a request whose view has counted the unread notices already."""

_UNREAD = CompiledQuery(
    lambda user_id: (
        Notice.objects.filter(user_id=user_id, read_at=None)
        .order_by("-pk")
        .values_list("pk")[:SHOWN_UNREAD]
    ),
    user_id=-1,
)


def unread_of(user: User) -> int:
    """How many notices are unread, up to `SHOWN_UNREAD`. One query on an index."""
    return sum(1 for _ in _UNREAD.rows(user_id=user.pk))


def count_shown(request: HttpRequest) -> tuple[str, str] | None:
    """The number of unread notices beside the entry of the navigation, and its word."""
    unread = getattr(request, COUNTED, None)
    if unread is None:
        unread = unread_of(request.user)
    if not unread:
        return None
    return (str(unread) if unread < SHOWN_UNREAD else f"{SHOWN_UNREAD - 1}+"), gettext("unread")


def cursor(user: Any) -> str:
    """Changes when a notice comes that is news, or is read. One query on an index."""
    unread = [pk for (pk,) in _UNREAD.rows(user_id=user.pk)]
    return f"{unread[0]} {len(unread)}" if unread else ""


def mark_read(user: User, *, up_to: int | None = None, ids: Collection[int] = ()) -> int:
    """Mark notices as read, and leave them out of the next e-mail; returns how many were unread."""
    rows = Notice.objects.filter(user=user, read_at=None)
    rows = rows.filter(pk__lte=up_to) if up_to is not None else rows.filter(pk__in=ids)
    return rows.update(read_at=timezone.now(), is_to_mail=False)


def forget_old() -> int:
    """Delete notices that are no longer kept, with their deliveries."""
    kept = timedelta(days=hub.notices_kept_days)
    return retention.delete(Notice.objects.filter(created_at__lt=timezone.now() - kept))
