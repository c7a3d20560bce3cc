"""Usage: jobs and processing units by user, month of their end, and output store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import MAXYEAR, UTC, date, datetime

from django.db.models import BigIntegerField, Case, Count, F, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce, TruncMonth

from accounts.models import LedgerEntry
from accounts.units import ledger
from hubsite.refusals import Refused
from hubsite.spreadsheet import csv_lines

from .models import FINAL_STATES, Job, State


@dataclass(frozen=True)
class Usage:
    """One row: the jobs of a user that ended in a month, with output in one store."""

    email: str
    month: str
    store: str
    jobs: int
    succeeded: int
    failed: int
    cancelled: int
    units: int


def usage(
    *, user: object | None = None, first: date | None = None, last: date | None = None
) -> list[Usage]:
    """By e-mail, month and store. `first` and `last` are days in the first and last month.

    One query. Units are what was charged and not given back, not what was reserved.
    Raises Refused if `last` is before `first`.
    """
    if (
        first is not None
        and last is not None
        and (last.year, last.month) < (first.year, first.month)
    ):
        raise Refused("expected no month before the first", field="to")
    jobs = Job.objects.filter(state__in=FINAL_STATES)
    if user is not None:
        jobs = jobs.filter(owner=user)
    if first is not None:
        jobs = jobs.filter(finished_at__gte=datetime(first.year, first.month, 1, tzinfo=UTC))
    if last is not None:
        jobs = jobs.filter(finished_at__lt=_month_after(last))
    charged = (
        LedgerEntry.objects.filter(reference=OuterRef("job_id"), kind__in=ledger.CHARGES)
        .order_by()
        .values("reference")
        .annotate(sum=Sum("delta_total"))
    )
    rows = (
        jobs.annotate(
            month=TruncMonth("finished_at", tzinfo=UTC),
            charged=Subquery(charged.values("sum"), output_field=BigIntegerField()),
        )
        .order_by("owner__email", "month", "output_store")
        .values_list("owner__email", "month", "output_store")
        .annotate(
            jobs=Count("pk"),
            succeeded=_number_of(State.SUCCEEDED),
            failed=_number_of(State.FAILED),
            cancelled=_number_of(State.CANCELLED),
            units=Coalesce(Sum(-F("charged")), 0, output_field=BigIntegerField()),
        )
    )
    return [
        Usage(email, f"{month:%Y-%m}", store, *numbers) for email, month, store, *numbers in rows
    ]


def _number_of(state: State) -> Count:
    return Count(Case(When(Q(state=state), then=1)))


def _month_after(day: date) -> datetime:
    if (day.year, day.month) == (MAXYEAR, 12):
        return datetime.max.replace(tzinfo=UTC)
    if day.month == 12:
        return datetime(day.year + 1, 1, 1, tzinfo=UTC)
    return datetime(day.year, day.month + 1, 1, tzinfo=UTC)


def as_documents(rows: Iterable[Usage]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


def as_csv(rows: Iterable[Usage]) -> str:
    """CSV (RFC 4180) in which no cell is a formula, because users choose their e-mails."""
    titles = [field.name for field in fields(Usage)]
    return "".join(csv_lines(titles, (asdict(row).values() for row in rows)))


def month(text: str) -> date:
    """The first day of `YYYY-MM`. Raises ValueError."""
    if len(text) != 7:
        raise ValueError
    return date.fromisoformat(f"{text}-01")
