"""The page where one signs in: providers to choose from, and passwords for operators."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import django.contrib.auth.hashers
import pytest
from django.db import connection
from django.test import Client

from accounts.sign_on import documents, renewal
from accounts.sign_on.password import TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS
from accounts.sign_on.providers import Provider
from hubsite.audit import AuditEntry, recording
from hubsite.coordination import failures
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

LOGIN = "/login/"
EDC = Provider(key="edc", name="EDC", issuer="https://edc.example.org", client_id="hub")
BC = Provider(key="bc", issuer="https://bc.example.org", client_id="hub")
API_ONLY = Provider(key="api", name="API", issuer="https://api.example.org", audiences=("hub",))


@pytest.fixture(autouse=True)
def _no_tries_so_far():
    documents.forget_all()


@pytest.fixture
def hub(settings):
    def configure(*providers: Provider, password_login: bool = True, **values) -> None:
        settings.HUB = {
            **settings.HUB,
            "XCUBE_HUB_OIDC_PROVIDERS": providers,
            "XCUBE_HUB_PASSWORD_LOGIN": password_login,
            **values,
        }

    return configure


@pytest.fixture
def operator():
    return make_user("op@example.org", ["operate:hub"], is_staff=True, password="a secret phrase")


def log_in(
    browser: Client, name: str = "op@example.org", password: str = "a secret phrase", **more
):
    return browser.post(LOGIN, {"username": name, "password": password, **more})


def test_each_provider_for_browsers_is_offered(hub, client):
    hub(EDC, BC, API_ONLY)
    text = client.get(f"{LOGIN}?next=/admin/").content.decode()
    assert 'href="/oidc/edc/?next=%2Fadmin%2F">Continue with EDC<' in text
    assert "Continue with bc.example.org" in text
    assert "Continue with API" not in text
    assert 'type="password"' in text


def test_the_only_way_is_taken_without_asking(hub, client):
    hub(EDC, password_login=False)
    assert client.get(LOGIN).url == "/oidc/edc/?next=%2Foverview%2F"
    assert client.get(f"{LOGIN}?ended=1").status_code == 200  # or it would go round and round


def test_a_hub_without_any_way_in_says_so(hub, client):
    hub(password_login=False)
    assert b"Nobody can sign in at this hub just now" in client.get(LOGIN).content


def test_a_hub_without_providers_says_how_users_get_in(hub, client):
    hub()
    text = client.get(LOGIN).content.decode()
    assert "only its operators sign in here" in text
    assert "client id and secret" in text
    hub(EDC)
    assert "only its operators" not in client.get(LOGIN).content.decode()


def test_an_unknown_provider_is_no_page(hub, client):
    hub(EDC, API_ONLY)
    assert client.get("/oidc/nobody/").status_code == 404
    assert client.get("/oidc/api/").status_code == 404


def test_a_provider_that_cannot_be_reached_is_named(hub, client, monkeypatch):
    monkeypatch.setattr(documents, "fetch", _away)
    hub(EDC)
    answer = client.get("/oidc/edc/")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "30"
    assert b"EDC does not answer just now" in answer.content


def _away(provider):
    raise documents.ProviderUnavailable("EDC does not answer just now")


def test_operators_sign_in_with_a_password(hub, client, operator):
    hub()
    answer = log_in(client, next="/admin/")
    assert (answer.status_code, answer.url) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/?next=/admin/"])
def test_the_admin_sends_to_the_hubs_own_page(hub, client, path):
    hub()
    answer = client.get(path, follow=True)
    assert answer.redirect_chain[-1][0].replace("%2F", "/") == "/login/?next=/admin/"
    assert b"<h1>Sign in</h1>" in answer.content


def test_others_do_not(hub, client):
    hub()
    make_user("ann@example.org", ["manage:cubegens"], password="a secret phrase")
    answer = log_in(client, "ann@example.org")
    assert answer.status_code == 400
    assert b"Only operators sign in with a password" in answer.content
    assert client.get("/api/v2/users/me").status_code == 401


def test_a_wrong_password_and_an_unknown_account_are_told_alike(hub, client, operator):
    hub()
    texts = set()
    for name in ("op@example.org", "nobody@example.org"):
        answer = log_in(client, name, "wrong")
        assert answer.status_code == 400
        texts.add(answer.content.decode().partition('role="alert"')[2].partition("</p>")[0])
    assert len(texts) == 1
    assert "do not belong together" in texts.pop()


def test_wrong_passwords_are_in_the_audit_once_an_hour(hub, client, operator, monkeypatch):
    hub()
    for _ in range(2):
        log_in(client, password="wrong")
        log_in(client, "nobody@example.org", "wrong")
    entry = AuditEntry.objects.get(action="user.refused")
    assert (entry.about, entry.actor_name) == (operator, "unknown")
    monkeypatch.setattr(recording, "SELDOM", timedelta())  # as if an hour had passed
    log_in(client, password="wrong")
    assert AuditEntry.objects.filter(action="user.refused").count() == 2


def test_after_a_few_failures_not_even_the_right_password_is_looked_at(
    hub, client, operator, monkeypatch
):
    hub()
    for _ in range(TRIES_PER_ACCOUNT):
        assert log_in(client, password="wrong").status_code == 400
    monkeypatch.setattr(
        "django.contrib.auth.hashers.verify_password", lambda *_: pytest.fail("a hash")
    )
    answer = log_in(client, "OP@example.org ")
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 300
    assert b"Too many failed tries" in answer.content


def test_from_another_address_the_operator_still_gets_in(hub, client, operator):
    hub()
    for _ in range(TRIES_PER_ACCOUNT):
        log_in(client, password="wrong")
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert log_in(elsewhere).status_code == 302


def test_an_address_that_tries_one_account_after_the_other_is_stopped(hub, client):
    hub()
    for number in range(TRIES_PER_ADDRESS):
        assert log_in(client, f"user{number}@example.org").status_code == 400
    assert log_in(client, "another@example.org").status_code == 429


def test_switched_off_no_password_helps_and_sessions_by_password_end(hub, client, operator):
    hub(EDC)
    log_in(client)
    assert client.get("/api/v2/users/me").status_code == 200
    hub(EDC, password_login=False)
    assert client.get("/api/v2/users/me").status_code == 401
    assert log_in(Client()).status_code == 403
    assert b'type="password"' not in Client().get(f"{LOGIN}?ended=1").content


@pytest.mark.parametrize(
    ("given", "leads_to"),
    [
        ("/admin/accounts/", "/admin/accounts/"),
        ("https://mallory.example.org/", "/overview/"),
        ("//mallory.example.org/", "/overview/"),
        ("/\\mallory.example.org/", "/overview/"),
        ("javascript:alert(1)", "/overview/"),
        ("/" + "x" * 3000, "/overview/"),
        ("", "/overview/"),
    ],
)
def test_one_is_sent_on_within_the_hub_only(hub, client, operator, given, leads_to):
    hub()
    assert log_in(client, next=given).url == leads_to


def test_a_long_password_costs_no_hash(hub, client, operator, monkeypatch):
    hub()
    monkeypatch.setattr(
        "django.contrib.auth.hashers.verify_password", lambda *_: pytest.fail("a hash")
    )
    assert log_in(client, password="x" * 100_000).status_code == 400


def test_signing_out_needs_a_form_and_ends_the_session(hub, client, operator):
    hub()
    log_in(client)
    assert client.get("/logout/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post("/logout/").status_code == 403
    assert client.post("/logout/").url == "/signed-out/"
    assert client.get("/api/v2/users/me").status_code == 401
    assert client.get("/signed-out/").status_code == 200


def test_signing_out_of_the_admin_is_the_same(hub, client, operator):
    hub()
    log_in(client)
    assert client.post("/admin/logout/").url == "/signed-out/"


def test_a_session_ends_after_its_lifetime(hub, client, operator):
    hub(XCUBE_HUB_SESSION_LIFETIME_S=1000)
    log_in(client)
    session = client.session
    session[renewal.SIGNED_IN_AT] = int(time.time()) - 999
    session.save()
    assert client.get("/api/v2/users/me").status_code == 200
    session[renewal.SIGNED_IN_AT] = int(time.time()) - 1001
    session.save()
    assert client.get("/api/v2/users/me").status_code == 401


@pytest.mark.parametrize(
    "query",
    ["", "?code=a&state=b", "?error=access_denied&state=b", "?error=x", "?code=%00&state=%00"],
)
def test_an_answer_that_nobody_waits_for_signs_nobody_in(hub, client, operator, query):
    hub(EDC)
    log_in(client)
    answer = client.get(f"/oidc/callback/{query}")
    assert answer.status_code == 400
    assert b"Please begin again" in answer.content
    assert client.get("/api/v2/users/me").status_code == 200  # nor does it sign anybody out


def session_by(client, provider: Provider, *, overdue_s: float) -> None:
    """A session that was confirmed long enough ago to be `overdue_s`."""
    user = make_user()
    client.force_login(user, backend="accounts.sign_on.backend.OidcBackend")
    session = client.session
    session[renewal.PROVIDER] = provider.key
    session[renewal.SIGNED_IN_AT] = int(time.time())
    session[renewal.RENEW_AT] = time.time() - overdue_s
    session.save()


def test_calls_of_the_api_go_unconfirmed_for_one_interval_more(hub, client):
    documents.publisher(EDC).keep({}, {}, time.time())  # it was reached just now
    hub(EDC, XCUBE_HUB_SESSION_RENEWAL_S=100)
    session_by(client, EDC, overdue_s=90)
    assert client.get("/api/v2/users/me").status_code == 200
    session_by(client, EDC, overdue_s=110)
    assert client.get("/api/v2/users/me").status_code == 401


@pytest.mark.parametrize("mode", ["cors", "same-origin", "no-cors"])
def test_what_a_page_fetches_does_not_end_a_session_that_the_next_page_confirms(hub, client, mode):
    """A page that moves by itself may be open for hours; on 401 it loads itself again."""
    metadata = {"authorization_endpoint": f"{EDC.issuer}/auth"}
    documents.publisher(EDC).keep(metadata, {}, time.time())
    hub(EDC, XCUBE_HUB_SESSION_RENEWAL_S=100)
    session_by(client, EDC, overdue_s=200)
    for _ in range(3):
        answer = client.get("/changes", {"of": "cubes"}, headers={"Sec-Fetch-Mode": mode})
        assert answer.status_code == 401
    page = client.get("/overview/", headers={"Sec-Fetch-Mode": "navigate"})
    assert page.status_code == 302 and page.url.startswith(f"{EDC.issuer}/auth?")
    assert "prompt=none" in page.url


def test_a_session_by_a_provider_that_was_taken_out_ends(hub, client):
    hub(EDC)
    session_by(client, BC, overdue_s=1)
    assert client.get("/api/v2/users/me").status_code == 401


def test_who_is_switched_off_is_signed_in_no_more(hub, client):
    hub(EDC)
    session_by(client, EDC, overdue_s=-100)
    user_id = client.session["_auth_user_id"]
    assert client.get("/api/v2/users/me").status_code == 200
    from accounts.models import User

    User.objects.filter(pk=user_id).update(is_active=False)
    assert client.get("/api/v2/users/me").status_code == 401


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nothing"}])
@pytest.mark.parametrize("path", ["/account/", "/admin/"])
def test_no_header_keeps_a_session_on_pages_beyond_its_end(hub, client, operator, path, headers):
    hub()
    log_in(client)
    assert client.get(path, headers=headers).status_code == 200
    session = client.session
    session[renewal.SIGNED_IN_AT] = 0
    session.save()
    assert "/login/" in client.get(path, headers=headers).url


@pytest.mark.django_db(transaction=True)
def test_of_40_wrong_passwords_at_once_only_5_are_looked_at(hub, operator, monkeypatch):
    hub()
    looked_at = []
    verify = django.contrib.auth.hashers.verify_password
    monkeypatch.setattr(
        "django.contrib.auth.hashers.verify_password",
        lambda *args, **options: looked_at.append(args) or verify(*args, **options),
    )
    now = time.time()  # one window for all
    monkeypatch.setattr(failures, "time", SimpleNamespace(time=lambda: now))

    def attempt(_: int) -> int:
        try:
            return log_in(Client(), password="wrong").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(attempt, range(40)))
    assert statuses == {400: TRIES_PER_ACCOUNT, 429: 40 - TRIES_PER_ACCOUNT}
    assert len(looked_at) == TRIES_PER_ACCOUNT
