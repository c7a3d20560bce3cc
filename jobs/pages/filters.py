"""Filters of the list of cubes: what the URL asks for, as a query, and as chips to take away.

A page costs the same for a user with ten jobs and with 100,000. The list goes on from a key, not
from an offset; and what is looked for is looked for among `LOOKED_AT` jobs at a time, so a word
that no job has ends in "search older ones" and not in a scan of them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.expressions import OrderBy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hubsite.console.quantities import day_words

from ..models import ACTIVE_STATES, Job, JobQuerySet, State

LOOKED_AT = 20_000
MOST_TEXT_CHARACTERS = 200
MOST_STORE_CHARACTERS = 200
AROUND_A_DAY = 20
"""Jobs of one user that may have their times in another order than their keys."""
FIRST_YEAR, LAST_YEAR = 2000, 2200

STATES: dict[str, tuple[Any, frozenset[State]]] = {
    "active": (gettext_lazy("In progress"), frozenset(ACTIVE_STATES)),
    "waiting": (gettext_lazy("Waiting"), frozenset({State.QUEUED})),
    "running": (gettext_lazy("Running"), frozenset({State.LAUNCHED, State.RUNNING})),
    "ready": (gettext_lazy("Ready"), frozenset({State.SUCCEEDED})),
    "failed": (gettext_lazy("Failed"), frozenset({State.FAILED})),
    "cancelled": (gettext_lazy("Cancelled"), frozenset({State.CANCELLED})),
}
FIRST_STATES = ("active", "ready", "failed", "cancelled")
"""Those that have a chip of their own above the list."""
SORTS: dict[str, Any] = {
    "": gettext_lazy("Newest first"),
    "oldest": gettext_lazy("Oldest first"),
    "name": gettext_lazy("By name"),
    "longest": gettext_lazy("Longest runs first"),
    "price": gettext_lazy("Highest price first"),
}
_ORDERS: dict[str, tuple[Any, ...]] = {
    "name": ("output_data_id", "-pk"),
    "longest": (OrderBy(F("finished_at") - F("started_at"), True, nulls_last=True), "-pk"),
    "price": ("-units", "-pk"),
}
"""Orders that no index has. They sort the newest `LOOKED_AT` jobs, and say so."""


@dataclass(frozen=True)
class Chip:
    """A filter that is in force, and the URL's query without it."""

    words: str
    query: str


@dataclass(frozen=True)
class Filters:
    """What the URL asks for. Nothing in it is as it came: each value has been checked."""

    state: str = ""
    store: str = ""
    text: str = ""
    since: date | None = None
    until: date | None = None
    has_result: bool = False
    sort: str = ""
    before: int | None = None
    """The list goes on after the job of this key; in orders without an index, after so many."""

    @property
    def is_any(self) -> bool:
        return bool(self.values(without=("state", "sort")))

    @property
    def states(self) -> frozenset[State] | None:
        return STATES[self.state][1] if self.state else None

    def values(self, *, without: tuple[str, ...] = ()) -> dict[str, str]:
        """The parameters of the URL, without the place in the list."""
        told = {
            "state": self.state,
            "store": self.store,
            "text": self.text,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "result": "1" if self.has_result else "",
            "sort": self.sort,
        }
        return {name: value for name, value in told.items() if value and name not in without}

    def query(self, *, without: tuple[str, ...] = (), **more: Any) -> str:
        """The same as the query of a URL."""
        return urlencode({**self.values(without=without), **more})

    def chips(self) -> list[Chip]:
        """Each filter in words, in the order of the form."""
        return [Chip(words, self.query(without=(name,))) for name, words in self._in_words()]

    def _in_words(self) -> Iterator[tuple[str, str]]:
        if self.state:
            yield "state", str(STATES[self.state][0])
        if self.text:
            yield "text", _("with “%(text)s”") % {"text": self.text}
        if self.store:
            yield "store", _("in %(store)s") % {"store": self.store}
        if self.since:
            yield "since", _("from %(day)s") % {"day": day_words(self.since.isoformat())}
        if self.until:
            yield "until", _("to %(day)s") % {"day": day_words(self.until.isoformat())}
        if self.has_result:
            yield "result", _("the cube is there")
        if self.sort:
            yield "sort", str(SORTS[self.sort])


@dataclass(frozen=True)
class Found:
    """A page of jobs. `goes_on_after` is the value of `before` for the next one, None at the end.

    `looked_to`: when the last job was made at which this page looked, if there are further jobs
    that it did not look at.
    """

    jobs: list[Job]
    goes_on_after: int | None = None
    looked_to: datetime | None = None


