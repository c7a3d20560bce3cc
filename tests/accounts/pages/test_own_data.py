"""One's own data: taken along as a file, or deleted with the account by a careful few steps."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from django.apps import apps
from django.core import serializers
from django.test import Client
from django.urls import reverse

from accounts import deletion_queue
from accounts.models import PersonDeletion, User
from accounts.notices.telling import tell
from accounts.sign_on.password import TRIES_PER_ACCOUNT
from accounts.sign_on.renewal import PROVIDER, SIGNED_IN_AT
from accounts.tokens.personal import make_token
from accounts.units import ledger
from hubsite.audit import AuditEntry
from jobs.models import Job, JobDocument, State
from tests.accounts.factories import make_client, make_user
from tests.jobs.factories import make_job
from tests.services.factories import make_instance

pytestmark = pytest.mark.django_db

PAGE = "/account/data/"
PHRASE = "a long pass phrase"


@pytest.fixture
def ann() -> User:
    return make_user(
        "Ann.Zebulon@example.org",
        permissions=["manage:cubegens"],
        units=100,
        first_name="Zebulonia",
    )


def browser_of(user: User, *, signed_in_s_ago: float = 10) -> Client:
    """A session that began at a provider so long ago."""
    client = Client()
    client.force_login(user)
    session = client.session
    session[SIGNED_IN_AT] = int(time.time() - signed_in_s_ago)
    session.save()
    return client


def everything() -> str:
    rows: list = []
    for model in apps.get_models():
        if model._meta.app_label != "contenttypes":
            rows += model.objects.all()
    return serializers.serialize("json", rows).lower()


def test_the_page_says_what_goes_and_what_stays(ann):
    make_job(ann, state=State.SUCCEEDED)
    make_client(ann)
    text = browser_of(ann).get(PAGE).content.decode()
    for said in ("Finished cubes", "Ledger entries", "What stays, and why", "random id", ann.email):
        assert said in text
    assert "Delete my account for good" in text and 'type="password"' not in text


def test_an_account_is_deleted_and_nothing_tells_who_it_was(ann):
    make_job(ann, state=State.SUCCEEDED, output_data_id="zebulon.zarr", units=7)
    tell(ann, "job.succeeded", "1", "zebulon.zarr is ready", "", path="/cubes/")
    _, token = make_token(ann, name="zebulon", scopes=["manage:cubegens"], days=1)
    user_id, total = ann.user_id, ledger.balance_of(ann).total
    browser = browser_of(ann)
    answer = browser.post(PAGE, {"typed": " ANN.zebulon@example.org "})
    assert answer.status_code == 200 and "is being deleted" in answer.content.decode()
    assert browser.get("/account/").status_code == 302  # signed out
    assert not User.objects.get(pk=ann.pk).is_active
    by_token = Client().get("/api/v2/users/me", headers={"Authorization": f"Bearer {token}"})
    assert by_token.status_code == 401
    assert AuditEntry.objects.filter(action="user.deletion_asked").exists()
    assert deletion_queue.go_on() == 1
    left = everything()
    for name in ("zebulon", user_id):
        assert name not in left
    assert ledger.balance_of(ann).total == total and ledger.check_ledger() == []


def test_what_still_runs_is_ended_first(ann):
    make_job(ann, state=State.RUNNING, units=7)
    browser_of(ann).post(PAGE, {"typed": ann.email})
    assert deletion_queue.go_on() == 0
    deletion = PersonDeletion.objects.get(user=ann)
    assert deletion.done_at is None and deletion.waits_for
    assert Job.objects.get(owner=ann).state == State.CANCELLED


@pytest.mark.parametrize("typed", ["", "ann", "bob@example.org", "x" * 300, "\x00"])
def test_the_wrong_address_deletes_nothing(ann, typed):
    answer = browser_of(ann).post(PAGE, {"typed": typed})
    assert answer.status_code == 400 and b'id="id_typed_error"' in answer.content
    assert User.objects.get(pk=ann.pk).is_active and not PersonDeletion.objects.exists()


@pytest.mark.parametrize("ago", [16 * 60, 10**6, 10**10])
def test_an_old_sign_in_is_not_enough(ann, ago):
    browser = browser_of(ann, signed_in_s_ago=ago)
    if ago < 3600:  # an older session has ended altogether
        assert b"Sign in again" in browser.get(PAGE).content
        answer = browser.post(PAGE, {"typed": ann.email})
        assert answer.status_code == 403 and b"too long ago" in answer.content
    else:
        assert browser.post(PAGE, {"typed": ann.email}).status_code == 302
    assert User.objects.get(pk=ann.pk).is_active


def test_one_signs_in_again_at_the_same_provider(ann, settings, monkeypatch):
    from tests.accounts.sign_on.test_password import EDC

    settings.HUB = {**settings.HUB, "XCUBE_HUB_OIDC_PROVIDERS": [EDC]}
    browser = browser_of(ann, signed_in_s_ago=16 * 60)
    session = browser.session
    session[PROVIDER] = EDC.key
    session["oidc_id_token_expiration"] = time.time() + 600
    session.save()
    text = browser.get(PAGE).content.decode()
    assert f'href="/oidc/{EDC.key}/?next=%2Faccount%2Fdata%2F&amp;again=1"' in text
    documents = SimpleNamespace(metadata={"authorization_endpoint": "https://edc.example.org/a"})
    monkeypatch.setattr(
        "accounts.sign_on.flow.publisher", lambda it: SimpleNamespace(fresh=lambda: documents)
    )
    leads_to = browser.get(f"/oidc/{EDC.key}/?next=%2Faccount%2Fdata%2F&again=1")["Location"]
    assert parse_qs(urlsplit(leads_to).query)["prompt"] == ["login"]
    leads_to = browser.get(f"/oidc/{EDC.key}/?next=%2Faccount%2Fdata%2F")["Location"]
    assert "prompt" not in parse_qs(urlsplit(leads_to).query)


def test_a_session_by_password_asks_for_it_and_bounds_tries(ann):
    ann.set_password(PHRASE)
    ann.save()
    browser = browser_of(ann, signed_in_s_ago=60)
    assert b'type="password"' in browser.get(PAGE).content
    for _ in range(TRIES_PER_ACCOUNT):
        answer = browser.post(PAGE, {"typed": ann.email, "password": "wrong"})
        assert answer.status_code == 400 and b"not your password" in answer.content
    answer = browser.post(PAGE, {"typed": ann.email, "password": PHRASE})
    assert answer.status_code == 400 and b"Too many failed tries" in answer.content
    assert User.objects.get(pk=ann.pk).is_active


def test_the_right_password_is_enough(ann):
    ann.set_password(PHRASE)
    ann.save()
    answer = browser_of(ann).post(PAGE, {"typed": ann.email, "password": PHRASE})
    assert answer.status_code == 200 and PersonDeletion.objects.get().user == ann


@pytest.mark.parametrize("fields", [{"is_staff": True}, {"permissions": ["operate:hub"]}])
def test_who_operates_the_hub_is_not_deleted_here(fields):
    operator = make_user("op@example.org", **fields)
    browser = browser_of(operator)
    assert b"Have another operator" in browser.get(PAGE).content
    assert browser.post(PAGE, {"typed": operator.email}).status_code == 403
    assert User.objects.get(pk=operator.pk).is_active


def test_another_site_deletes_and_downloads_nothing(ann):
    client = Client(enforce_csrf_checks=True)
    client.cookies = browser_of(ann).cookies
    assert client.post(PAGE, {"typed": ann.email}).status_code == 403
    assert client.post(reverse("own-data-download")).status_code == 403
    assert User.objects.get(pk=ann.pk).is_active


def test_the_file_has_what_is_of_the_person_and_no_secret(ann):
    bob = make_user("bob@example.org", permissions=["manage:cubegens"], units=50)
    job = make_job(ann, output_data_id="mine.zarr", units=3)
    JobDocument.objects.filter(job=job).update(request={"cube_config": {"crs": "Grüße"}})
    make_job(bob, output_data_id="of-bob.zarr", units=3)
    make_instance(ann, title="My map")
    client, secret = make_client(ann, name="notebook")
    _, token = make_token(ann, name="mine", scopes=["manage:cubegens"], days=1)
    tell(ann, "job.failed", "1", "Told </script>", "", path="/cubes/")
    answer = browser_of(ann).post(reverse("own-data-download"))
    assert answer.streaming and "my-data.json" in answer["Content-Disposition"]
    text = answer.getvalue().decode()
    told = json.loads(text)
    assert told["account"]["email"] == ann.email
    assert [it["output_data_id"] for it in told["cubes"]] == ["mine.zarr"]
    assert told["cubes"][0]["request"] == {"cube_config": {"crs": "Grüße"}}
    assert [it["title"] for it in told["services"]] == ["My map"]
    assert [it["kind"] for it in told["units"]] == ["grant", "reserve"]
    assert [it["client_id"] for it in told["clients"]] == [client.client_id]
    assert [it["name"] for it in told["tokens"]] == ["mine"]
    assert told["notices"][0]["title"] == "Told </script>"
    for hidden in (secret, token, client.secret_hash, "bob", job.owner.password):
        assert hidden not in text
    assert AuditEntry.objects.filter(action="user.data_downloaded").count() == 1


def test_the_file_of_an_empty_account_is_whole():
    answer = browser_of(make_user()).post(reverse("own-data-download"))
    told = json.loads(answer.getvalue())
    assert told["cubes"] == told["units"] == [] and told["account"]["permissions"] == []


def test_only_who_is_signed_in_gets_there():
    for path in (PAGE, reverse("own-data-download")):
        assert Client().post(path).status_code in (302, 405)
        assert Client().get(path).status_code in (302, 405)
