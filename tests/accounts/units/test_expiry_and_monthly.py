"""Units that expire, that come every month, and that run low."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.db.models import QuerySet
from django.test import Client as HttpClient
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import tasks
from accounts.models import Balance, ExpiringUnits, LedgerEntry, MonthlyGrant
from accounts.units import ledger, notices
from accounts.units.expiry import expire_due, expiring_next, grant_expiring, take
from accounts.units.monthly import grant_due, month_of
from hubsite.coordination.lock import Lock
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


@pytest.fixture
def mail_server(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_EMAIL_URL": "smtp://mail.example.org"}


def test_a_low_balance_is_told_once_each_time(user, mail_server):
    ledger.grant(user, 150, key="1")
    assert notices.notify_low() == 0
    spend(user, 60, "a-job")
    for _ in range(2):
        notices.notify_low()
    (message,) = mail.outbox
    assert message.to == ["ann@example.org"]
    assert "90 processing units" in message.body
    ledger.grant(user, 100, key="2")
    notices.notify_low()
    spend(user, 100, "another")
    notices.notify_low()
    assert len(mail.outbox) == 2


def test_nobody_is_told_who_never_had_units_or_where_no_mail_server_is(user, settings):
    ledger.grant(user, 5, key="1")
    assert notices.notify_low() == 0
    settings.HUB = {**settings.HUB, "XCUBE_HUB_EMAIL_URL": "smtp://mail.example.org"}
    newcomer = make_user()
    ledger.reserve(newcomer, 0, reference="free", key="r")
    make_user("machine@service.invalid", units=5, is_service_account=True)
    assert notices.notify_low() == 1
    assert [message.to for message in mail.outbox] == [[user.email]]


def test_a_mail_server_that_is_away_is_tried_again(user, mail_server, monkeypatch):
    ledger.grant(user, 5, key="1")

    def away(*args, **options):
        raise OSError("Connection refused")

    with monkeypatch.context() as context:
        context.setattr(notices, "get_connection", away)
        assert notices.notify_low() == 0
    assert Balance.objects.get(user=user).low_noticed_at is None
    assert notices.notify_low() == 0, "it is left alone for some minutes"
    Lock.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert notices.notify_low() == 1


def test_the_threshold_is_the_operators(user, settings):
    ledger.grant(user, 5, key="1")
    me = "/api/v2/users/me"
    assert HttpClient().get(me, headers=bearer(user)).json()["units"]["is_low"]
    settings.HUB = {**settings.HUB, "XCUBE_HUB_LOW_UNITS": 0}
    assert not HttpClient().get(me, headers=bearer(user)).json()["units"]["is_low"]


def test_the_page_tells_units_and_that_few_are_left(user):
    ledger.grant(user, 42, key="1", reason="<b>gift</b>")
    browser = HttpClient()
    browser.force_login(user)
    page = browser.get("/account/").content.decode()
    assert "Few are left" in page
    assert "42" in page
    assert "<b>gift" not in page


def test_housekeeping_drops_sessions_that_have_ended(client, user):
    client.force_login(user)
    ended = HttpClient()
    ended.force_login(user)
    rows = Session.objects.filter(session_key=ended.session.session_key)
    rows.update(expire_date=timezone.now() - timedelta(seconds=1))
    housekeeping()
    assert not rows.exists()
    assert client.get("/account/").status_code == 200


def test_units_that_were_granted_for_good_are_not_made_to_expire_by_their_key(user):
    ledger.grant(user, 5, key="k")
    ledger.grant(user, 100, key="others")
    grant_expiring(user, 99, expires_at=DECEMBER, key="k")
    assert expire_due(now=JANUARY) == 0
    assert ledger.available(user) == 105


def expire_by_a_clock_ahead(at: datetime) -> int:
    """A tick at a time that has not come yet: its entries are dated then."""
    before = set(LedgerEntry.objects.values_list("pk", flat=True))
    units = expire_due(now=at)
    QuerySet(LedgerEntry).exclude(pk__in=before).update(created_at=at)
    return units


@pytest.mark.parametrize("reserved", [0, 30])
def test_a_clock_that_was_ahead_expires_nothing_for_good(user, reserved):
    grant_expiring(user, 50, expires_at=DECEMBER, key="short")
    spend(user, 10, "a-job")
    ledger.reserve(user, reserved, reference="runs", key="r")
    assert expire_by_a_clock_ahead(DECEMBER + timedelta(hours=1)) == 40 - reserved
    before = DECEMBER - timedelta(days=1)
    for _ in range(2):
        assert expire_due(now=before) == 0
        assert ledger.available(user) == 40 - reserved
    ledger.release("runs")
    spend(user, 5, "another")
    assert expiring_next(user) == [(DECEMBER, 35)]
    assert expire_due(now=DECEMBER) == 35, "when it is really over"
    assert ledger.available(user) == 0
    assert ledger.check_ledger() == []


def test_units_come_back_after_each_time_that_the_clock_was_ahead(user):
    grant_expiring(user, 50, expires_at=DECEMBER, key="short")
    ledger.grant(user, 7, key="lasting")
    for _ in range(3):
        assert expire_by_a_clock_ahead(DECEMBER + timedelta(hours=1)) == 50
        assert ledger.available(user) == 7
        assert expire_due(now=DECEMBER - timedelta(days=1)) == 0
        assert ledger.available(user) == 57
    assert expire_due(now=DECEMBER) == 50
    assert ledger.check_ledger() == []


def test_what_expired_in_time_stays_expired(user):
    grant_expiring(user, 50, expires_at=DECEMBER, key="short")
    grant_expiring(user, 20, expires_at=JANUARY, key="long")
    assert expire_by_a_clock_ahead(DECEMBER) == 50
    assert expire_due(now=DECEMBER + timedelta(minutes=1)) == 0
    assert ledger.available(user) == 20
