"""One page for each user in the admin: units, switching off, revoking, and who may do it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client as HttpClient
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    AccessToken,
    ActingEntry,
    ExpiringUnits,
    Identity,
    LedgerEntry,
    Service,
    User,
)
from accounts.subscriptions.subscribing import Wish, subscribe
from accounts.tokens.hub_tokens import issue_token
from accounts.tokens.personal import make_token
from accounts.units import ledger
from accounts.units.expiry import grant_expiring
from jobs.models import Job, State
from tests.accounts.factories import make_client, make_user
from tests.jobs.factories import make_job
from tests.services.factories import make_instance, make_share

pytestmark = pytest.mark.django_db

MAY = ["manage:cubegens"]


@pytest.fixture
def ann():
    return make_user("ann@example.org", MAY, units=40)


@pytest.fixture
def operator():
    return make_user("op@example.org", ["operate:hub"], is_staff=True)


@pytest.fixture
def browser(operator) -> HttpClient:
    return signed_in(operator)


def signed_in(user: User) -> HttpClient:
    browser = HttpClient()
    browser.force_login(user)
    return browser


def page_of(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])


def post(browser: HttpClient, name: str, user: User, **fields):
    return browser.post(reverse(f"admin:accounts_user_{name}", args=[user.pk]), fields, follow=True)


def furnish(user: User) -> None:
    client, _ = make_client(user)
    issue_token(user, client=client, scopes=MAY)
    make_token(user, name="notebook", scopes=MAY, days=3)
    grant_expiring(user, 7, expires_at=timezone.now() + timedelta(days=5), key=f"k{user.pk}")
    wish = Wish(email=user.email, guid=f"g-{user.pk}", plan="manage", units=5.0)
    subscribe(Service.GEODB, wish, actor="test")
    Identity.objects.create(user=user, issuer="https://id.example.org", subject=str(user.pk))
    make_share(make_instance(user))
    ActingEntry.objects.create(operator=make_user(), user=user, method="GET", path="/api/v2/me")
    for _ in range(3):
        make_job(user, state=State.RUNNING)


def test_the_page_shows_all_that_is_the_users_with_few_queries(
    browser, ann, django_assert_max_num_queries
):
    furnish(ann)
    browser.get(page_of(ann))
    with django_assert_max_num_queries(20):
        page = browser.get(page_of(ann)).content.decode()
    for shown in (
        f"<strong>{ledger.available(ann)}</strong> available", "7 expire on", "notebook", "https://id.example.org",
        f"X-Act-For: {ann.user_id}", "<strong>3</strong> waiting or running",
        "may generate cubes, and start services", "Delete the person", "for the test",
    ):  # fmt: skip
        assert shown in page, shown


def test_the_page_costs_the_same_however_much_a_user_has(browser, ann, django_assert_num_queries):
    furnish(ann)
    browser.get(page_of(ann))
    with CaptureQueriesContext(
        connection,
    ) as few:
        browser.get(page_of(ann))
    for _ in range(8):
        make_job(ann)
        make_token(ann, name="more", scopes=MAY, days=3)
        make_client(ann)
    with django_assert_num_queries(len(few)):
        browser.get(page_of(ann))


def form(**fields) -> dict:
    return {"what": "grant", "units": "500", "reason": "project", "key": "k" * 32, **fields}


def test_units_are_granted_on_the_page_once_per_form(browser, ann, operator):
    for _ in range(2):
        page = post(browser, "units", ann, **form())
    assert b"540 units are available to ann@example.org now" in page.content
    entry = LedgerEntry.objects.get(reason="project")
    assert (entry.kind, entry.units, entry.actor) == ("grant", 500, operator)
    page = post(browser, "units", ann, **form(units="7"))
    assert b"was sent before" in page.content
    assert ledger.available(ann) == 540


def test_units_can_have_a_last_day_and_be_corrected_and_set(browser, ann):
    last = date(2999, 1, 31)
    post(browser, "units", ann, **form(expires=last.isoformat(), key="1"))
    assert ExpiringUnits.objects.get().expires_at.isoformat() == "2999-02-01T00:00:00+00:00"
    post(browser, "units", ann, **form(what="correct", units="-5", key="2"))
    assert ledger.available(ann) == 535
    post(browser, "units", ann, **form(what="override", units="0", key="3"))
    assert ledger.available(ann) == 0


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"units": "0"}, "At least 1"),
        ({"units": "many"}, "whole number"),
        ({"units": ""}, "required"),
        ({"reason": "  "}, "required"),
        ({"what": "steal"}, "not one of the available"),
        ({"what": "correct", "units": "0"}, "other than 0"),
        ({"what": "override", "units": "-1"}, "At least 0"),
        ({"what": "correct", "units": "-41"}, "40 units in all"),
        ({"expires": "2001-01-01"}, "This day is over"),
        ({"expires": "2999-01-01", "what": "correct"}, "Only granted units"),
        ({"units": str(10**13)}, "less than or equal"),
    ],
)
def test_faults_stand_beside_their_field_and_nothing_is_booked(browser, ann, fields, fault):
    before = LedgerEntry.objects.count()
    page = post(browser, "units", ann, **form(**fields))
    assert page.status_code == 422
    assert fault in page.content.decode()
    assert LedgerEntry.objects.count() == before


def test_a_user_without_units_gets_some_in_three_clicks(browser):
    """From the dashboard: find, open, book. The journey in a browser is in tests/journeys."""
    poor = make_user("poor@example.org")
    board = browser.get(reverse("admin:index")).content.decode()
    assert 'id="board-people"' in board
    found = browser.get(reverse("admin:accounts_user_changelist"), {"q": "poor@"}).content.decode()
    assert page_of(poor) in found
    assert reverse("admin:accounts_user_units", args=[poor.pk]) in (
        browser.get(page_of(poor)).content.decode()
    )


def test_an_account_is_switched_off_with_a_reason_and_on_again(browser, ann):
    job, theirs = make_job(ann, state=State.RUNNING), signed_in(ann)
    page = post(browser, "switch", ann, reason="")
    assert page.status_code == 422
    assert User.objects.get(pk=ann.pk).is_active
    page = post(browser, "switch", ann, reason="spam")
    assert b"is switched off" in page.content
    assert not User.objects.get(pk=ann.pk).is_active
    assert theirs.get(reverse("account")).status_code == 302
    assert Job.objects.get(pk=job.pk).state == State.RUNNING
    assert "spam" in LogEntry.objects.first().change_message
    post(browser, "switch", ann)
    assert User.objects.get(pk=ann.pk).is_active


def test_switching_off_can_end_what_runs(browser, ann):
    job = make_job(ann, state=State.RUNNING)
    page = post(browser, "switch", ann, reason="spam", end_work="on")
    assert b"being ended" in page.content
    assert Job.objects.get(pk=job.pk).state == State.CANCELLED


def test_nobody_switches_off_oneself_or_a_superuser(browser, operator):
    root = make_user("root@example.org", is_superuser=True)
    assert b"your own account" in post(browser, "switch", operator, reason="x").content
    assert post(browser, "switch", root, reason="x").status_code == 403
    assert User.objects.filter(is_active=True).count() == 2


def test_tokens_clients_and_shares_are_revoked_on_the_page(browser, ann):
    furnish(ann)
    token = AccessToken.objects.get(name="notebook")
    share, client = ann.shares_given.get(), ann.clients.first()
    for fields in (
        {"token": token.jti}, {"client": client.client_id}, {"share": str(share.pk)},
    ):  # fmt: skip
        assert b"Revoked;" in post(browser, "revoke", ann, **fields).content
        assert b"Nothing was revoked" in post(browser, "revoke", ann, **fields).content
    for row in (token, client, share):
        row.refresh_from_db()
        assert row.revoked_at is not None


@pytest.mark.parametrize("fields", [{}, {"share": "x"}, {"token": "0" * 32}, {"client": "\x00"}])
def test_what_is_not_the_users_is_not_revoked(browser, ann, fields):
    other = make_user(permissions=MAY)
    token, _ = make_token(other, name="n", scopes=MAY, days=3)
    fields = fields or {"token": token.jti}
    assert b"Nothing was revoked" in post(browser, "revoke", ann, **fields).content
    token.refresh_from_db()
    assert token.revoked_at is None


def test_support_sees_the_page_and_changes_nothing(ann):
    support = make_user("support@example.org", is_staff=True)
    support.groups.add(Group.objects.get(name="support"))
    theirs = signed_in(support)
    page = theirs.get(page_of(ann)).content.decode()
    assert "<strong>40</strong> available" in page
    assert 'value="Book"' not in page
    assert "Switch off" not in page
    for name, fields in (("units", form()), ("switch", {"reason": "x"}), ("revoke", {})):
        assert post(theirs, name, ann, **fields).status_code == 403
    assert ledger.available(ann) == 40


@pytest.mark.parametrize("term", ["ann@", "user id", "guid", "client", "jti", "Lovelace"])
def test_a_user_is_found_by_any_id(browser, ann, term):
    make_user("bob@example.org", MAY)
    furnish(ann)
    User.objects.filter(pk=ann.pk).update(last_name="Lovelace")
    ids = {
        "user id": ann.user_id,
        "guid": f"g-{ann.pk}",
        "client": ann.clients.first().client_id,
        "jti": AccessToken.objects.get(name="notebook").jti,
    }
    page = browser.get(reverse("admin:accounts_user_changelist"), {"q": ids.get(term, term)})
    assert [user.email for user in page.context["cl"].result_list] == ["ann@example.org"]
    row = page.context["cl"].result_list[0]
    assert row.count_running == 3


def test_the_list_filters_by_role_and_units(browser, ann):
    ann.groups.add(Group.objects.get(name="geoserver"))
    url, role = reverse("admin:accounts_user_changelist"), Group.objects.get(name="geoserver")

    def found(**query):
        return [user.email for user in browser.get(url, query).context["cl"].result_list]

    assert found(groups__id__exact=role.pk) == ["ann@example.org"]
    assert found(units="some") == ["ann@example.org"]
    assert found(units="none") == ["op@example.org"]
