"""An operator acts for a user, and an entry tells of it."""

from __future__ import annotations

import pytest
from django.test import Client as HttpClient

from accounts.models import ActingEntry
from tests.accounts.factories import bearer, make_user

pytestmark = pytest.mark.django_db

ME = "/api/v2/users/me"


@pytest.fixture
def operator():
    return make_user("op@example.org", ["operate:hub", "manage:cubegens", "read:users"])


@pytest.fixture
def user():
    return make_user("ann@example.org", ["manage:cubegens"], 40)


def get(who, act_for: str, path: str = ME):
    return HttpClient().get(path, headers={**bearer(who), "X-Act-For": act_for})


def test_the_request_is_the_users_with_what_the_user_may(operator, user):
    answer = get(operator, user.user_id).json()
    assert answer["email"] == "ann@example.org"
    assert answer["permissions"] == ["manage:cubegens"]
    assert answer["units"]["total"] == 40


def test_an_entry_tells_who_asked_for_what_also_if_it_failed(operator, user):
    assert get(operator, user.user_id, "/api/v2/cubegens?status=NO").status_code == 400
    entry = ActingEntry.objects.get()
    assert (entry.operator, entry.user) == (operator, user)
    assert (entry.method, entry.path) == ("GET", "/api/v2/cubegens?status=NO")
    assert entry.address == "127.0.0.1"
    assert len(entry.jti) == 32


def test_only_operators_do(user):
    response = get(make_user(permissions=["manage:cubegens", "read:users"]), user.user_id)
    assert response.status_code == 403
    assert not ActingEntry.objects.exists()


def test_a_token_without_the_scope_does_not(operator, user):
    headers = {**bearer(operator, ["manage:cubegens"]), "X-Act-For": user.user_id}
    assert HttpClient().get(ME, headers=headers).status_code == 403


@pytest.mark.parametrize("permissions", [["operate:hub"], []])
def test_nobody_acts_for_an_operator(operator, permissions):
    other = make_user(permissions=permissions, is_staff=not permissions)
    assert get(operator, other.user_id).status_code == 403
    assert get(operator, make_user(is_superuser=True).user_id).status_code == 403


@pytest.mark.parametrize("name", ["", "nobody", "ann@example.org", "x" * 5000])
def test_the_user_must_be_there(operator, user, name):
    response = get(operator, name)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "X-Act-For"


def test_who_is_switched_off_is_not_acted_for(operator, user):
    user.is_active = False
    user.save()
    assert get(operator, user.user_id).status_code == 400


def test_beside_a_session_the_header_is_refused_not_ignored(operator, user):
    browser = HttpClient()
    browser.force_login(operator)
    response = browser.get(ME, headers={"X-Act-For": user.user_id})
    assert response.status_code == 400
    assert browser.get(ME).status_code == 200


def test_without_a_token_it_is_still_401(user):
    assert HttpClient().get(ME, headers={"X-Act-For": user.user_id}).status_code == 401
