"""Clients, tokens and identity providers in the admin: last used, secrets, keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as HttpClient
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccessToken, Client, Identity, ProviderDocuments
from accounts.sign_on import documents
from accounts.sign_on.http import ProviderUnavailable
from accounts.sign_on.providers import Provider
from accounts.tokens import last_use
from accounts.tokens.clients import check_secret
from accounts.tokens.hub_tokens import InvalidToken, issue_token, verify_token
from tests.accounts.factories import make_client, make_user
from tests.accounts.sign_on import issuer

pytestmark = pytest.mark.django_db

MAY = ["manage:cubegens"]
EDC = Provider(key="edc", name="EDC", issuer=issuer.ISSUER, client_id="hub", trust_email=True)


@pytest.fixture
def browser() -> HttpClient:
    browser = HttpClient()
    browser.force_login(make_user("op@example.org", ["operate:hub"], is_staff=True))
    return browser


def test_a_secret_is_replaced_and_shown_once(browser):
    client, old = make_client(make_user(permissions=MAY))
    token = issue_token(client.owner, client=client, scopes=MAY)
    page = browser.post(reverse("admin:accounts_client_secret", args=[client.pk]))
    new = page.context["secret"]
    assert new in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    client.refresh_from_db()
    assert check_secret(client, client.client_id, new)
    assert not check_secret(client, client.client_id, old)
    with pytest.raises(InvalidToken):
        verify_token(token)
    again = browser.get(reverse("admin:accounts_client_change", args=[client.pk]))
    assert new not in again.content.decode()
    assert "Replace the secret" in again.content.decode()


def test_nobody_gains_powers_by_replacing_a_secret(browser):
    root, _ = make_client(make_user(is_superuser=True))
    revoked, _ = make_client(make_user(permissions=MAY))
    revoked.revoke()
    for client in (root, revoked):
        before = client.secret_hash
        url = reverse("admin:accounts_client_secret", args=[client.pk])
        assert browser.post(url).status_code == 403
        assert Client.objects.get(pk=client.pk).secret_hash == before
        page = browser.get(reverse("admin:accounts_client_change", args=[client.pk]))
        assert "Replace the secret" not in page.content.decode()


def test_the_last_use_is_noted_in_memory_and_written_together(django_assert_num_queries):
    client, _ = make_client(make_user(permissions=MAY))
    tokens = [issue_token(client.owner, client=client, scopes=MAY) for _ in range(3)]
    unused = issue_token(client.owner, scopes=MAY)
    last_use.write()
    for token in tokens * 2:
        with django_assert_num_queries(1):
            verify_token(token)
    with django_assert_num_queries(3):
        assert last_use.write() == 3
    with django_assert_num_queries(0):
        assert last_use.write() == 0
    assert AccessToken.objects.filter(last_used_at=None).count() == 1
    assert verify_token(unused)
    client.refresh_from_db()
    assert client.last_used_at is not None


def test_a_refused_token_was_not_used():
    user = make_user(permissions=MAY)
    token = issue_token(user, scopes=MAY)
    last_use.write()
    AccessToken.objects.update(revoked_at=timezone.now())
    with pytest.raises(InvalidToken):
        verify_token(token)
    assert last_use.write() == 0


@pytest.fixture
def edc(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OIDC_PROVIDERS": (EDC,)}
    documents.forget_all()
    yield EDC
    documents.forget_all()


def test_the_page_of_providers_says_whether_keys_are_fresh(browser, edc, monkeypatch):
    its = documents.publisher(edc)
    monkeypatch.setattr(its, "_start_fetching", lambda **_: None)
    url = reverse("admin:accounts_providers")
    page = browser.get(url).content.decode()
    assert "never fetched" in page
    ProviderDocuments.objects.update_or_create(
        issuer=edc.issuer,
        defaults={
            "metadata": {},
            "jwks": {"keys": [issuer.jwk()]},
            "fetched_at": timezone.now() - timedelta(hours=2),
        },
    )
    Identity.objects.create(issuer=edc.issuer, subject="1", user=make_user())
    Identity.objects.create(issuer=edc.issuer, subject="2")
    page = browser.get(url).content.decode()
    assert "1, fetched" in page
    assert "1 wait for a user" in page
    assert "The last attempt failed" not in page


def test_why_the_last_attempt_failed_is_told_until_the_next_success(browser, edc, monkeypatch):
    its = documents.publisher(edc)
    monkeypatch.setattr(its, "_start_fetching", lambda **_: None)
    monkeypatch.setattr(documents.connection, "close", lambda: None)  # it is that of the test

    def fail(provider):
        raise ProviderUnavailable("EDC publishes no usable key")

    monkeypatch.setattr(documents, "fetch", fail)
    its._fetch()
    url = reverse("admin:accounts_providers")
    assert "EDC publishes no usable key" in browser.get(url).content.decode()
    monkeypatch.setattr(documents, "fetch", lambda _: ({}, {"keys": [issuer.jwk()]}))
    its._fetch()
    page = browser.get(url).content.decode()
    assert "The last attempt failed" not in page
    assert "1, fetched" in page


def test_keys_are_fetched_at_once_by_operators_only(browser, edc, monkeypatch):
    asked = []
    monkeypatch.setattr(
        documents.Publisher, "fresh", lambda self, *, within_s=0: asked.append(self.provider.key)
    )
    url = reverse("admin:accounts_providers_fetch")
    assert (
        b"The keys of EDC are fresh." in browser.post(url, {"provider": "edc"}, follow=True).content
    )
    assert browser.post(url, {"provider": "other"}).status_code == 404
    support = HttpClient()
    support.force_login(make_user(permissions=["read:hub"], is_staff=True))
    assert support.get(reverse("admin:accounts_providers")).status_code == 200
    assert support.post(url, {"provider": "edc"}).status_code == 403
    assert asked == ["edc"]
