"""Searches the audit: by who, what, on which object, when and from where; page by page.

Every search is answered by an index, and a page is chosen by the id of its newest entry, so it
takes as long among a million entries as among a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, time, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date, parse_datetime

from hubsite.refusals import FieldError, Refused

from .actions import ACTIONS
from .entry import AuditEntry, Via

PAGE = 50
MOST_USERS = 20
"""So many users may be meant by a part of an e-mail."""
MOST_CHARACTERS = 200
CLOCKS = timedelta(minutes=1)
"""Ids are in the order of times, but for transactions that ran side by side."""


@dataclass(frozen=True)
class Search:
    """What to look for; nothing at all: everything. `until` is not included."""

    who: str = ""
    on: str = ""
    action: str = ""
    via: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Page:
    """Entries, newest first, and the ids by which the pages around are asked for."""

    entries: list[AuditEntry]
    before: int | None = None
    after: int | None = None


def read(given: Mapping[str, str]) -> Search:
    """The search in the parameters of a URL. Raises Refused, which names all that are wrong."""
    texts = {name: given.get(name, "").strip() for name in Search.__dataclass_fields__}
    errors = [
        FieldError(name, f"at most {MOST_CHARACTERS} characters are expected")
        for name, text in texts.items()
        if len(text) > MOST_CHARACTERS
    ]
    for name, known in (("action", ACTIONS), ("via", Via.values)):
        if texts[name] and texts[name] not in known:
            errors.append(FieldError(name, f"one of {', '.join(known)} is expected"))
    times: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        times[name] = _moment(texts[name], is_end=name == "until")
        if texts[name] and times[name] is None:
            errors.append(FieldError(name, "a date such as 2026-11-26 or a time is expected"))
    if errors:
        raise Refused("; ".join(map(str, errors)), errors=errors)
    return Search(texts["who"], texts["on"], texts["action"], texts["via"], **times)


def _moment(text: str, *, is_end: bool) -> datetime | None:
    """A date or time, in UTC if it names no zone. The end of a day is the next one's begin.

    None if it is neither, or in the first or last year there is: nothing is added to those.
    """
    try:
        day = parse_date(text)
        at = datetime.combine(day, time(), UTC) if day else parse_datetime(text)
        if at is None:
            return None
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not MINYEAR < at.year < MAXYEAR:
        return None
    return at + timedelta(days=1) if day and is_end else at


def found(search: Search) -> QuerySet[AuditEntry]:
    """The entries, newest first."""
    rows = AuditEntry.objects.order_by("-id")
    if search.action:
        rows = rows.filter(action=search.action)
    if search.via:
        rows = rows.filter(via=search.via)
    if search.who:
        users = _users(search.who)
        rows = rows.filter(Q(actor__in=users) if users else Q(actor_name=search.who))
    if search.on:
        users = _users(search.on)
        named = Q(label=search.on)
        rows = rows.filter(Q(about__in=users) | named if users else named)
    if search.since is not None:
        rows = rows.filter(at__gte=search.since, pk__gte=_first_after(search.since - CLOCKS))
    if search.until is not None:
        rows = rows.filter(at__lt=search.until, pk__lt=_first_after(search.until + CLOCKS))
    return rows


def page(search: Search, *, before: int | None = None, after: int | None = None) -> Page:
    """At most PAGE entries older than the entry `before`, or the next newer ones than `after`."""
    rows = found(search)
    if after is not None:
        newer = list(rows.filter(pk__gt=after).order_by("id")[: PAGE + 1])
        entries = newer[:PAGE][::-1]
        is_first, is_last = len(newer) <= PAGE, False
    else:
        older = list((rows.filter(pk__lt=before) if before is not None else rows)[: PAGE + 1])
        entries = older[:PAGE]
        is_first, is_last = before is None, len(older) <= PAGE
    if not entries:
        return Page([])
    return Page(
        entries,
        before=None if is_last else entries[-1].pk,
        after=None if is_first else entries[0].pk,
    )


def _users(text: str) -> list[int]:
    """The users with this id, or with this in their e-mail."""
    users = get_user_model().objects.order_by("pk")
    named = users.filter(Q(email__icontains=text) | Q(username=text))
    return list(named.values_list("pk", flat=True)[:MOST_USERS])


def _first_after(at: datetime) -> Any:
    """The smallest id of an entry from then on; beyond all of them if there is none."""
    rows = AuditEntry.objects.filter(at__gte=at).order_by("at")
    first = rows.values_list("pk", flat=True).first()
    return first if first is not None else 2**62
