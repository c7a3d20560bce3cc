"""Processing units: exact, idempotent, and told by entries that nobody changes."""

from __future__ import annotations

import itertools

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Balance, LedgerEntry
from accounts.models.ledger import LedgerEntryIsFinal
from accounts.units import ledger
from accounts.units.ledger import (
    IdempotencyKeyReused,
    InsufficientUnits,
    MoreThanCharged,
    NoReservation,
)
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


def balance_of(user) -> tuple[int, int]:
    balance = Balance.objects.get(user=user)
    return balance.total, balance.reserved


def test_a_new_user_has_nothing():
    user = make_user()
    assert ledger.available(user) == 0
    with pytest.raises(InsufficientUnits) as refused:
        ledger.reserve(user, 1, reference="job", key="k")
    assert (refused.value.required, refused.value.available) == (1, 0)
    assert not LedgerEntry.objects.exists()


def test_a_grant_adds_and_tells_who_and_why():
    user, operator = make_user(), make_user()
    entry = ledger.grant(user, 40, key="k", reason="trial", actor=operator)
    assert (entry.kind, entry.units, entry.delta_total, entry.total_after) == ("grant", 40, 40, 40)
    assert (entry.reason, entry.actor) == ("trial", operator)
    assert ledger.available(user) == 40


def test_a_reservation_leaves_the_total_and_lessens_what_is_available():
    user = make_user(units=40)
    entry = ledger.reserve(user, 15, reference="job", key="k")
    assert (entry.delta_total, entry.delta_reserved, entry.reserved_after) == (0, 15, 15)
    assert balance_of(user) == (40, 15)
    assert ledger.available(user) == 25
    with pytest.raises(InsufficientUnits) as refused:
        ledger.reserve(user, 26, reference="other", key="k2")
    assert (refused.value.required, refused.value.available) == (26, 25)
    ledger.reserve(user, 25, reference="other", key="k2")
    assert ledger.available(user) == 0


def test_a_settlement_charges_what_was_reserved_and_records_the_actual_beside_it():
    user = make_user(units=40)
    ledger.reserve(user, 15, reference="job", key="k")
    assert ledger.settle("job", actual=7, reason="succeeded") is True
    entry = LedgerEntry.objects.closing("job").get()
    assert (entry.kind, entry.units, entry.actual_units) == ("settle", 15, 7)
    assert (entry.delta_total, entry.delta_reserved) == (-15, -15)
    assert balance_of(user) == (25, 0)


def test_a_release_gives_everything_back():
    user = make_user(units=40)
    ledger.reserve(user, 15, reference="job", key="k")
    assert ledger.release("job") is True
    assert balance_of(user) == (40, 0)


@pytest.mark.parametrize("first", [ledger.settle, ledger.release])
@pytest.mark.parametrize("second", [ledger.settle, ledger.release])
def test_a_reservation_is_closed_once_by_whichever_comes_first(first, second):
    user = make_user(units=40)
    ledger.reserve(user, 15, reference="job", key="k")
    assert first("job") is True
    before = balance_of(user), LedgerEntry.objects.count()
    assert second("job") is False
    assert (balance_of(user), LedgerEntry.objects.count()) == before


def test_what_was_never_reserved_cannot_be_closed():
    with pytest.raises(NoReservation, match="nothing-like-it"):
        ledger.settle("nothing-like-it")
    with pytest.raises(NoReservation):
        ledger.release("")


def test_a_reservation_of_nothing_is_one_even_for_who_has_nothing():
    user = make_user()
    ledger.reserve(user, 0, reference="job", key="k")
    assert ledger.settle("job") is True
    assert ledger.release("job") is False
    assert balance_of(user) == (0, 0)


def test_an_override_sets_the_total():
    user = make_user(units=40)
    assert ledger.override(user, 100, key="more").delta_total == 60
    assert ledger.override(user, 10, key="less").delta_total == -90
    assert balance_of(user) == (10, 0)


def test_below_what_is_reserved_an_override_leaves_nothing_available_and_never_less_than_zero():
    user = make_user(units=40)
    ledger.reserve(user, 30, reference="job", key="k")
    ledger.override(user, 10, key="less")
    assert ledger.available(user) == 0
    with pytest.raises(InsufficientUnits):
        ledger.reserve(user, 1, reference="other", key="k2")
    assert ledger.settle("job") is True
    entry = LedgerEntry.objects.closing("job").get()
    assert (entry.units, entry.delta_total, entry.delta_reserved) == (30, -10, -30)
    assert balance_of(user) == (0, 0)
    assert ledger.check_ledger() == []


def test_nothing_can_be_reserved_from_nothing_while_more_is_reserved_than_there_is():
    user = make_user(units=40)
    ledger.reserve(user, 30, reference="job", key="k")
    ledger.override(user, 10, key="less")
    with pytest.raises(InsufficientUnits):
        ledger.reserve(user, 1, reference="paid", key="k2")
    ledger.reserve(user, 0, reference="free", key="k3")
    assert balance_of(user) == (10, 30)


