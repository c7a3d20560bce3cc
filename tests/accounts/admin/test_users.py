"""The accounts in the admin, as an operator who is no superuser works with them."""

from __future__ import annotations

import pytest
from django.test import Client as HttpClient
from django.urls import reverse

from accounts.models import AccessToken, Client, LedgerEntry, User
from accounts.tokens.hub_tokens import issue_token
from accounts.units import ledger
from tests.accounts.factories import make_client, make_user

pytestmark = pytest.mark.django_db

MODELS = ["user", "client", "accesstoken", "balance", "ledgerentry"]


@pytest.fixture
def operator():
    return make_user("op@example.org", ["operate:hub"], is_staff=True)


@pytest.fixture
def browser(operator) -> HttpClient:
    browser = HttpClient()
    browser.force_login(operator)
    return browser


def act(browser: HttpClient, model: str, action: str, *objects, **fields):
    return browser.post(
        reverse(f"admin:accounts_{model}_changelist"),
        {
            "action": action,
            "_selected_action": [item.pk for item in objects],
            "sure": "yes",
            **fields,
        },
        follow=True,
    )


@pytest.fixture
def something():
    user = make_user("ann@example.org", ["manage:cubegens"], 40)
    client, secret = make_client(user)
    issue_token(user, client=client, scopes=client.scopes)
    ledger.reserve(user, 15, reference="a-job", key="k")
    return user, client, secret


@pytest.mark.parametrize("model", MODELS)
def test_an_operator_sees_and_searches_every_list(browser, something, model):
    url = reverse(f"admin:accounts_{model}_changelist")
    assert b"ann@example.org" in browser.get(url).content
    assert browser.get(url, {"q": "ann@example.org"}).status_code == 200
    assert (
        b"ann@example.org"
        not in browser.get(url, {"q": "bob@example.org"})
        .content.split(b'id="changelist-form"')[-1]
        .split(b"</form>")[0]
    )


@pytest.mark.parametrize("model", MODELS)
def test_lists_need_no_query_per_row(browser, something, model, django_assert_max_num_queries):
    for number in range(10):
        user = make_user(permissions=["manage:cubegens"], units=number + 1)
        client, _ = make_client(user)
        issue_token(user, client=client, scopes=[])
    with django_assert_max_num_queries(10):
        browser.get(reverse(f"admin:accounts_{model}_changelist"))


@pytest.mark.parametrize("model", MODELS)
def test_who_is_no_operator_sees_nothing(something, model):
    browser = HttpClient()
    browser.force_login(make_user(permissions=["manage:cubegens"], is_staff=True))
    assert browser.get(reverse(f"admin:accounts_{model}_changelist")).status_code == 403


def test_entries_are_found_by_job(browser, something):
    url = reverse("admin:accounts_ledgerentry_changelist")
    page = browser.get(url, {"q": "a-job"})
    assert page.context["cl"].result_list.get().kind == "reserve"


@pytest.mark.parametrize("model", ["accesstoken", "balance", "ledgerentry"])
def test_tokens_balances_and_entries_are_read_only(browser, something, model):
    row = {"accesstoken": AccessToken, "ledgerentry": LedgerEntry}.get(
        model, type(something[0].balance)
    ).objects.first()
    change = reverse(f"admin:accounts_{model}_change", args=[row.pk])
    assert browser.get(change).status_code == 200
    assert browser.post(change, {"total": 1}).status_code == 403
    assert browser.get(reverse(f"admin:accounts_{model}_add")).status_code == 403
    delete = reverse(f"admin:accounts_{model}_delete", args=[row.pk])
    assert browser.post(delete, {"post": "yes"}).status_code == 403


def test_secrets_are_never_shown(browser, something):
    _, client, secret = something
    for page in (
        browser.get(reverse("admin:accounts_client_changelist")),
        browser.get(reverse("admin:accounts_client_change", args=[client.pk])),
    ):
        assert page.status_code == 200
        assert secret.encode() not in page.content
        assert client.secret_hash.encode() not in page.content
    assert browser.get(reverse("admin:accounts_client_add")).status_code == 403


