"""People sign in with a real browser at a real Keycloak, and out, and all that may come between."""

from __future__ import annotations

import re
import time

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from accounts.models import Identity, User
from accounts.sign_on import documents, renewal
from tests.accounts.factories import make_user
from tests.patience import PATIENCE_S

from .conftest import fill_in, provider_of, sign_in


def key_of(page) -> str:
    return next(it["value"] for it in page.context.cookies() if it["name"] == "sessionid")


def session_of(page):
    return Session.objects.get(session_key=key_of(page)).get_decoded()


def let_pass(page, name: str, seconds: float) -> None:
    """Let this instant of the browser's session be so long ago."""
    session = SessionStore(key_of(page))
    session[name] = time.time() - seconds
    session.save()


def who_is_signed_in(page) -> str | None:
    """As the page in the browser says."""
    who = page.locator(".account .who")
    return who.inner_text() if who.count() else None


def test_one_signs_in_and_gets_the_roles_that_the_provider_tells(hub, edc, make_person, page):
    hub(provider_of(edc))
    ann = make_person(edc, "cube-user")
    sign_in(page, ann, at="EDC", start="/login/?next=/api/v2/users/me")
    assert page.url.endswith("/api/v2/users/me")
    user = User.objects.get(email=ann.email)
    assert [role.name for role in user.groups.all()] == ["cube-generation"]
    assert (user.first_name, user.is_staff, user.is_superuser) == (ann.name.title(), False, False)
    assert user.identities.get().subject == ann.subject
    page.goto("/")
    assert who_is_signed_in(page) == ann.email
    edc.take_role(ann.subject, "cube-user")
    page.context.clear_cookies()
    sign_in(page, ann, at="EDC")
    assert user.groups.count() == 0
    assert User.objects.count() == 1


def test_only_the_explicit_role_opens_the_admin_and_losing_it_closes_it(
    hub, edc, make_person, page
):
    hub(provider_of(edc))
    operator = make_person(edc, "hub-operator")
    sign_in(page, operator, at="EDC", start="/admin/")
    assert "who may not open" in page.locator(".gate-card").inner_text()
    edc.give_role(operator.subject, "hub-staff")
    page.context.clear_cookies()
    sign_in(page, operator, at="EDC", start="/admin/")
    assert page.url.endswith("/admin/")
    assert "Operate the hub" in page.content()
    assert not User.objects.get().is_superuser
    edc.take_role(operator.subject, "hub-staff")
    page.context.clear_cookies()
    sign_in(page, operator, at="EDC")
    assert not User.objects.get().is_staff


def test_signing_out_signs_out_at_the_provider_too(hub, edc, make_person, page):
    hub(provider_of(edc))
    ann = make_person(edc)
    sign_in(page, ann, at="EDC")
    assert len(edc.sessions(ann.subject)) == 1
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out/")
    assert "You are signed out" in page.content()
    assert edc.sessions(ann.subject) == []
    page.goto("/")
    assert who_is_signed_in(page) is None
    page.get_by_role("banner").get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Continue with EDC").click()
    fill_in(page, ann)  # it asks for the password again
    assert who_is_signed_in(page) == ann.email


def test_a_session_that_lives_on_at_the_provider_is_renewed_unseen(hub, edc, make_person, page):
    hub(provider_of(edc))
    ann = make_person(edc)
    sign_in(page, ann, at="EDC")
    before = session_of(page)
    let_pass(page, renewal.RENEW_AT, 1e5)  # more than two intervals
    page.goto("/?after=a-second")
    assert page.url.endswith("/?after=a-second")
    assert who_is_signed_in(page) == ann.email
    after = session_of(page)
    assert after[renewal.RENEW_AT] > before[renewal.RENEW_AT]
    assert after[renewal.SIGNED_IN_AT] == before[renewal.SIGNED_IN_AT]


def test_a_session_that_ended_at_the_provider_ends_here(hub, edc, make_person, page):
    hub(provider_of(edc))
    ann = make_person(edc)
    sign_in(page, ann, at="EDC")
    edc.end_sessions(ann.subject)
    let_pass(page, renewal.RENEW_AT, 1)
    page.goto("/?where=i-was")
    assert "Your session has ended" in page.locator("[role=status]").inner_text()
    assert who_is_signed_in(page) is None
    page.get_by_role("link", name="Continue with EDC").click()
    fill_in(page, ann)
    assert page.url.endswith("/?where=i-was")


def test_a_session_ends_after_its_lifetime_whatever_the_provider_says(hub, edc, make_person, page):
    hub(provider_of(edc))
    ann = make_person(edc)
    sign_in(page, ann, at="EDC")
    assert who_is_signed_in(page) == ann.email
    let_pass(page, renewal.SIGNED_IN_AT, 1e9)
    page.goto("/")
    assert who_is_signed_in(page) is None


def test_keys_change_during_a_session(hub, make_realm, make_person, page):
    realm = make_realm("rotating")
    hub(provider_of(realm))
    ann = make_person(realm)
    sign_in(page, ann, at="ROTATING")
    realm.rotate_keys()
    let_pass(page, renewal.RENEW_AT, 1)
    page.goto("/")  # renewed with a token by the new key
    assert who_is_signed_in(page) == ann.email
    realm.sign_with_es256()
    page.context.clear_cookies()
    sign_in(page, ann, at="ROTATING")
    assert who_is_signed_in(page) == ann.email
    assert User.objects.count() == 1


