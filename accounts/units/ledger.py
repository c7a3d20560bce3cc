"""The ledger: grant processing units, reserve them for a job, settle or release them once.

Every function locks the user's balance row first. So the movements of one user are serialised,
and a repeated idempotency key is found before it violates its constraint, which would abort the
caller's transaction. Each movement is also a guarded update, and constraints of the database
allow one reservation and one closing per reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Replace
from django.utils import timezone

from hubsite import audit
from hubsite.compiled_queries import CompiledQuery

from ..models import Balance, LedgerEntry, User
from . import month_sums, purposes

MAX_UNITS = 10**12  # per movement, so that sums stay far below a BIGINT

Kind = LedgerEntry.Kind
CHARGES = (Kind.SETTLE, Kind.REFUND)
"""The kinds whose sum, times -1, is what was charged."""
_ACTIONS = {
    Kind.GRANT: "units.granted",
    Kind.OVERRIDE: "units.overridden",
    Kind.CORRECT: "units.corrected",
    Kind.REFUND: "units.refunded",
}
"""What people do, and how the audit calls it; the rest is done by jobs and by time."""


class InsufficientUnits(Exception):
    """A reservation needs `required` units, but only `available` are free."""

    def __init__(self, *, required: int, available: int) -> None:
        self.required = required
        self.available = available
        super().__init__(f"{required} processing units are required, {available} are available")


class NoReservation(LookupError):
    """No units were reserved for this reference."""


class MoreThanCharged(ValueError):
    """A refund of more than what is left of the charge."""

    def __init__(self, *, left: int) -> None:
        self.left = left
        super().__init__(f"at most {left} processing units can be given back")


class IdempotencyKeyReused(ValueError):
    """The key belongs to a movement of another user or another kind."""


_BALANCE = CompiledQuery(
    lambda user_id: Balance.objects.filter(user_id=user_id).order_by(), user_id=-1
)


def balance_of(user: User) -> Balance:
    """What `user` has now; an unsaved balance of zero if no units were ever granted."""
    return _BALANCE.first(user_id=user.pk) or Balance()


def available(user: User) -> int:
    """The units that `user` can reserve now."""
    return balance_of(user).available


def grant(
    user: User, units: int, *, key: str, reason: str = "", actor: User | str | None = None
) -> LedgerEntry:
    """Add `units`. Like all below, a repeated `key` has no effect and returns the first entry.

    `actor` is who did it: a user of the hub, or the name of somebody at the command line.
    """
    _check_units(units, least=1)
    return _move(user, Kind.GRANT, units, key=key, total=units, reason=reason, actor=actor)


def correct(
    user: User, units: int, *, key: str, reason: str = "", actor: User | str | None = None
) -> LedgerEntry:
    """Add or, if negative, take `units`. Raises InsufficientUnits if the total is less."""
    _check_units(units, least=-MAX_UNITS)
    return _move(user, Kind.CORRECT, units, key=key, total=units, reason=reason, actor=actor)


def expire(user: User, units: int, *, key: str, reason: str = "") -> LedgerEntry:
    """Take `units` that have expired. Raises InsufficientUnits if the total is less."""
    _check_units(units, least=1)
    return _move(user, Kind.EXPIRE, units, key=key, total=-units, reason=reason)


@transaction.atomic
def override(
    user: User, total: int, *, key: str, reason: str = "", actor: User | str | None = None
) -> LedgerEntry:
    """Set the user's total, reserved units included, to `total`."""
    _check_units(total)
    balance = locked_balance(user)
    return _move(
        user,
        Kind.OVERRIDE,
        total,
        key=key,
        total=total - balance.total,
        reason=reason,
        actor=actor,
        balance=balance,
    )