def test_a_clients_scopes_are_chosen_from_those_there_are(browser, something):
    _, client, _ = something
    change = reverse("admin:accounts_client_change", args=[client.pk])
    browser.post(change, {"name": "renamed", "scopes": ["process:cubegens", "manage:cubegens"]})
    client.refresh_from_db()
    assert (client.name, client.scopes) == ("renamed", ["process:cubegens", "manage:cubegens"])
    assert browser.post(change, {"scopes": ["all:things"]}).context["errors"]


def test_clients_and_tokens_are_revoked_by_an_action(browser, something):
    _, client, _ = something
    assert b"1 revoked" in act(browser, "client", "revoke", client).content
    assert Client.objects.get().revoked_at is not None
    assert b"1 revoked" in act(browser, "accesstoken", "revoke", AccessToken.objects.get()).content
    assert AccessToken.objects.get().revoked_at is not None


def test_units_are_granted_by_an_action_once_per_page(browser, something, operator):
    user = something[0]
    for _ in range(2):  # the page is sent twice
        page = act(browser, "user", "grant_units", user, units=5, reason="gift", key="page-1")
    assert b"30 units available" in page.content
    entry = LedgerEntry.objects.filter(reason="gift").get()
    assert (entry.kind, entry.units, entry.actor) == ("grant", 5, operator)
    act(browser, "user", "override_units", user, units=0, key="page-2")
    user.balance.refresh_from_db()
    assert (user.balance.total, user.balance.reserved) == (0, 15)


@pytest.mark.parametrize("units", ["", "-1", "many", "0"])
def test_units_must_be_a_number(browser, something, units):
    before = LedgerEntry.objects.count()
    act(browser, "user", "grant_units", something[0], units=units, key="page")
    assert LedgerEntry.objects.count() == before


def test_an_operator_makes_a_user_by_email(browser):
    page = browser.post(
        reverse("admin:accounts_user_add"), {"email": "new@example.org", "usable_password": "false"}
    )
    user = User.objects.get_by_email("new@example.org")
    assert page.status_code == 302
    assert len(user.user_id) == 33
    assert not user.has_usable_password()
    again = browser.post(
        reverse("admin:accounts_user_add"), {"email": "NEW@example.org", "usable_password": "false"}
    )
    assert b"A user with this e-mail exists." in again.content


def test_an_operator_changes_users_but_gives_no_powers_of_a_superuser(browser, something):
    user = something[0]
    change = reverse("admin:accounts_user_change", args=[user.pk])
    assert browser.get(change).status_code == 200
    browser.post(
        change,
        {"email": user.email, "first_name": "Ann", "is_superuser": "on", "is_staff": "on"},
    )
    user.refresh_from_db()
    assert (user.first_name, user.is_superuser, user.is_staff) == ("Ann", False, False)


def test_an_operator_cannot_take_over_a_superuser(browser):
    root = make_user("root@example.org", is_superuser=True, password="before")  # noqa: S106
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    change = reverse("admin:accounts_user_change", args=[root.pk])
    new = {"password1": "Quite new 1", "password2": "Quite new 1"}
    assert browser.post(password, new).status_code == 403
    assert browser.post(change, {"email": "op2@example.org"}).status_code == 403
    root.refresh_from_db()
    assert root.check_password("before")


def test_one_signs_in_to_the_admin_by_email_or_user_id():
    user = make_user("root@example.org", is_superuser=True, is_staff=True, password="secret phrase")  # noqa: S106
    for name in ("ROOT@example.org", user.user_id):
        browser = HttpClient()
        login = reverse("login")
        browser.post(login, {"username": name, "password": "secret phrase"})
        assert browser.get(reverse("admin:accounts_user_changelist")).status_code == 200


BEYOND = "9" * 30
"""More than any database has room for."""


def test_what_is_no_key_of_a_row_is_refused_and_no_fault(browser, something):
    lists = ("ledgerentry", "identity", "noticemail")
    for url in [reverse(f"admin:accounts_{name}_changelist") for name in lists]:
        for value in (BEYOND, "x", "\u0663"):
            assert browser.get(url, {"user": value}).status_code in (200, 302), (url, value)
    for value in (BEYOND, "-1", "x", "2026-02-30"):
        answer = browser.post(reverse("admin:accounts_monthlygrant_add"), {"user": value})
        assert answer.status_code == 200
        assert b"errorlist" in answer.content
