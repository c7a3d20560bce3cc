"""The account's page: plain words, programs with how to use them, nothing of others."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Subscription, User
from accounts.tokens.personal import make_token
from accounts.units import ledger
from hubsite.audit import AuditEntry
from tests.accounts.factories import make_client, make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def ann() -> User:
    return make_user("ann@example.org", permissions=["manage:cubegens"], units=100)


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_it_says_in_words_what_one_has(ann):
    job = make_job(ann, output_data_id="north.zarr", units=40)
    ledger.settle(job.job_id)
    Subscription.objects.create(
        user=ann, service="xcube_gen", guid="g", units=100, start_date=timezone.now().date()
    )
    text = browser_of(ann).get("/account/").content.decode()
    assert "Spent on north.zarr" in text and "\N{MINUS SIGN}40" in text and "+100" in text
    assert "You may generate cubes and run services." in text
    assert "Bought: 100 Processing units." in text
    assert "Can generate data cubes" in text


def test_it_shows_how_programs_sign_in_with_the_hubs_own_address(ann, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_PUBLIC_URL": "https://cubes.example.org/hub"}
    text = browser_of(ann).get("/account/").content.decode()
    api = f"https://cubes.example.org/hub/{django_settings.API_PATH}"
    assert f'{{"endpoint_url": "{api}", "access_token": "${{HUB_TOKEN}}"}}' in text
    assert f"curl {api}users/me" in text
    assert "%pip install https://cubes.example.org/hub/programs/xcube_hub_login-" in text
    wheel = text.partition("/hub/programs/")[2].split()[0]
    assert Client().get(f"/programs/{wheel}").status_code == 200


def test_a_client_is_revoked_by_its_owner_only(ann):
    bob = make_user("bob@example.org")
    client, _ = make_client(ann, name=HOSTILE, client_id="given/by old:service")
    path = reverse("account-client-revoke", args=[client.pk])
    text = browser_of(ann).get("/account/").content.decode()
    assert path in text and HOSTILE not in text and "given/by old:service" in text
    assert client.client_id not in browser_of(bob).get("/account/").content.decode()
    answer = browser_of(bob).post(path, follow=True)
    assert "There is no such client" in answer.content.decode()
    assert ann.clients.get().revoked_at is None
    assert browser_of(ann).get(path).status_code == 405
    assert "is revoked" in browser_of(ann).post(path, follow=True).content.decode()
    assert ann.clients.get().revoked_at is not None
    assert AuditEntry.objects.filter(action="client.revoked").count() == 1
    for pk in (client.pk, 10**30):
        again = reverse("account-client-revoke", args=[pk])
        assert "no such client" in browser_of(ann).post(again, follow=True).content.decode()


def test_errors_stand_beside_their_field(ann):
    given = {"name": "", "scopes": ["operate:hub"], "days": "0"}
    answer = browser_of(ann).post("/account/", given)
    assert answer.status_code == 400
    text = answer.content.decode()
    for name in ("name", "scopes", "days"):
        assert f'id="id_{name}_error"' in text
    assert "<details open>" in text


def test_it_costs_the_same_however_much_there_is():
    counts = []
    for many in (1, 30):
        user = make_user(permissions=["manage:cubegens"], units=10**6)
        for number in range(many):
            make_client(user)
            make_token(user, name="x", scopes=["manage:cubegens"], days=1) if number < 5 else None
            job = make_job(user, output_data_id=f"c{number}.zarr", units=1)
            ledger.settle(job.job_id)
        browser = browser_of(user)
        browser.get("/account/")
        with CaptureQueriesContext(connection) as captured:
            assert browser.get("/account/").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 20