def reserve(user: User, units: int, *, reference: str, key: str) -> LedgerEntry:
    """Set `units` (0 is legal) aside for the job `reference`.

    Raises InsufficientUnits, and then nothing has changed.
    """
    _check_units(units)
    if not reference:
        raise ValueError("A reservation needs a reference: it is closed by it.")
    return _move(user, Kind.RESERVE, units, key=key, reserved=units, reference=reference)


def settle(
    reference: str, *, charged: int | None = None, actual: int | None = None, reason: str = ""
) -> bool:
    """Charge the units reserved for `reference`; False if they were settled or released before.

    `charged`: charge only so many of them, and give back the rest. `actual` units are recorded
    with it. If an override left less than is charged, the total becomes 0.
    """
    return _close(reference, Kind.SETTLE, charged=charged, actual=actual, reason=reason)


def release(reference: str, *, actual: int | None = None, reason: str = "") -> bool:
    """Give back the units reserved for `reference`; False if they were closed before."""
    return _close(reference, Kind.RELEASE, actual=actual, reason=reason)


def charged_for(reference: str) -> int:
    """The units that `reference` was charged, less those that were given back."""
    moved = LedgerEntry.objects.filter(reference=reference, kind__in=CHARGES)
    return -(moved.order_by().aggregate(sum=Sum("delta_total"))["sum"] or 0)


@transaction.atomic
def refund(
    reference: str, units: int, *, key: str, reason: str, actor: User | str | None = None
) -> LedgerEntry:
    """Give back `units` of what `reference` was charged; they do not expire.

    A repeated `key` has no effect and returns the first entry. Raises NoReservation if nothing
    was reserved for it, MoreThanCharged if less is left of the charge.
    """
    _check_units(units, least=1)
    reservation = (
        LedgerEntry.objects.reservation(reference).select_related("user").order_by().first()
    )
    if reservation is None:
        raise NoReservation(f"No processing units were reserved for {reference!r}.")
    balance = locked_balance(reservation.user)
    if not LedgerEntry.objects.filter(idempotency_key=key).exists():
        left = charged_for(reference)
        if units > left:
            raise MoreThanCharged(left=left)
    return _move(
        reservation.user,
        Kind.REFUND,
        units,
        key=key,
        total=units,
        reference=reference,
        reason=reason,
        actor=actor,
        balance=balance,
    )


@transaction.atomic
def _close(
    reference: str,
    kind: Kind,
    *,
    charged: int | None = None,
    actual: int | None,
    reason: str,
) -> bool:
    reservation = (
        LedgerEntry.objects.reservation(reference).select_related("user").order_by().first()
    )
    if reservation is None:
        raise NoReservation(f"No processing units were reserved for {reference!r}.")
    balance = locked_balance(reservation.user)
    if LedgerEntry.objects.closing(reference).exists():
        return False
    charged = reservation.units if charged is None else min(charged, reservation.units)
    charged = min(charged, balance.total) if kind == Kind.SETTLE else 0
    _move(
        reservation.user,
        kind,
        reservation.units,
        key=f"close:{reference}",
        total=-charged,
        reserved=-reservation.units,
        reference=reference,
        actual=actual,
        reason=reason,
        balance=balance,
    )
    return True