def read(asked: Mapping[str, str]) -> tuple[Filters, list[str]]:
    """The filters of a URL, and what of it cannot be understood, in words."""
    faults: list[str] = []
    state, sort = asked.get("state", ""), asked.get("sort", "")
    if state and state not in STATES:
        faults.append(_("There is no such state. Left out."))
        state = ""
    if sort not in SORTS:
        faults.append(_("There is no such order. Left out."))
        sort = ""
    since, until = (_day(asked.get(name, ""), faults) for name in ("since", "until"))
    if since and until and since > until:
        faults.append(_("The first day is after the last one."))
    before = asked.get("before", "")
    is_key = before.isascii() and before.isdecimal() and len(before) < 19
    return (
        Filters(
            state=state,
            store=_text(asked.get("store", ""), MOST_STORE_CHARACTERS),
            text=_text(asked.get("text", ""), MOST_TEXT_CHARACTERS),
            since=since,
            until=until,
            has_result=asked.get("result") == "1",
            sort=sort,
            before=int(before) if is_key else None,
        ),
        faults,
    )


def find(jobs: JobQuerySet, filters: Filters, *, most: int) -> Found:
    """Up to `most` of these jobs of one user, in six statements at most."""
    rows = _of_days(jobs, filters)
    if filters.sort in _ORDERS:
        return _sorted(rows, filters, most)
    is_upward = filters.sort == "oldest"
    order = "pk" if is_upward else "-pk"
    if filters.before is not None:
        rows = rows.filter(Q(pk__gt=filters.before) if is_upward else Q(pk__lt=filters.before))
    wanted, last = _wanted(filters), None
    if filters.states is not None and len(wanted) == 1:
        rows, wanted = rows.filter(*wanted), []  # an index has the states of each owner
    if wanted and (last := _last_looked_at(rows.order_by(order))) is not None:
        rows = rows.filter(Q(pk__lte=last[0]) if is_upward else Q(pk__gte=last[0]))
    found = list(rows.filter(*wanted).defer("result").order_by(order)[: most + 1])
    shown = found[:most]
    if len(found) > most:
        return Found(shown, goes_on_after=shown[-1].pk)
    return Found(shown, *last) if last is not None else Found(shown)


def _sorted(rows: JobQuerySet, filters: Filters, most: int) -> Found:
    """The same in an order that no index has: all that is looked at is sorted each time."""
    start = min(filters.before or 0, LOOKED_AT)
    looked_to = None
    if (last := _last_looked_at(rows.order_by("-pk"))) is not None:
        rows, looked_to = rows.filter(pk__gte=last[0]), last[1]
    rows = rows.filter(*_wanted(filters)).defer("result").order_by(*_ORDERS[filters.sort])
    found = list(rows[start : start + most + 1])
    more = start + most if len(found) > most else None
    return Found(found[:most], more, looked_to)


def _last_looked_at(rows: JobQuerySet) -> tuple[int, datetime] | None:
    """Key and time of the last job to look at; None if there are fewer."""
    key = rows.values_list("pk", flat=True)[LOOKED_AT - 1 : LOOKED_AT].first()  # by index only
    if key is None:
        return None
    return Job.objects.order_by().values_list("pk", "created_at").filter(pk=key).first()


def _wanted(filters: Filters) -> list[Any]:
    """The conditions that no index answers."""
    wanted: list[Any] = []
    if (states := filters.states) is not None:
        wanted.append(Q(state__in=states))
    if filters.store:
        wanted.append(Q(output_store=filters.store) | Q(input_store=filters.store))
    if filters.text:
        wanted.append(_has_text(filters.text))
    if filters.has_result:
        later = Job.objects.filter(output_claim=OuterRef("output_claim"), pk__gt=OuterRef("pk"))
        later = later.exclude(started_at=None).order_by()
        wanted += [Q(state=State.SUCCEEDED), ~Exists(later)]
    return wanted


def _has_text(text: str) -> Q:
    """Jobs whose cube, or whose first dataset, has this text in its name; or of this id."""
    named = Q(output_data_id__icontains=text) | Q(input_data_id__icontains=text)
    return named | Q(job_id=text.lower())


def _of_days(jobs: JobQuerySet, filters: Filters) -> JobQuerySet:
    """Those of the days, as a range of keys: the index of times says where it begins and ends."""
    rows = jobs
    if filters.since:
        begin = datetime.combine(filters.since, time(), UTC)
        keys = _keys(jobs.filter(created_at__gte=begin).order_by("created_at"))
        rows = rows.filter(created_at__gte=begin, pk__gte=min(keys)) if keys else rows.none()
    if filters.until:
        end = datetime.combine(filters.until + timedelta(days=1), time(), UTC)
        keys = _keys(jobs.filter(created_at__lt=end).order_by("-created_at"))
        rows = rows.filter(created_at__lt=end, pk__lte=max(keys)) if keys else rows.none()
    return rows


def _keys(near: JobQuerySet) -> list[int]:
    return list(near.values_list("pk", flat=True)[:AROUND_A_DAY])


def _day(text: str, faults: list[str]) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or len(text) != 10 or not FIRST_YEAR <= day.year <= LAST_YEAR:
        faults.append(_("A day is written as 2026-11-26. Left out: %(text)s") % {"text": text[:20]})
        return None
    return day


def _text(text: str, most: int) -> str:
    """One line without characters that cannot be seen."""
    return "".join(letter for letter in text[:most] if letter.isprintable()).strip()