def test_while_the_provider_is_away_a_page_says_so_and_sessions_go_on(
    hub, hanging, edc, make_person, page, chrome, live_server
):
    hub(provider_of(edc))
    ann = make_person(edc)
    sign_in(page, ann, at="EDC", start="/login/?next=/")  # a page that fetches nothing
    let_pass(page, renewal.RENEW_AT, 1)
    documents.forget_all()  # as in a process that has just begun
    with hanging():
        page.goto("/")
        assert who_is_signed_in(page) == ann.email
        stranger = chrome.new_context(base_url=live_server.url)
        its = stranger.new_page()
        its.set_default_timeout(PATIENCE_S * 1000)
        its.goto("/login/")
        with its.expect_response(re.compile("/oidc/edc/")) as answer:
            its.get_by_role("link", name="Continue with EDC").click()
        assert answer.value.status == 503
        # The answer has come, its page may not be there yet.
        expect(its.locator("h1")).to_contain_text("EDC does not answer just now")
        stranger.close()
    page.goto("/")
    assert who_is_signed_in(page) == ann.email


def test_a_user_whose_email_changes_stays_the_same_user(hub, edc, make_person, page):
    hub(provider_of(edc))
    ann = make_person(edc)
    sign_in(page, ann, at="EDC")
    before = User.objects.get()
    edc.change_person(ann.subject, email=f"new-{ann.email}", emailVerified=True)
    page.context.clear_cookies()
    sign_in(page, ann, at="EDC")
    after = User.objects.get()
    assert (after.pk, after.user_id) == (before.pk, before.user_id)
    assert after.email == f"new-{ann.email}"


def test_a_second_provider_with_the_same_email_does_not_take_the_account_over(
    hub, edc, other, make_person, page
):
    hub(provider_of(edc), provider_of(other))
    ann = make_person(edc, "cube-user")
    mallory = make_person(other, email=ann.email)
    sign_in(page, ann, at="EDC")
    page.context.clear_cookies()
    sign_in(page, mallory, at="OTHER")
    told = page.locator(".notice").inner_text()
    assert "Somebody signs in with this e-mail address by another account already" in told
    assert "An operator of the hub must first say whose account it is" in told
    page.goto("/")
    assert who_is_signed_in(page) is None
    assert [identity.subject for identity in User.objects.get().identities.all()] == [ann.subject]
    assert Identity.objects.get(subject=mallory.subject).user is None


def test_an_operator_links_an_account_that_waits(hub, edc, make_person, page, client, live_server):
    hub(provider_of(edc, trust_email=False))
    user = make_user("known@example.org")
    ann = make_person(edc, email="known@example.org")
    sign_in(page, ann, at="EDC")
    assert "does not take e-mail addresses from EDC" in page.locator(".notice").inner_text()
    assert not user.identities.exists()
    client.force_login(make_user("op@example.org", ["operate:hub"], is_staff=True))
    waiting = Identity.objects.get(subject=ann.subject)
    changed = client.post(f"/admin/accounts/identity/{waiting.pk}/change/", {"user": user.pk})
    assert changed.status_code == 302, changed.content
    page.get_by_role("link", name="Try again").click()
    page.get_by_role("link", name="Continue with EDC").click()
    page.wait_for_url(f"{live_server.url}/overview/")
    assert who_is_signed_in(page) == "known@example.org"


def test_an_account_made_by_the_marketplace_is_linked_at_the_first_sign_on(
    hub, edc, make_person, page
):
    hub(provider_of(edc))
    user = make_user("bought@example.org", ["manage:cubegens"])
    buyer = make_person(edc, email="Bought@example.org")
    sign_in(page, buyer, at="EDC")
    assert user.identities.get().subject == buyer.subject
    assert User.objects.count() == 1


@pytest.mark.parametrize("verified", [True, False])
def test_an_unverified_email_links_nothing(hub, edc, make_person, page, verified):
    hub(provider_of(edc))
    user = make_user(f"victim-{verified}@example.org")
    person = make_person(edc, email=user.email, verified=verified)
    sign_in(page, person, at="EDC")
    assert user.identities.exists() is verified


def test_an_answer_that_another_browser_was_sent_for_signs_nobody_in(
    hub, edc, make_person, page, chrome, live_server
):
    hub(provider_of(edc))
    ann = make_person(edc)
    seen = []
    page.on("request", lambda request: seen.append(request.url))
    sign_in(page, ann, at="EDC")
    (callback,) = [url for url in seen if "/oidc/callback/" in url]
    stranger = chrome.new_context(base_url=live_server.url)
    its = stranger.new_page()
    its.set_default_timeout(PATIENCE_S * 1000)
    assert its.goto(callback).status == 400
    assert "begun in another browser" in its.locator(".notice").inner_text()
    stranger.close()
    assert page.goto(callback).status == 400  # nor does it twice


def test_our_pages_of_signing_in_break_no_policy(hub, edc, other, make_person, page):
    hub(provider_of(edc), provider_of(other))
    faults = []
    page.on("console", lambda message: faults.append(message.text))
    ann = make_person(edc)
    page.goto("/login/")
    assert page.get_by_role("link", name="Continue with").count() == 2
    assert page.get_by_label("E-mail").count() == 1
    page.context.clear_cookies()
    sign_in(page, ann, at="EDC")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out/")
    assert [text for text in faults if "Content Security Policy" in text] == []
