"""What moved a user's units in each month, by purpose: sums that are kept beside the ledger.

The ledger adds to them in the transaction of each movement, while the user's balance is locked. So
they are right whatever is killed when, and a statement takes as long with a million entries.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime

from django.db import transaction
from django.db.models import F

from ..models import LedgerEntry, UnitsOfMonth, User
from . import purposes

Kind = LedgerEntry.Kind

_COLUMNS = {
    Kind.GRANT: ("granted", 1),
    Kind.SETTLE: ("charged", -1),
    Kind.REFUND: ("charged", -1),
    Kind.EXPIRE: ("expired", -1),
    Kind.CORRECT: ("corrected", 1),
    Kind.OVERRIDE: ("corrected", 1),
}
"""Where a movement is added, and with which sign. Holds move nothing."""


def add(user: User, kind: str, total: int, at: datetime, reference: str) -> None:
    """Add a movement. The user's balance is locked."""
    if kind not in _COLUMNS or not total:
        return
    column, sign = _COLUMNS[kind]
    month, purpose = _key(at, reference)
    rows = UnitsOfMonth.objects.filter(user=user, month=month, purpose=purpose)
    if not rows.update(**{column: F(column) + sign * total}):
        UnitsOfMonth.objects.create(
            user=user, month=month, purpose=purpose, **{column: sign * total}
        )


def recount(user: User) -> int:
    """Count the user's sums anew from the entries; returns how many were wrong.

    Call it while the user's balance is locked. It reads all entries of the user.
    """
    right: dict[tuple[date, str], Counter[str]] = defaultdict(Counter)
    entries = LedgerEntry.objects.filter(user=user, kind__in=_COLUMNS).exclude(delta_total=0)
    for kind, total, at, reference in entries.order_by().values_list(
        "kind", "delta_total", "created_at", "reference"
    ):
        column, sign = _COLUMNS[Kind(kind)]
        right[_key(at, reference)][column] += sign * total
    wrong = 0
    names = {column for column, _ in _COLUMNS.values()}
    with transaction.atomic():
        for row in UnitsOfMonth.objects.filter(user=user).order_by("pk"):
            sums = right.pop((row.month, row.purpose), Counter())
            if any(getattr(row, name) != sums[name] for name in names):
                for name in names:
                    setattr(row, name, sums[name])
                row.save()
                wrong += 1
        for (month, purpose), sums in right.items():
            UnitsOfMonth.objects.create(user=user, month=month, purpose=purpose, **sums)
    return wrong + len(right)


def _key(at: datetime, reference: str) -> tuple[date, str]:
    purpose = purposes.purpose_of(reference)
    return at.astimezone(UTC).date().replace(day=1), purpose.name if purpose else ""
