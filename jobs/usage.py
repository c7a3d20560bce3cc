"""Usage: jobs and processing units by user, month of their end, and output store.

The sums are kept (`JobMonth`), so that they are read in a moment however many jobs there are.
Each end of a job and each charge adds to them in its own transaction: what is killed before its
commit has changed neither the job nor the sums. `manage.py recount_usage` counts anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime

from django.db import IntegrityError, transaction
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    DateField,
    F,
    OuterRef,
    Q,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Coalesce, TruncMonth

from accounts.models import LedgerEntry, User
from accounts.units import ledger, month_sums
from hubsite.refusals import Refused
from hubsite.spreadsheet import csv_lines

from .models import FINAL_STATES, Job, JobMonth, State

_COLUMNS = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}


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
    rows = JobMonth.objects.order_by("owner__email", "month", "store")
    if user is not None:
        rows = rows.filter(owner=user)
    if first is not None:
        rows = rows.filter(month__gte=first.replace(day=1))
    if last is not None:
        rows = rows.filter(month__lte=last)
    return [
        Usage(email, f"{month:%Y-%m}", store, sum(numbers), *numbers, units)
        for email, month, store, *numbers, units in rows.values_list(
            "owner__email", "month", "store", *_COLUMNS.values(), "units"
        )
    ]


@dataclass(frozen=True)
class Ended:
    jobs: int
    succeeded: int


def ended(user: User) -> Ended:
    """How many jobs of the user have ended, and how many of them well. One query."""
    rows = JobMonth.objects.filter(owner=user)
    sums = rows.aggregate(**{name: Sum(name, default=0) for name in _COLUMNS.values()})
    return Ended(sum(sums.values()), sums["succeeded"])


def count_end(job: Job, to: State, finished_at: datetime) -> None:
    """Add a job that ends to the sums. Call it in the transaction that ends it, before its bill."""
    month = finished_at.astimezone(UTC).date().replace(day=1)
    key = {"owner_id": job.owner_id, "month": month, "store": job.output_store}
    column = _COLUMNS[to]
    rows = JobMonth.objects.filter(**key)
    if rows.update(**{column: F(column) + 1}):
        return
    try:
        with transaction.atomic():
            JobMonth.objects.create(**key, **{column: 1})
    except IntegrityError:  # another job made the row meanwhile
        rows.update(**{column: F(column) + 1})


def note_charge(reference: str, units: int) -> None:
    """Add what a job was charged to the month of its end (negative: was given back)."""
    job = Job.objects.filter(job_id=reference).order_by()
    month = TruncMonth("finished_at", output_field=DateField(), tzinfo=UTC)
    JobMonth.objects.filter(
        owner=Subquery(job.values("owner")),
        store=Subquery(job.values("output_store")),
        month=Subquery(job.annotate(month=month).values("month")),
    ).update(units=F("units") + units)


def recount(user: User) -> int:
    """Count the user's sums anew from jobs and ledger; returns how many were wrong, also of units.

    The sums are locked, and so is the balance: ends and charges meanwhile wait, and add to what
    is counted here.
    """
    with transaction.atomic():
        ledger.locked_balance(user)
        wrong = month_sums.recount(user)
        rows = JobMonth.objects.filter(owner=user).select_for_update()
        kept = {(row.month, row.store): row for row in rows.order_by("pk")}
        for (month, store), numbers in _counted(user).items():
            row = kept.pop((month, store), None) or JobMonth(owner=user, month=month, store=store)
            if row.pk and all(getattr(row, name) == n for name, n in numbers.items()):
                continue
            for name, number in numbers.items():
                setattr(row, name, number)
            row.save()
            wrong += 1
        JobMonth.objects.filter(pk__in=[row.pk for row in kept.values()]).delete()
    return wrong + len(kept)


def _counted(user: User) -> dict[tuple[date, str], dict[str, int]]:
    """The sums as jobs and ledger have them, by month and store. It reads all jobs of the user."""
    charged = (
        LedgerEntry.objects.filter(reference=OuterRef("job_id"), kind__in=ledger.CHARGES)
        .order_by()
        .values("reference")
        .annotate(sum=Sum("delta_total"))
    )
    month = TruncMonth("finished_at", output_field=DateField(), tzinfo=UTC)
    jobs = Job.objects.filter(owner=user, state__in=FINAL_STATES, finished_at__isnull=False)
    rows = (
        jobs.annotate(
            month=month,
            charged=Subquery(charged.values("sum"), output_field=BigIntegerField()),
        )
        .order_by()
        .values("month", "output_store")
        .annotate(
            **{name: _number_of(state) for state, name in _COLUMNS.items()},
            units=Coalesce(Sum(-F("charged")), 0, output_field=BigIntegerField()),
        )
    )
    return {(row.pop("month"), row.pop("output_store")): row for row in rows}


def _number_of(state: State) -> Count:
    return Count(Case(When(Q(state=state), then=1)))


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
