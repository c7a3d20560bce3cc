"""Client secrets: stored as hashes, checked in the same way whether the client exists or not."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Client
from accounts.tokens import clients
from accounts.tokens.clients import check_is_slow, check_secret, create_client, find_client
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


def test_a_made_secret_is_long_and_stored_as_a_keyed_hash_only():
    client, secret = create_client(make_user(), scopes=["manage:cubegens"], name="notebook")
    stored = Client.objects.values().get()
    assert len(secret) >= 43
    assert len(client.client_id) == 32
    assert stored["secret_hash"].startswith("hmac-sha256$")
    assert not any(secret in str(value) for value in stored.values())
    assert not check_is_slow(client, client.client_id)
    assert check_secret(client, client.client_id, secret)
    assert not check_secret(client, client.client_id, secret + "x")
    assert not check_secret(client, client.client_id, stored["secret_hash"])


def test_a_given_secret_is_stored_as_passwords_are():
    client, secret = create_client(make_user(), scopes=[], client_id="Migrated", secret="1234")
    assert secret == "1234"
    assert "1234" not in client.secret_hash
    assert not client.secret_hash.startswith("hmac-sha256$")
    assert check_is_slow(client, "Migrated")
    assert check_secret(client, "Migrated", "1234")
    assert not check_secret(client, "Migrated", "12345")


def test_the_hash_depends_on_the_secret_key_and_former_keys_still_count(settings):
    client, secret = create_client(make_user(), scopes=[])
    former = settings.SECRET_KEY
    settings.SECRET_KEY = "another" * 10
    assert not check_secret(client, client.client_id, secret)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert check_secret(client, client.client_id, secret)


def test_revoked_clients_and_those_of_inactive_users_do_not_open():
    user = make_user()
    client, secret = create_client(user, scopes=[])
    user.is_active = False
    user.save()
    assert not check_secret(find_client(client.client_id), client.client_id, secret)
    user.is_active = True
    user.save()
    assert check_secret(find_client(client.client_id), client.client_id, secret)
    client.revoke()
    assert not check_secret(find_client(client.client_id), client.client_id, secret)


@pytest.mark.parametrize(("client_id", "hashes"), [("0" * 32, "fast"), ("Migrated", "slow")])
def test_an_unknown_client_costs_a_hash_as_a_known_one_of_that_form(monkeypatch, client_id, hashes):
    done = []
    for name, kind in (("_fast_hash", "fast"), ("check_password", "slow")):
        original = getattr(clients, name)
        monkeypatch.setattr(
            clients,
            name,
            lambda *args, original=original, kind=kind: done.append(kind) or original(*args),
        )
    assert find_client(client_id) is None
    assert check_secret(None, client_id, "secret") is False
    assert done == [hashes]


def test_a_client_id_is_given_once():
    create_client(make_user(), scopes=[], client_id="Migrated")
    with pytest.raises(IntegrityError), transaction.atomic():
        create_client(make_user(), scopes=[], client_id="Migrated")