def test_a_correction_adds_or_takes_but_never_more_than_there_is():
    user = make_user(units=40)
    ledger.correct(user, -15, key="take", reason="counted twice")
    ledger.correct(user, 5, key="give")
    assert balance_of(user) == (30, 0)
    with pytest.raises(InsufficientUnits):
        ledger.correct(user, -31, key="too much")


def test_a_repeated_key_has_no_effect_and_returns_the_first_entry():
    user = make_user()
    first = ledger.grant(user, 40, key="k")
    assert ledger.grant(user, 99, key="k") == first
    reserved = ledger.reserve(user, 40, reference="job", key="r")
    assert ledger.reserve(user, 40, reference="job", key="r") == reserved
    set_to = ledger.override(user, 50, key="o")
    ledger.grant(user, 1, key="later")
    assert ledger.override(user, 50, key="o") == set_to
    assert balance_of(user) == (51, 40)


def test_a_key_of_another_movement_is_refused_and_spoils_no_transaction():
    user, other = make_user(), make_user()
    with transaction.atomic():
        ledger.grant(user, 40, key="k")
        with pytest.raises(IdempotencyKeyReused):
            ledger.grant(other, 40, key="k")
        with pytest.raises(IdempotencyKeyReused):
            ledger.override(user, 40, key="k")
        ledger.grant(other, 1, key="k2")
    assert (ledger.available(user), ledger.available(other)) == (40, 1)


def test_a_refused_reservation_spoils_no_transaction():
    user = make_user(units=1)
    with transaction.atomic():
        with pytest.raises(InsufficientUnits):
            ledger.reserve(user, 2, reference="job", key="k")
        ledger.reserve(user, 1, reference="job", key="k")
    assert balance_of(user) == (1, 1)


def test_what_a_caller_rolls_back_never_happened():
    user = make_user(units=10)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ledger.reserve(user, 4, reference="job", key="k")
        raise ZeroDivisionError
    assert balance_of(user) == (10, 0)
    ledger.reserve(user, 4, reference="job", key="k")
    assert balance_of(user) == (10, 4)


def test_one_reservation_per_reference():
    user = make_user(units=10)
    ledger.reserve(user, 1, reference="job", key="k")
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.reserve(user, 1, reference="job", key="k2")
    assert balance_of(user) == (10, 1)


@pytest.mark.parametrize("units", [-1, 10**12 + 1])
def test_units_out_of_range_are_refused(units):
    user = make_user()
    for move in (ledger.grant, ledger.override):
        with pytest.raises(ValueError, match="Processing units"):
            move(user, units, key="k")
    with pytest.raises(ValueError, match="Processing units"):
        ledger.reserve(user, units, reference="job", key="k")


@pytest.mark.parametrize("units", [1.0, "1", None, True])
def test_units_are_integers(units):
    with pytest.raises(TypeError):
        ledger.grant(make_user(), units, key="k")


def test_a_grant_of_nothing_a_movement_without_key_and_a_reservation_without_job_are_refused():
    user = make_user()
    with pytest.raises(ValueError, match="must be 1"):
        ledger.grant(user, 0, key="k")
    with pytest.raises(ValueError, match="idempotency key"):
        ledger.grant(user, 1, key="")
    with pytest.raises(ValueError, match="reference"):
        ledger.reserve(user, 0, reference="", key="k")


def test_entries_are_never_changed_or_deleted():
    user = make_user(units=10)
    entry = LedgerEntry.objects.get()
    entry.units = 99
    for attempt in (
        entry.save,
        entry.delete,
        LedgerEntry.objects.all().delete,
        lambda: LedgerEntry.objects.update(units=99),
    ):
        with pytest.raises(LedgerEntryIsFinal):
            attempt()
    assert LedgerEntry.objects.get().units == 10
    with pytest.raises(ProtectedError):
        user.delete()


def test_an_entry_outlives_the_account_of_who_wrote_it():
    user, operator = make_user(), make_user()
    ledger.grant(user, 1, key="k", actor=operator)
    operator.delete()
    assert LedgerEntry.objects.get().actor is None