@transaction.atomic
def _move(
    user: User,
    kind: Kind,
    units: int,
    *,
    key: str,
    total: int = 0,
    reserved: int = 0,
    reference: str = "",
    actual: int | None = None,
    reason: str = "",
    actor: User | str | None = None,
    balance: Balance | None = None,
) -> LedgerEntry:
    """Change the balance by `total` and `reserved`, and write the entry."""
    if not key:
        raise ValueError("A movement needs an idempotency key.")
    balance = balance or locked_balance(user)
    first = LedgerEntry.objects.filter(idempotency_key=key).first()
    if first is not None:
        if (first.user_id, first.kind, first.reference) != (user.pk, kind, reference):
            raise IdempotencyKeyReused(f"The key {key!r} belongs to another movement.")
        return first
    guard = Q(total__gte=-total, reserved__gte=-reserved)
    if reserved > 0:
        guard &= Q(total__gte=F("reserved") + reserved)
    rows = Balance.objects.filter(guard, pk=balance.pk).update(
        total=F("total") + total, reserved=F("reserved") + reserved
    )
    if rows != 1:
        if kind in (Kind.SETTLE, Kind.RELEASE):
            raise RuntimeError(f"The balance of {user} is broken; see `manage.py check_ledger`.")
        raise InsufficientUnits(
            required=abs(units), available=balance.available if reserved else balance.total
        )
    now = timezone.now()
    month_sums.add(user, kind, total, now, reference)
    if kind in _ACTIONS and actor not in (None, audit.HUB):
        audit.record(
            _ACTIONS[kind],
            actor=actor,
            on=user,
            detail=", ".join(filter(None, (f"{units:+d}", reference, reason))),
        )
    entry = LedgerEntry.objects.create(
        user=user,
        kind=kind,
        units=units,
        actual_units=actual,
        delta_total=total,
        delta_reserved=reserved,
        total_after=balance.total + total,
        reserved_after=balance.reserved + reserved,
        reference=reference,
        idempotency_key=key,
        reason=reason[:500],
        actor=actor if isinstance(actor, User) else None,
        actor_name=actor[:100] if isinstance(actor, str) else "",
        created_at=now,
    )
    if kind in CHARGES and total:
        purposes.note_charge(reference, -total)
    return entry


def rename(user: User, old: str, new: str) -> None:
    """Replace the user id in the names of the user's entries, because the person is deleted.

    It is the only change of entries. Amounts, times and reasons stay.
    """
    QuerySet(LedgerEntry).filter(user=user).update(
        reference=Replace(F("reference"), Value(old), Value(new)),
        idempotency_key=Replace(F("idempotency_key"), Value(old), Value(new)),
    )


def locked_balance(user: User) -> Balance:
    """The user's balance row, created if missing, locked until the transaction ends.

    PostgreSQL locks the row. On SQLite the transaction has held the only write lock since its
    BEGIN IMMEDIATE.
    """
    rows = Balance.objects.select_for_update().filter(user=user)
    balance = rows.first()
    if balance is None:
        try:
            with transaction.atomic():
                Balance.objects.create(user=user)
        except IntegrityError:
            pass  # another request made it
        balance = rows.get()
    return balance


def _check_units(units: int, *, least: int = 0) -> None:
    if isinstance(units, bool) or not isinstance(units, int):
        raise TypeError(f"Processing units are an integer, not {units!r}.")
    if not least <= units <= MAX_UNITS:
        raise ValueError(f"Processing units must be {least} to {MAX_UNITS}, not {units}.")


@dataclass(frozen=True)
class Difference:
    """A user whose balance differs from the sum of the entries."""

    email: str
    total: int
    reserved: int
    entries_total: int
    entries_reserved: int

    def __str__(self) -> str:
        return (
            f"{self.email}: balance total {self.total}, reserved {self.reserved}; "
            f"entries add up to total {self.entries_total}, reserved {self.entries_reserved}"
        )


def check_ledger() -> list[Difference]:
    """All users whose balance differs from the sum of their entries. One query."""
    return list(_differences())


def _differences() -> Iterator[Difference]:
    # One statement sees one snapshot, so movements during the check are no differences.
    def entries(field: str) -> Coalesce:
        return Coalesce(Sum(f"ledger_entries__{field}"), 0, output_field=BigIntegerField())

    rows = (
        User.objects.order_by("pk")
        .values_list("email")
        .annotate(
            total=Coalesce("balance__total", 0),
            reserved=Coalesce("balance__reserved", 0),
            entries_total=entries("delta_total"),
            entries_reserved=entries("delta_reserved"),
        )
        .exclude(total=F("entries_total"), reserved=F("entries_reserved"))
    )
    for row in rows.iterator():
        yield Difference(*row)
