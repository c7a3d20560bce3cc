"""Statements: what a user's processing units were at the beginning of a month, and what moved them.

A statement counts what is left in all. Units that are set aside for work are still there, so
entries that only set aside or give back are left out, unless they are asked for. Each month is
read by an index on user and time, so that it takes as long with a hundred entries before it as
with a hundred thousand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, date, datetime

from django.db.models import Case, CharField, IntegerField, Q, QuerySet, Sum, Value, When

from ..models import LedgerEntry, User
from . import purposes
from .ledger import CHARGES
from .monthly import month_of

Kind = LedgerEntry.Kind

HOLDS = (Kind.RESERVE, Kind.RELEASE)
"""What only sets units aside, or gives them back."""
FIRST_YEAR = 2000
"""No month before it is asked for, because no hub is older."""


@dataclass(frozen=True)
class Month:
    """What moved the units of one month, by kind of entry; signed."""

    first: date
    opening: int
    sums: Mapping[str, int] = field(default_factory=dict)

    @property
    def closing(self) -> int:
        return self.opening + sum(self.sums.values())

    @property
    def granted(self) -> int:
        return self.sums.get(Kind.GRANT, 0)

    @property
    def spent(self) -> int:
        """As a positive number, less what was given back."""
        return -self.sums.get(Kind.SETTLE, 0) - self.sums.get(Kind.REFUND, 0)

    @property
    def expired(self) -> int:
        """As a positive number."""
        return -self.sums.get(Kind.EXPIRE, 0)

    @property
    def corrected(self) -> int:
        return self.sums.get(Kind.CORRECT, 0) + self.sums.get(Kind.OVERRIDE, 0)

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
    sums: dict[int, dict[str, int]] = defaultdict(dict)
    rows = _entries(user).filter(
        created_at__gte=_midnight(firsts[0]), created_at__lt=_midnight(month_of(firsts[-1])[1])
    )
    grouped = rows.order_by().annotate(month=_number_of(firsts)).values_list("month", "kind")
    for month, kind, total in grouped.annotate(total=Sum("delta_total")):
        sums[month][kind] = total
    opening = opening_of(user, firsts[0])
    found = []
    for number, first in enumerate(firsts):
        found.append(Month(first, opening, sums[number]))
        opening = found[-1].closing
    return found


def spent_by_purpose(user: User, last: date, count: int) -> list[tuple[date, dict[str, int]]]:
    """By month, oldest first: what was spent on each purpose, less what was given back. One query.

    It reads the entries themselves, so it takes longer than `months`.
    """
    firsts = [before(last.replace(day=1), number) for number in reversed(range(count))]
    spent: dict[int, dict[str, int]] = defaultdict(dict)
    rows = _entries(user).filter(
        created_at__gte=_midnight(firsts[0]),
        created_at__lt=_midnight(month_of(firsts[-1])[1]),
        kind__in=CHARGES,
    )
    its = purposes.registered()
    purpose_of = Case(
        *(When(one.condition, then=Value(one.name)) for one in its),
        default=Value(""),
        output_field=CharField(),
    )
    grouped = rows.order_by().annotate(month=_number_of(firsts), purpose=purpose_of)
    for month, purpose, total in grouped.values_list("month", "purpose").annotate(
        total=Sum("delta_total")
    ):
        spent[month][purpose] = -total
    return [(first, spent[number]) for number, first in enumerate(firsts)]


def opening_of(user: User, first: date) -> int:
    """The units in all before the first moment of this day. One query."""
    rows = _entries(user).filter(created_at__lt=_midnight(first))
    newest = rows.order_by("-created_at", "-pk").values_list("total_after", flat=True)
    return newest.first() or 0


def movements(
    user: User, first: date | None = None, *, with_holds: bool = False
) -> QuerySet[LedgerEntry]:
    """The entries of that month, or all, newest first. Without holds, if not asked for."""
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


def _number_of(firsts: Sequence[date]) -> Case:
    """The position among `firsts` of an entry's month. No function of dates, which are slow."""
    return Case(
        *(
            When(created_at__gte=_midnight(first), then=Value(number))
            for number, first in reversed(list(enumerate(firsts)))
        ),
        output_field=IntegerField(),
    )


def _entries(user: User) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(user=user)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def references_of(entries: Collection[LedgerEntry]) -> set[str]:
    return {entry.reference for entry in entries if entry.reference}