@pytest.mark.parametrize("fields", [{"total": -1}, {"reserved": -1}])
def test_the_database_refuses_negative_balances(fields):
    user = make_user(units=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Balance.objects.filter(user=user).update(**fields)


def test_check_ledger_finds_every_balance_that_its_entries_do_not_explain(
    django_assert_num_queries,
):
    good, changed, emptied = make_user(units=5), make_user(units=5), make_user(units=5)
    ledger.reserve(good, 2, reference="job", key="k")
    make_user()
    Balance.objects.filter(user=changed).update(total=6)
    Balance.objects.filter(user=emptied).delete()
    with django_assert_num_queries(1):
        differences = ledger.check_ledger()
    assert [d.email for d in differences] == [changed.email, emptied.email]
    assert "total 6" in str(differences[0])
    assert "add up to total 5" in str(differences[0])


def test_a_balance_that_was_tampered_with_is_not_settled_wrongly():
    user = make_user(units=5)
    ledger.reserve(user, 2, reference="job", key="k")
    Balance.objects.filter(user=user).update(reserved=1)
    with pytest.raises(RuntimeError, match="check_ledger"):
        ledger.settle("job")


def test_a_reservation_takes_few_queries(django_assert_num_queries):
    user = make_user(units=5)
    with transaction.atomic(), django_assert_num_queries(6):  # savepoint and its release among them
        ledger.reserve(user, 2, reference="job", key="k")


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), st.integers(1, 50)),
        st.tuples(st.just("override"), st.integers(0, 50)),
        st.tuples(st.just("correct"), st.integers(-30, 30)),
        st.tuples(st.just("reserve"), st.integers(0, 30)),
        st.tuples(st.just("settle"), st.integers(0, 12)),
        st.tuples(st.just("release"), st.integers(0, 12)),
        st.tuples(st.just("refund"), st.integers(1, 30)),
        st.tuples(st.just("repeat"), st.integers(0, 12)),
    ),
    max_size=25,
)
_runs = itertools.count()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=MOVES)
def test_any_sequence_of_movements_adds_up(moves):
    """Against a model of plain integers: nothing negative, nothing lost, each closing once."""
    run = next(_runs)
    user = make_user()
    total = reserved = 0
    open_jobs: dict[str, int] = {}
    charged: dict[str, int] = {}
    jobs: list[str] = []
    done: list[tuple] = []
    for number, (what, units) in enumerate(moves):
        key = f"{run}-{number}"
        if what == "grant":
            ledger.grant(user, units, key=key)
            total += units
            done.append((ledger.grant, units, key))
        elif what == "override":
            ledger.override(user, units, key=key)
            total = units
            done.append((ledger.override, units, key))
        elif what == "correct":
            if total + units < 0:
                with pytest.raises(InsufficientUnits):
                    ledger.correct(user, units, key=key)
            else:
                ledger.correct(user, units, key=key)
                total += units
        elif what == "reserve":
            if units and units > total - reserved:
                with pytest.raises(InsufficientUnits) as refused:
                    ledger.reserve(user, units, reference=key, key=key)
                assert refused.value.available == max(0, total - reserved)
            else:
                ledger.reserve(user, units, reference=key, key=key)
                reserved += units
                open_jobs[key] = units
                jobs.append(key)
        elif what == "repeat" and done:
            move, again, first_key = done[units % len(done)]
            move(user, again, key=first_key)
        elif what == "refund" and jobs:
            job = jobs[units % len(jobs)]
            left = ledger.charged_for(job)
            assert 0 <= left <= charged.get(job, 0)
            if units > left:
                with pytest.raises(MoreThanCharged):
                    ledger.refund(job, units, key=key, reason="ours")
            else:
                for _ in range(2):
                    ledger.refund(job, units, key=key, reason="ours")
                total += units
                charged[job] -= units
        elif what in ("settle", "release") and jobs:
            job = jobs[units % len(jobs)]
            is_open = job in open_jobs
            assert getattr(ledger, what)(job) is is_open
            held = open_jobs.pop(job, 0)
            reserved -= held
            if what == "settle":
                charged[job] = charged.get(job, 0) + min(held, total)
                total = max(0, total - held)
        assert ledger.available(user) == max(0, total - reserved)
    balance = Balance.objects.filter(user=user).first() or Balance()
    assert (balance.total, balance.reserved) == (total, reserved)
    assert reserved == sum(open_jobs.values())
    entries = list(LedgerEntry.objects.filter(user=user).order_by("pk"))
    running_total = running_reserved = 0
    for entry in entries:
        running_total += entry.delta_total
        running_reserved += entry.delta_reserved
        assert (entry.total_after, entry.reserved_after) == (running_total, running_reserved)
    assert (running_total, running_reserved) == (total, reserved)
    assert ledger.check_ledger() == []
    assert sum(user.unit_months.values_list("charged", flat=True)) == sum(charged.values())
    granted = entries_of(entries, "grant")
    assert sum(user.unit_months.values_list("granted", flat=True)) == granted


def entries_of(entries: list[LedgerEntry], kind: str) -> int:
    return sum(entry.delta_total for entry in entries if entry.kind == kind)


def test_a_charge_is_given_back_at_most_once_and_in_parts():
    user = make_user(units=40)
    for job, close in (("job", ledger.settle), ("free", ledger.release)):
        ledger.reserve(user, 15, reference=job, key=job)
        close(job)
    entry = ledger.refund("job", 4, key="a", reason="our fault", actor=user)
    assert ledger.refund("job", 4, key="a", reason="clicked twice") == entry
    assert (entry.kind, entry.delta_total, entry.reference) == ("refund", 4, "job")
    assert ledger.refund("job", 11, key="b", reason="the rest").total_after == 40
    for job in ("job", "free"):
        with pytest.raises(MoreThanCharged) as refused:
            ledger.refund(job, 1, key=f"c-{job}", reason="more")
        assert refused.value.left == 0
    with pytest.raises(NoReservation):
        ledger.refund("unknown", 1, key="d", reason="nothing")
    assert balance_of(user) == (40, 0)
    months = user.unit_months.order_by("purpose").values_list("purpose", "granted", "charged")
    assert list(months) == [("", 40, 0), ("cubes", 0, 0)]
