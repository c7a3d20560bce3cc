"""Subscriptions, units, roles and acting entries in the admin, as an operator works with them."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as HttpClient
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import (
    ActingEntry,
    GeodbRegistration,
    LedgerEntry,
    MonthlyGrant,
    Role,
    Service,
    Subscription,
    SubscriptionEvent,
)
from accounts.roles import permissions_of
from accounts.subscriptions.subscribing import Wish, subscribe
from accounts.units import ledger
from accounts.units.expiry import grant_expiring
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

LISTS = [
    "accounts_subscription",
    "accounts_geodbregistration",
    "accounts_monthlygrant",
    "accounts_expiringunits",
    "accounts_actingentry",
    "accounts_role",
]


@pytest.fixture
def operator():
    return make_user("op@example.org", ["operate:hub"], is_staff=True)


@pytest.fixture
def browser(operator) -> HttpClient:
    browser = HttpClient()
    browser.force_login(operator)
    return browser


def add_rows(number: int) -> None:
    user = make_user(f"ann-{number}@example.org")
    wish = Wish(email=user.email, guid=f"g-{number}", plan="manage", units=5.0)
    subscribe(Service.GEODB, wish, actor="test")
    MonthlyGrant.objects.create(user=user, units=5, first_month=date(2026, 1, 1))
    grant_expiring(user, 5, expires_at=timezone.now(), key=f"k-{number}")
    ActingEntry.objects.create(
        operator=make_user(), user=user, method="GET", path="/api/v2/cubegens"
    )


@pytest.fixture
def subscription() -> Subscription:
    add_rows(0)
    return Subscription.objects.get()


def changelist(model: str) -> str:
    return reverse(f"admin:{model}_changelist")


def act(browser: HttpClient, model: str, action: str, *objects, **fields):
    return browser.post(
        changelist(model),
        {
            "action": action,
            "_selected_action": [item.pk for item in objects],
            "sure": "yes",
            **fields,
        },
        follow=True,
    )


@pytest.mark.parametrize("model", LISTS)
def test_every_list_opens_and_needs_no_query_per_row(browser, model, django_assert_max_num_queries):
    for number in range(8):
        add_rows(number)
    with django_assert_max_num_queries(10):
        page = browser.get(changelist(model))
    shown = b"ann-3@example.org" if model != "accounts_role" else b"cube-generation"
    assert shown in page.content or b"geodb_g-3" in page.content
    assert browser.get(changelist(model), {"q": "ann"}).status_code == 200


@pytest.mark.parametrize("model", LISTS)
def test_who_is_no_operator_sees_nothing(subscription, model):
    browser = HttpClient()
    browser.force_login(make_user(permissions=["manage:cubegens"], is_staff=True))
    assert browser.get(changelist(model)).status_code == 403


def change_url(row) -> str:
    name = f"{row._meta.app_label}_{row._meta.model_name}"
    return reverse(f"admin:{name}_change", args=[row.pk])


def test_a_subscription_shows_its_history_and_registration(browser, subscription):
    page = browser.get(change_url(subscription)).content.decode()
    assert "Started" in page
    assert "To be registered" in page
    assert browser.get(reverse("admin:accounts_subscription_add")).status_code == 403
    delete = reverse("admin:accounts_subscription_delete", args=[subscription.pk])
    assert browser.post(delete, {"post": "yes"}).status_code == 403


INLINE = {
    "events-TOTAL_FORMS": "0",
    "events-INITIAL_FORMS": "0",
    "events-MIN_NUM_FORMS": "0",
    "events-MAX_NUM_FORMS": "0",
}


def test_an_operator_changes_the_guid_and_geodb_is_told(browser, subscription):
    GeodbRegistration.objects.update(state="registered")
    browser.post(change_url(subscription), {"guid": "new-guid", "plan": "hacked", **INLINE})
    subscription.refresh_from_db()
    assert (subscription.guid, subscription.plan) == ("new-guid", "manage")
    assert GeodbRegistration.objects.get().state == "pending"
    event = SubscriptionEvent.objects.last()
    assert event.changes == {"guid": ["g-0", "new-guid"]}
    assert event.actor.startswith("user a")


@pytest.mark.parametrize("guid", ["", "no role!", "g-1"])
def test_a_guid_that_cannot_be_a_role_or_is_anothers_is_refused(browser, subscription, guid):
    add_rows(1)
    page = browser.post(change_url(subscription), {"guid": guid, **INLINE})
    assert page.status_code == 200
    assert page.context["errors"]
    subscription.refresh_from_db()
    assert subscription.guid == "g-0"


def test_a_subscription_is_ended_by_an_action(browser, subscription):
    assert b"1 ended" in act(browser, "accounts_subscription", "end", subscription).content
    subscription.refresh_from_db()
    assert subscription.ended_at is not None
    assert SubscriptionEvent.objects.last().kind == "ended"


def test_a_registration_is_tried_now(browser, subscription, django_capture_on_commit_callbacks):
    OrmQ.objects.all().delete()
    registration = GeodbRegistration.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        act(browser, "accounts_geodbregistration", "try_now", registration)
    assert [row.task["func"] for row in OrmQ.objects.all()] == ["accounts.tasks.register_in_geodb"]


def test_monthly_grants_are_made_and_checked(browser):
    user = make_user()
    url = reverse("admin:accounts_monthlygrant_add")
    fields = {"user": user.pk, "units": 100, "first_month": "2026-03-01", "reason": "project"}
    assert browser.post(url, {**fields, "units": 0}).context["errors"]
    assert browser.post(url, {**fields, "last_month": "2026-02-01"}).context["errors"]
    assert browser.post(url, fields).status_code == 302
    assert MonthlyGrant.objects.get(user=user).units == 100


@pytest.mark.parametrize("model", ["expiringunits", "actingentry", "geodbregistration"])
def test_records_are_read_only(browser, subscription, model):
    from django.apps import apps

    row = apps.get_model("accounts", model).objects.first()
    assert browser.get(change_url(row)).status_code == 200
    assert browser.post(change_url(row), {}).status_code == 403


def test_a_role_is_narrowed_and_widened_at_once(browser):
    user = make_user()
    role = Role.objects.get(name="cube-generation")
    user.groups.add(role)
    browser.post(change_url(role), {"scopes": ["process:cubegens", "manage:collections"]})
    fresh = type(user).objects.get(pk=user.pk)
    assert permissions_of(fresh) == {"process:cubegens", "manage:collections"}
    role.refresh_from_db()
    assert role.name == "cube-generation"  # the hub's own roles keep their names


def test_a_role_grants_nothing_of_djangos_own_by_the_form(browser):
    role = Role.objects.get(name="cube-generation")
    assert browser.post(change_url(role), {"scopes": ["delete_user"]}).context["errors"]
    delete = reverse("admin:accounts_role_delete", args=[role.pk])
    assert browser.post(delete, {"post": "yes"}).status_code == 403


def test_operators_make_roles_of_their_own(browser):
    add = reverse("admin:accounts_role_add")
    browser.post(add, {"name": "partners", "scopes": ["manage:cubegens"]})
    role = Role.objects.get(name="partners")
    assert list(role.permissions.values_list("codename", flat=True)) == ["manage:cubegens"]
    delete = reverse("admin:accounts_role_delete", args=[role.pk])
    browser.post(delete, {"post": "yes"})
    assert not Role.objects.filter(name="partners").exists()


def test_a_correction_needs_a_reason_and_leaves_an_entry(browser, operator):
    user = make_user(units=10)
    for reason in ("", "  "):
        page = act(browser, "accounts_user", "correct_units", user, units=-4, reason=reason)
        assert b"Enter the reason" in page.content
    act(browser, "accounts_user", "correct_units", user, units=-4, reason="billed twice")
    entry = LedgerEntry.objects.get(kind="correct")
    assert (entry.units, entry.reason, entry.actor) == (-4, "billed twice", operator)
    assert ledger.available(user) == 6
    page = act(browser, "accounts_user", "correct_units", user, units=-400, reason="too much")
    assert b"has 6 units in all" in page.content
    page = act(browser, "accounts_user", "grant_units", user, units=-4, reason="no")
    assert b"at least 1" in page.content


@pytest.mark.parametrize(("action", "units"), [("grant_units", 7), ("override_units", 5)])
def test_a_page_that_is_sent_again_with_something_else_is_told_and_does_nothing(
    browser, action, units
):
    ann = make_user("ann@example.org")
    act(browser, "accounts_user", "grant_units", ann, units=5, reason="r", key="k" * 32)
    page = act(browser, "accounts_user", action, ann, units=units, reason="r", key="k" * 32)
    assert b"was sent before" in page.content
    assert ledger.available(ann) == 5
    assert LogEntry.objects.get().change_message == "grant 5 processing units"


def test_a_correction_by_nothing_is_none(browser):
    ann = make_user("ann@example.org")
    page = act(browser, "accounts_user", "correct_units", ann, units=0, reason="r")
    assert b"Enter a number of units, not 0." in page.content
    assert not LedgerEntry.objects.exists()


def test_a_subscriptions_page_shows_units_and_history_in_words(browser, operator):
    user = make_user("eve@example.org", units=7)
    wish = Wish(email=user.email, guid="g", plan="<b>big</b>", units=5000.0)
    subscribe(Service.GEN, wish, actor=f"user {operator.user_id}")
    row = Subscription.objects.get()
    page = reverse("admin:accounts_subscription_change", args=[row.pk])
    text = browser.get(page).content.decode()
    assert "&lt;b&gt;big&lt;/b&gt;" in text and "Started" in text and operator.email in text
    assert f"/admin/accounts/user/{user.pk}/change/" in text and 'value="end"' in text
    support = HttpClient()
    support.force_login(make_user(permissions=["read:hub"], is_staff=True))
    text = support.get(page).content.decode()
    assert "Cube generation" in text and 'value="end"' not in text
    chosen = {"action": "end", "_selected_action": row.pk, "index": 0, "sure": "yes"}
    support.post(reverse("admin:accounts_subscription_changelist"), chosen)
    assert Subscription.objects.get().is_live
    browser.post(reverse("admin:accounts_subscription_changelist"), chosen)
    assert not Subscription.objects.get().is_live
    assert 'value="end"' not in browser.get(page).content.decode()
