"""A leaked secret of any kind is found, told in words, and revoked with one button."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

import jwt
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client as HttpClient
from django.urls import reverse
from django.utils import timezone

from accounts.leaks import finding
from accounts.models import AccessToken, Client, DeviceRequest, Identity, Share
from accounts.models.user_ids import user_id_of
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from accounts.sign_on import documents
from accounts.sign_on.providers import Provider
from accounts.tokens import device_flow
from accounts.tokens.clients import create_client
from accounts.tokens.hub_tokens import InvalidToken, issue_token, revoke_tokens, verify_token
from accounts.tokens.personal import make_token
from accounts.tokens.signing_keys import signing_keys
from jobs.models import Job, State
from jobs.running.run_token import run_token
from services.access.entering import exchange_ticket, make_ticket
from services.access.keys import make_key
from services.models import EdgeSession
from tests.accounts.factories import make_client, make_user
from tests.accounts.sign_on import issuer
from tests.jobs.factories import make_job
from tests.services.factories import make_instance

pytestmark = pytest.mark.django_db

MAY = ["manage:cubegens"]
EDC = Provider(key="edc", name="EDC", issuer=issuer.ISSUER, client_id="hub")


@pytest.fixture
def ann():
    return make_user("ann@example.org", MAY, units=9)


@pytest.fixture
def browser() -> HttpClient:
    browser = HttpClient()
    browser.force_login(make_user("op@example.org", ["operate:hub"], is_staff=True))
    return browser


def paste(browser: HttpClient, text: str):
    return browser.post(reverse("admin:accounts_leaked"), {"text": text})


def the_one(text: str) -> finding.Found:
    (found,) = finding.find(text)
    return found


def press(browser: HttpClient, found: finding.Found):
    fields = {"kind": found.kind, "key": found.key}
    return browser.post(reverse("admin:accounts_leaked_revoke"), fields, follow=True)


def personal(ann):
    row, text = make_token(ann, name="notebook", scopes=MAY, days=3)
    return text, lambda: AccessToken.objects.get(pk=row.pk).revoked_at is not None


def of_a_client(ann):
    text = issue_token(ann, client=make_client(ann)[0], scopes=MAY)
    return text, lambda: not AccessToken.objects.filter(revoked_at=None).exists()


def secret(ann):
    client, text = make_client(ann)
    return text, lambda: Client.objects.get(pk=client.pk).revoked_at is not None


def given_secret(ann):
    """Has a slow hash with a salt: it is found beside its id only."""
    client, text = create_client(ann, scopes=MAY, client_id="shop-of-ann", secret="correct horse")
    named = f'{{"client_id": "shop-of-ann", "client_secret": "{text.replace(" ", "-")}"}}'
    Client.objects.filter(pk=client.pk).update(secret_hash=hash_of_secret("correct-horse"))
    return named, lambda: Client.objects.get(pk=client.pk).revoked_at is not None


def hash_of_secret(text: str) -> str:
    from django.contrib.auth.hashers import make_password

    return make_password(text)


def link(ann):
    wish = Wish(kinds.kind_of("service"), make_instance(ann).instance_id, ann, "view")
    share, text = giving.make_link(wish)
    return (
        f"https://hub.example.org/shared/{text}/",
        lambda: Share.objects.get(pk=share.pk).revoked_at is not None,
    )


def cookie(ann):
    theirs = HttpClient()
    theirs.force_login(ann)
    key = theirs.session.session_key
    return f"Cookie: sessionid={key}", lambda: not Session.objects.filter(session_key=key).exists()


def edge_key(ann):
    instance = make_instance(ann)
    text = make_key(instance, ann)
    return (
        f"https://{instance.instance_id}.example.org/.xcube-hub/key/{text}/datasets",
        lambda: EdgeSession.objects.get().ended_at is not None,
    )


def ticket(ann):
    instance = make_instance(ann)
    text = make_ticket(instance, ann)
    return text, lambda: exchange_ticket(instance.instance_id, text) is None


def run(ann):
    job = make_job(ann, state=State.RUNNING)
    return run_token(
        job.job_id, job.attempt
    ), lambda: Job.objects.get(pk=job.pk).state == State.CANCELLED


def device(ann):
    asked = device_flow.ask(client_id="tool", name="x", scope="", address="192.0.2.1")
    return asked.device_code, lambda: not DeviceRequest.objects.exists()


@pytest.mark.parametrize(
    "leak",
    [personal, of_a_client, secret, given_secret, link, cookie, edge_key, ticket, run, device],
    ids=lambda leak: leak.__name__,
)
def test_each_kind_is_found_told_and_revoked_and_stays_secret(browser, ann, leak, caplog):
    text, is_over = leak(ann)
    found = the_one(text)
    with caplog.at_level(logging.DEBUG):
        page = paste(browser, f"it stood here: {text}\nand no more")
        shown = page.content.decode()
        assert found.is_valid
        assert str(found.what) in page.context["found"][0].what
        assert leak is device or f">{ann.email}</a>" in shown
        assert str(found.button) in shown
        for word in (found.word, text):
            assert word not in shown
        assert "no-store" in page["Cache-Control"]
        after = press(browser, found).content.decode()
    assert "Revoked; it is refused from now on." in after
    assert is_over()
    assert "Nothing was revoked" in press(browser, found).content.decode()
    entry = LogEntry.objects.get()
    kept = f"{entry.change_message} {entry.object_repr} {caplog.text}"
    assert "revoked what leaked" in kept
    assert found.word not in kept


def test_what_ended_is_told_without_a_button(browser, ann):
    _row, text = make_token(ann, name="old", scopes=MAY, days=3)
    revoke_tokens(AccessToken.objects.all())
    assert "it was revoked" in paste(browser, text).content.decode()
    AccessToken.objects.update(revoked_at=None, expires_at=timezone.now())
    assert "it has expired" in paste(browser, text).content.decode()
    assert not the_one(text).key
    AccessToken.objects.all().delete()
    assert "its row is deleted" in paste(browser, text).content.decode()


def test_forged_and_foreign_tokens_say_so_and_name_nobody(browser, ann):
    claims = jwt.decode(issue_token(ann, scopes=MAY), options={"verify_signature": False})
    page = paste(browser, jwt.encode(claims, "x" * 64)).content.decode()
    assert "it is forged" in page
    assert ann.email not in page
    stranger = jwt.encode({"iss": "https://elsewhere.example.org/"}, "x" * 64)
    assert "another issuer: https://elsewhere" in paste(browser, stranger).content.decode()


def test_a_providers_token_names_its_issuer_and_is_refused_from_now_on(browser, ann, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OIDC_PROVIDERS": (EDC,)}
    documents.forget_all()
    documents.publisher(EDC).keep({}, {"keys": [issuer.jwk()]}, time.time())
    identity = Identity.objects.create(user=ann, issuer=EDC.issuer, subject="ann-1")
    text = issuer.token(sub="ann-1")
    found = the_one(text)
    assert EDC.issuer in found.what
    press(browser, found)
    identity.refresh_from_db()
    assert identity.not_before is not None
    documents.publisher(EDC).keep({}, {"keys": []}, time.time())
    assert "perhaps it is forged" in str(the_one(text).says)
    documents.forget_all()


def test_a_token_of_the_old_service_says_what_helps(browser, ann, settings):
    today = timezone.now().date()
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OLD_TOKENS_UNTIL": today + timedelta(days=1)}
    claims = jwt.decode(issue_token(ann, scopes=MAY), options={"verify_signature": False})
    claims = {**claims, "sub": user_id_of(ann.email)}
    claims.pop("jti")
    page = paste(browser, jwt.encode(claims, signing_keys()[0])).content.decode()
    assert "XCUBE_HUB_OLD_TOKENS_UNTIL" in page
    assert ann.email in page


@pytest.mark.parametrize(
    "text",
    ["short", "nothing-of-this-hub-at-all", "a.b.c" * 20, "\u6d77" * 500, "x" * 30_000, "🙂 " * 99],
)
def test_what_is_unknown_says_so(browser, text):
    page = paste(browser, text)
    assert page.status_code == 200
    assert b"This is nothing that the hub gave out" in page.content


@pytest.mark.parametrize("text", ["", "   ", "x\0y", "x" * 40_000])
def test_what_is_no_text_is_refused(browser, text):
    page = paste(browser, text)
    assert page.status_code == 422
    assert text.strip() == "" or text not in page.content.decode()


def test_a_run_that_ended_and_a_webhooks_secret_are_told(browser):
    assert "no run that goes on" in paste(browser, "run." + "0" * 64).content.decode()
    assert "signing secret of a webhook" in paste(browser, "whsec_" + "A" * 44).content.decode()


@pytest.mark.parametrize("key", ["", "x", "9" * 30, "1-2", "\0", "\u0663"])
def test_nothing_else_is_revoked(browser, key):
    for kind in (*finding._kinds, "nothing"):
        answer = browser.post(
            reverse("admin:accounts_leaked_revoke"), {"kind": kind, "key": key}, follow=True
        )
        assert b"Nothing was revoked" in answer.content


def test_a_whole_file_costs_few_queries(ann, django_assert_max_num_queries):
    words = "\n".join(f"export SECRET_{n}={n:040d}" for n in range(200))
    with django_assert_max_num_queries(12):
        assert finding.find(words) == []


def test_support_finds_and_does_not_revoke(ann):
    browser = HttpClient()
    browser.force_login(make_user(permissions=["read:hub"], is_staff=True))
    _row, text = make_token(ann, name="notebook", scopes=MAY, days=3)
    page = paste(browser, text).content.decode()
    assert "notebook" in page
    assert "Revoke this token" not in page
    assert press(browser, the_one(text)).status_code == 403
    assert verify_token(text).user == ann


def test_a_revoked_token_is_refused_at_once(browser, ann):
    _row, text = make_token(ann, name="notebook", scopes=MAY, days=3)
    press(browser, the_one(text))
    with pytest.raises(InvalidToken, match="revoked"):
        verify_token(text)
