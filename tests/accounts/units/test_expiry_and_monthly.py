"""Units that expire, that come every month, and that run low."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client as HttpClient
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import tasks
from accounts.models import ExpiringUnits, LedgerEntry, MonthlyGrant, Notice
from accounts.units import ledger, notices
from accounts.units.expiry import expire_due, expiring_next, grant_expiring, take
from accounts.units.monthly import grant_due, month_of
from tests.accounts.factories import bearer, make_user

pytestmark = pytest.mark.django_db

DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def user():
    return make_user("ann@example.org", ["manage:cubegens"])


def spend(user, units: int, name: str) -> None:
    ledger.reserve(user, units, reference=name, key=f"reserve:{name}")
    ledger.settle(name)


@given(st.lists(st.integers(0, 50), max_size=6), st.integers(0, 400))
def test_spending_takes_from_what_ends_soonest(there, units):
    left = take(there, units)
    assert sum(left) == max(0, sum(there) - units)
    assert all(0 <= after <= before for after, before in zip(left, there, strict=True))
    partly = [index for index, (a, b) in enumerate(zip(left, there, strict=True)) if a < b]
    if partly:
        assert not any(left[: partly[-1]])


def test_what_was_not_spent_goes_once(user):
    ledger.grant(user, 100, key="lasting")
    grant_expiring(user, 50, expires_at=DECEMBER, key="short")
    spend(user, 20, "a-job")
    assert expiring_next(user) == [(DECEMBER, 30)]
    assert expire_due(now=DECEMBER - timedelta(seconds=1)) == 0
    assert expire_due(now=DECEMBER) == 30
    assert expire_due(now=DECEMBER) == 0
    assert ledger.available(user) == 100
    entry = LedgerEntry.objects.get(kind="expire")
    assert (entry.units, entry.delta_total, entry.reason) == (30, -30, "lasted until 2026-12-01")
    assert ledger.check_ledger() == []


def test_what_was_spent_does_not_go_again(user):
    grant_expiring(user, 50, expires_at=DECEMBER, key="short")
    spend(user, 50, "a-job")
    assert expire_due(now=DECEMBER) == 0
    assert ledger.available(user) == 0
    assert ExpiringUnits.objects.get().closed_at is not None


def test_reserved_units_stay_until_the_job_has_ended(user):
    grant_expiring(user, 50, expires_at=DECEMBER, key="short")
    ledger.reserve(user, 30, reference="paid", key="1")
    ledger.reserve(user, 15, reference="free", key="2")
    assert expire_due(now=DECEMBER) == 5
    ledger.settle("paid")
    assert ledger.available(user) == 0
    ledger.release("free")
    assert ledger.available(user) == 15
    assert expire_due(now=DECEMBER) == 15
    assert ledger.available(user) == 0
    assert ledger.check_ledger() == []


def test_a_job_over_the_last_day_is_paid_by_what_ends_then_and_not_by_what_lasts(user):
    ledger.grant(user, 40, key="lasting")
    grant_expiring(user, 60, expires_at=DECEMBER, key="short")
    ledger.reserve(user, 50, reference="job", key="1")
    assert expire_due(now=DECEMBER) == 10
    ledger.settle("job")
    assert expire_due(now=DECEMBER) == 0
    assert ledger.available(user) == 40


def test_a_job_over_the_end_of_a_month_costs_nothing_of_the_next(user):
    grant_expiring(user, 100, expires_at=DECEMBER, key="november")
    ledger.reserve(user, 60, reference="paid", key="1")
    ledger.reserve(user, 30, reference="free", key="2")
    assert expire_due(now=DECEMBER) == 10
    grant_expiring(user, 100, expires_at=JANUARY, key="december")
    assert expire_due(now=DECEMBER) == 0  # an hour later
    ledger.settle("paid")
    ledger.release("free")
    assert expire_due(now=DECEMBER) == 30
    assert expiring_next(user) == [(JANUARY, 100)]
    assert ledger.available(user) == 100
    assert ledger.check_ledger() == []


def test_several_that_end_at_several_times(user):
    grant_expiring(user, 40, expires_at=JANUARY, key="later")
    spend(user, 10, "1")
    grant_expiring(user, 40, expires_at=DECEMBER, key="sooner")
    spend(user, 25, "2")
    assert expiring_next(user) == [(DECEMBER, 15), (JANUARY, 30)]
    assert expire_due(now=DECEMBER) == 15
    spend(user, 5, "3")
    assert expiring_next(user) == [(JANUARY, 25)]
    assert expire_due(now=JANUARY) == 25
    assert ledger.available(user) == 0


def test_a_grant_repeated_with_its_key_counts_once(user):
    for _ in range(2):
        grant_expiring(user, 50, expires_at=DECEMBER, key="short")
    assert ledger.available(user) == 50
    assert ExpiringUnits.objects.count() == 1


def test_an_override_takes_what_expires_with_it(user):
    grant_expiring(user, 50, expires_at=DECEMBER, key="short")
    ledger.override(user, 20, key="o")
    assert expiring_next(user) == [(DECEMBER, 20)]
    ledger.override(user, 200, key="p")
    assert expire_due(now=DECEMBER) == 20
    assert ledger.available(user) == 180


def test_months_begin_and_end():
    assert month_of(date(2026, 2, 28)) == (date(2026, 2, 1), date(2026, 3, 1))
    assert month_of(date(2026, 12, 31)) == (date(2026, 12, 1), date(2027, 1, 1))


def monthly(user, **fields) -> MonthlyGrant:
    return MonthlyGrant.objects.create(
        **{"user": user, "units": 100, "first_month": date(2026, 11, 15), **fields}
    )


def test_a_monthly_grant_comes_once_a_month_and_lasts_for_it(user):
    monthly(user)
    assert grant_due(today=date(2026, 10, 31)) == 0
    for day in (1, 15, 30):
        assert grant_due(today=date(2026, 11, day)) == (day == 1)
    assert ledger.available(user) == 100
    spend(user, 30, "a-job")
    expire_due(now=DECEMBER)
    assert grant_due(today=date(2026, 12, 1)) == 1
    assert ledger.available(user) == 100
    keys = LedgerEntry.objects.filter(kind="grant").values_list("idempotency_key", flat=True)
    assert [key.rpartition(":")[2] for key in keys] == ["2026-12", "2026-11"]


def test_one_that_does_not_expire_adds_up_and_ends_after_its_last_month(user):
    monthly(user, expires=False, last_month=date(2026, 12, 1))
    for month in (11, 12):
        grant_due(today=date(2026, month, 3))
        expire_due(now=datetime(2026, month, 28, tzinfo=UTC))
    assert grant_due(today=date(2027, 1, 3)) == 0
    assert ledger.available(user) == 200


def test_who_is_switched_off_gets_nothing(user):
    monthly(user)
    user.is_active = False
    user.save()
    assert grant_due(today=date(2026, 11, 15)) == 0


def test_the_grants_of_many_users_take_no_query_each_when_done(django_assert_max_num_queries):
    for _ in range(5):
        monthly(make_user())
    grant_due(today=date(2026, 11, 15))
    with django_assert_max_num_queries(2):
        assert grant_due(today=date(2026, 11, 15)) == 0


def housekeeping() -> None:
    """All its steps, one after the other."""
    for step in (tasks.delete_expired_sessions, tasks.grant_monthly_units, tasks.expire_units):
        step()
    tasks.notify_of_low_units()


def test_housekeeping_does_all_of_it_once(user):
    monthly(user, first_month=timezone.now().date())
    for _ in range(2):
        housekeeping()
    assert ledger.available(user) == 100


def test_my_units_tell_what_comes_and_goes(user):
    monthly(user, first_month=timezone.now().date())
    housekeeping()
    answer = HttpClient().get("/api/v2/users/me/units", headers=bearer(user)).json()
    assert {name: answer[name] for name in ("total", "reserved", "available", "is_low")} == {
        "total": 100,
        "reserved": 0,
        "available": 100,
        "is_low": False,
    }
    assert [lot["units"] for lot in answer["expiring"]] == [100]
    assert answer["monthly"][0]["units"] == 100


def test_a_low_balance_is_told_once_each_time(user):
    ledger.grant(user, 150, key="1")
    assert notices.notify_low() == 0
    spend(user, 60, "a-job")
    for _ in range(2):
        notices.notify_low()
    assert "90 processing units" in user.notices.get().text
    ledger.grant(user, 100, key="2")
    notices.notify_low()
    spend(user, 100, "another")
    notices.notify_low()
    assert user.notices.count() == 2


def test_nobody_is_told_who_never_had_units_or_is_a_machine(user):
    ledger.grant(user, 5, key="1")
    newcomer = make_user()
    ledger.reserve(newcomer, 0, reference="free", key="r")
    make_user("machine@service.invalid", units=5, is_service_account=True)
    make_user(units=5, is_active=False)
    assert notices.notify_low() == 1
    assert Notice.objects.get().user == user


def test_units_that_expire_within_a_week_are_told_once(user, django_assert_num_queries):
    now = timezone.now()
    for days, units in ((3, 40), (6, 30), (20, 10)):
        grant_expiring(user, units, expires_at=now + timedelta(days=days), key=f"{days}")
    spend(user, 50, "a-job")  # what expires soonest is spent first
    for _ in range(2):
        notices.notify_expiring()
    day = now + timedelta(days=6)
    assert user.notices.get().text.startswith(f"20 processing units last until {day:%Y-%m-%d}")
    assert notices.notify_expiring(now + timedelta(days=14)) == 1
    grant_expiring(user, 5, expires_at=now + timedelta(days=300), key="far")
    with django_assert_num_queries(1):
        assert notices.notify_expiring() == 0
