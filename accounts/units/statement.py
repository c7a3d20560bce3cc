"""Statements: what a user's processing units were at the beginning of a month, and what moved them.

A statement counts what is left in all. Units that are set aside for work are still there, so
entries that only set aside or give back are left out, unless they are asked for. Each month is
read by an index on user and time, so that it takes as long with a hundred entries before it as
with a hundred thousand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime

from django.db.models import Q, QuerySet, Sum

from ..models import LedgerEntry, UnitsOfMonth, User
from .monthly import month_of

Kind = LedgerEntry.Kind

HOLDS = (Kind.RESERVE, Kind.RELEASE)
"""What only sets units aside, or gives them back."""
FIRST_YEAR = 2000
"""No month before it is asked for, because no hub is older."""


@dataclass(frozen=True)
class Month:
    """What moved the units of one month. All but `corrected` are positive, as a rule.

    `spent` is less what was given back.
    """

    first: date
    opening: int
    granted: int = 0
    spent: int = 0
    expired: int = 0
    corrected: int = 0

    @property
    def closing(self) -> int:
        return self.opening + self.granted - self.spent - self.expired + self.corrected

    @property
    def name(self) -> str:
        """`2026-11`, as in the addresses of statements."""
        return f"{self.first:%Y-%m}"


def parse_month(text: str) -> date:
    """The first day of `YYYY-MM`. Raises ValueError."""
    if len(text) != 7 or not text.isascii():
        raise ValueError("a month such as 2027-01 is expected")
    first = date.fromisoformat(f"{text}-01")
    if not FIRST_YEAR <= first.year < MAXYEAR:
        raise ValueError("a month such as 2027-01 is expected")
    return first


def before(first: date, months: int = 1) -> date:
    """The first day of the month that is so many months before."""
    number = first.year * 12 + first.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def begin_of(user: User) -> date | None:
    """The month of the user's first entry; None if there is none."""
    at = _entries(user).order_by("created_at", "pk").values_list("created_at", flat=True).first()
    return at.astimezone(UTC).date().replace(day=1) if at else None


def months(user: User, last: date, count: int) -> list[Month]:
    """So many months up to that of `last`, oldest first. Two queries."""
    firsts = [before(last.replace(day=1), number) for number in reversed(range(count))]
    rows = UnitsOfMonth.objects.filter(user=user, month__in=firsts).order_by()
    sums = {
        month: numbers
        for month, *numbers in rows.values_list("month").annotate(
            Sum("granted"), Sum("charged"), Sum("expired"), Sum("corrected")
        )
    }
    opening = opening_of(user, firsts[0])
    found = []
    for first in firsts:
        found.append(Month(first, opening, *sums.get(first, ())))
        opening = found[-1].closing
    return found


def spent_by_purpose(user: User, last: date, count: int) -> list[tuple[date, dict[str, int]]]:
    """By month, oldest first: what was spent on each purpose, less what was given back. One query.

    It reads sums that the ledger keeps, so it takes as long with a hundred thousand entries.
    """
    firsts = [before(last.replace(day=1), number) for number in reversed(range(count))]
    rows = UnitsOfMonth.objects.filter(user=user, month__in=firsts).exclude(charged=0)
    spent: dict[date, dict[str, int]] = defaultdict(dict)
    for month, purpose, charged in rows.values_list("month", "purpose", "charged"):
        spent[month][purpose] = charged
    return [(first, spent[first]) for first in firsts]


def opening_of(user: User, first: date) -> int:
    """The units in all before the first moment of this day. One query."""
    rows = _entries(user).filter(created_at__lt=_midnight(first))
    newest = rows.order_by("-created_at", "-pk").values_list("total_after", flat=True)
    return newest.first() or 0


def movements(
    user: User, first: date | None = None, *, with_holds: bool = False
) -> QuerySet[LedgerEntry]:
    """The entries of that month, or of all, newest first; holds only if asked for."""
    rows = _entries(user).order_by("-created_at", "-pk")
    if first is not None:
        after = month_of(first)[1]
        rows = rows.filter(created_at__gte=_midnight(first), created_at__lt=_midnight(after))
    return rows if with_holds else rows.exclude(kind__in=HOLDS)


def older_than(rows: QuerySet[LedgerEntry], entry: LedgerEntry) -> QuerySet[LedgerEntry]:
    """Those of the rows that come after this entry in the list."""
    at = entry.created_at
    return rows.filter(created_at__lte=at).filter(Q(created_at__lt=at) | Q(pk__lt=entry.pk))


def own_entry(user: User, key: str) -> LedgerEntry | None:
    """The user's entry of that number; None if it is another's, or no number."""
    if not (key.isascii() and key.isdecimal() and len(key) < 19):
        return None
    return _entries(user).filter(pk=int(key)).first()


def _entries(user: User) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(user=user)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def references_of(entries: Collection[LedgerEntry]) -> set[str]:
    return {entry.reference for entry in entries if entry.reference}
