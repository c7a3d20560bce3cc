"""What one finds of one's own below /users/me, and that it is one's own only."""

from __future__ import annotations

import pytest
from django.test import Client as HttpClient

from accounts.api import me_views
from accounts.models import Service
from accounts.subscriptions.subscribing import Wish, subscribe
from tests.accounts.factories import bearer, make_client, make_user
from tests.api_document import answer_faults

pytestmark = pytest.mark.django_db

ME = "/api/v2/users/me"


@pytest.fixture
def user():
    return make_user("ann@example.org", ["manage:cubegens"], units=40)


def by_client(user) -> dict[str, str]:
    """Headers of a token of a client of the user's: it may change the account."""
    client, _ = make_client(user)
    return bearer(user, client=client)


def get(user, path: str = ""):
    response = HttpClient().get(f"{ME}{path}", headers=bearer(user))
    assert response.status_code == 200
    assert not answer_faults(f"GET /users/me{path}", 200, response.json())
    return response.json()


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("", 2),
        ("/units", 4),
        ("/units/history", 3),
        ("/subscriptions", 3),
        ("/clients", 3),
        ("/tokens", 3),
    ],
)
def test_it_takes_few_queries_whatever_there_is(user, path, queries, django_assert_num_queries):
    subscribe(Service.GEN, Wish(email=user.email, guid="g", units=5.0), actor="test")
    for _ in range(3):
        make_client(user)
    headers = bearer(user)
    with django_assert_num_queries(queries):
        HttpClient().get(f"{ME}{path}", headers=headers)


def test_a_name_is_changed_and_nothing_else(user):
    response = HttpClient().patch(
        ME,
        {"first_name": "Ann", "email": "root@example.org", "is_superuser": True},
        content_type="application/json",
        headers=by_client(user),
    )
    assert response.json()["name"] == "Ann"
    user.refresh_from_db()
    assert (user.email, user.is_superuser, user.first_name) == ("ann@example.org", False, "Ann")


@pytest.mark.parametrize("value", [7, None, "x" * 151, "a\nb", ["Ann"]])
def test_a_name_must_be_one(user, value):
    response = HttpClient().patch(
        ME, {"last_name": value}, content_type="application/json", headers=by_client(user)
    )
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "last_name"


def test_subscriptions_tell_their_history_without_secrets(user):
    wish = Wish(email=user.email, guid="g", units=5.0, client_secret="the secret")  # noqa: S106
    subscribe(Service.GEN, wish, actor="client of-the-marketplace")
    (told,) = get(user, "/subscriptions")
    assert (told["service"], told["units"]) == ("xcube_gen", 5.0)
    assert told["history"][0]["kind"] == "started"
    assert "the secret" not in str(told)
    assert "of-the-marketplace" not in str(told)
    assert get(make_user(), "/subscriptions") == []


def test_the_history_of_a_subscription_is_bounded(user, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(me_views, "MOST_CHANGES", 3)
    for units in range(5):
        wish = Wish(email=user.email, guid="g", units=float(units + 1))
        subscribe(Service.GEN, wish, actor="client of-the-marketplace")
    with django_assert_max_num_queries(12):
        (told,) = get(user, "/subscriptions")
    assert [one["changes"]["units"][1] for one in told["history"]] == [3.0, 4.0, 5.0]


def test_clients_are_listed_and_revoked_by_their_owner_only(user):
    client, secret = make_client(user, name="notebook")
    (told,) = get(user, "/clients")
    assert (told["client_id"], told["name"]) == (client.client_id, "notebook")
    assert secret not in str(told)
    url = f"{ME}/clients/{client.client_id}"
    assert HttpClient().delete(url, headers=by_client(make_user())).status_code == 404
    assert HttpClient().delete(url, headers=by_client(user)).json() == client.client_id
    assert HttpClient().delete(url, headers=by_client(user)).status_code == 404
    client.refresh_from_db()
    assert client.revoked_at is not None


@pytest.mark.parametrize("name", ["%00", "a%00b", "%0A", "x" * 2000])
def test_odd_ids_are_absent_ones(user, name):
    for path in (
        f"{ME}/clients/{name}",
        f"{ME}/tokens/{name}",
    ):
        assert HttpClient().delete(path, headers=by_client(user)).status_code == 404
    marketplace = bearer(make_user(permissions=["read:users", "create:users"]))
    path = f"/api/v2/services/xcube_gen/subscriptions/{name}"
    assert HttpClient().get(path, headers=marketplace).status_code == 404
    assert HttpClient().delete(path, headers=marketplace).status_code == 404
