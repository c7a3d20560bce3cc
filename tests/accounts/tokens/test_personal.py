"""Tokens that users make, name, limit and revoke themselves: API and page."""

from __future__ import annotations

import json
from datetime import timedelta

import jwt
import pytest
from django.test import Client as HttpClient
from django.utils import timezone

from accounts.models import AccessToken
from accounts.tokens.hub_tokens import InvalidToken, issue_token, verify_token
from accounts.tokens.personal import MOST_TOKENS, make_token
from hubsite.refusals import Refused
from tests.accounts.factories import bearer, make_client, make_user

pytestmark = pytest.mark.django_db

URL = "/api/v2/users/me/tokens"
ASKED = {"name": "notebook", "scopes": ["manage:cubegens"], "expires_in_days": 7}


@pytest.fixture
def user():
    return make_user("ann@example.org", ["manage:cubegens", "process:cubegens"])


@pytest.fixture
def by_client(user) -> dict[str, str]:
    client, _ = make_client(user)
    return {"Authorization": f"Bearer {issue_token(user, client=client, scopes=client.scopes)}"}


def post(headers, body=None, **options):
    return HttpClient(**options).post(
        URL, json.dumps(body or ASKED), content_type="application/json", headers=headers
    )


def test_one_is_made_shown_once_and_works(user, by_client):
    response = post(by_client)
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    made = response.json()
    principal = verify_token(made["token"])
    assert (principal.user, principal.scopes) == (user, {"manage:cubegens"})
    row = AccessToken.objects.get(jti=made["id"])
    assert row.expires_at - row.issued_at == timedelta(days=7)
    (listed,) = HttpClient().get(URL, headers=by_client).json()
    assert listed == {name: value for name, value in made.items() if name != "token"}


def test_it_opens_no_geodb(user):
    from tests.accounts.subscriptions.test_geodb_registration import subscribe_to_geodb

    subscribe_to_geodb(user)
    _, text = make_token(user, name="x", scopes=["manage:cubegens"], days=1)
    claims = jwt.decode(text, options={"verify_signature": False})
    assert "https://geodb.brockmann-consult.de/dbrole" not in claims


def test_it_is_revoked_by_its_owner_only(user, by_client):
    made = post(by_client).json()
    stranger = make_user()
    client, _ = make_client(stranger)
    stranger = bearer(stranger, client=client)
    assert HttpClient().delete(f"{URL}/{made['id']}", headers=stranger).status_code == 404
    assert verify_token(made["token"])
    assert HttpClient().delete(f"{URL}/{made['id']}", headers=by_client).json() == made["id"]
    with pytest.raises(InvalidToken, match="revoked"):
        verify_token(made["token"])
    assert HttpClient().delete(f"{URL}/{made['id']}", headers=by_client).status_code == 404
    assert HttpClient().get(URL, headers=by_client).json() == []


def test_it_may_no_more_than_the_request_that_made_it(user):
    client, _ = make_client(user, ["manage:cubegens"])
    token = issue_token(user, client=client, scopes=["manage:cubegens"])
    headers = {"Authorization": f"Bearer {token}"}
    response = post(headers, {**ASKED, "scopes": ["process:cubegens"]})
    assert response.status_code == 400
    assert response.json()["errors"] == [
        {"field": "scopes", "message": "you do not have process:cubegens"}
    ]


def test_it_ends_with_the_client_that_made_it(user, by_client):
    text = post(by_client).json()["token"]
    user.clients.get().revoke()
    with pytest.raises(InvalidToken, match="revoked"):
        verify_token(text)


def test_a_personal_token_makes_no_others(user, by_client):
    text = make_token(user, name="x", scopes=["manage:cubegens"], days=1)[1]
    for headers in ({"Authorization": f"Bearer {text}"}, bearer(user)):
        response = post(headers)
        assert response.status_code == 403
        assert "makes no others" in response.json()["message"]


def test_an_operator_makes_none_in_a_users_name(user):
    operator = make_user(permissions=["operate:hub"])
    client, _ = make_client(operator)
    token = issue_token(operator, client=client, scopes=["operate:hub"])
    headers = {"Authorization": f"Bearer {token}", "X-Act-For": user.user_id}
    assert post(headers).status_code == 403
    assert not AccessToken.objects.filter(is_personal=True).exists()


def test_a_browser_needs_its_csrf_token(user):
    browser = HttpClient(enforce_csrf_checks=True)
    browser.force_login(user)
    response = browser.post(URL, json.dumps(ASKED), content_type="application/json")
    assert response.status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", "a\nb"),
        ("name", 7),
        ("scopes", []),
        ("scopes", "manage:cubegens"),
        ("scopes", ["all:things"]),
        ("expires_in_days", 0),
        ("expires_in_days", 367),
        ("expires_in_days", "7"),
        ("expires_in_days", True),
    ],
)
def test_a_member_of_the_wrong_kind_is_named(by_client, field, value):
    response = post(by_client, {**ASKED, field: value})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"].split("[")[0].split(".")[0] == field


def test_there_are_at_most_fifty(user):
    for number in range(MOST_TOKENS):
        make_token(user, name=f"token {number}", scopes=["manage:cubegens"], days=1)
    with pytest.raises(Refused, match="revoke one first"):
        make_token(user, name="one more", scopes=["manage:cubegens"], days=1)
    AccessToken.objects.filter(name="token 0").update(revoked_at=timezone.now())
    make_token(user, name="one more", scopes=["manage:cubegens"], days=1)


def test_the_page_makes_shows_and_revokes(user):
    browser = HttpClient()
    browser.force_login(user)
    page = browser.post(
        "/account/", {"name": "for <b>me</b>", "scopes": ["manage:cubegens"], "days": 7}
    )
    text = page.context["text"]
    assert verify_token(text).scopes == {"manage:cubegens"}
    assert text.encode() in page.content
    assert b"<b>me</b>" not in page.content
    again = browser.get("/account/")
    assert text.encode() not in again.content
    assert b"for &lt;b&gt;me&lt;/b&gt;" in again.content
    assert "no-store" in again["Cache-Control"]
    jti = AccessToken.objects.get().jti
    assert b"revoked" in browser.post(f"/account/tokens/{jti}/revoke", follow=True).content
    with pytest.raises(InvalidToken):
        verify_token(text)


def test_the_page_offers_and_gives_what_the_user_may_only(user):
    browser = HttpClient()
    browser.force_login(user)
    assert b"operate:hub" not in browser.get("/account/").content
    page = browser.post("/account/", {"name": "x", "scopes": ["operate:hub"], "days": 7})
    assert page.status_code == 400
    assert not AccessToken.objects.exists()


def test_the_page_is_for_who_signed_in():
    response = HttpClient().get("/account/")
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/account/")


def test_another_users_token_cannot_be_revoked_on_the_page(user):
    _, text = make_token(user, name="x", scopes=["manage:cubegens"], days=1)
    browser = HttpClient()
    browser.force_login(make_user())
    browser.post(f"/account/tokens/{AccessToken.objects.get().jti}/revoke")
    assert verify_token(text)


def test_one_that_a_clients_token_made_makes_no_others_either(by_client):
    made = post(by_client).json()
    response = post({"Authorization": f"Bearer {made['token']}"}, {**ASKED, "expires_in_days": 366})
    assert response.status_code == 403
    assert "A personal token makes no others" in response.json()["detail"]


# What one may not do with it


@pytest.mark.parametrize("method", ["PATCH", "DELETE client", "DELETE token", "POST token"])
@pytest.mark.parametrize("kind", ["personal", "by a client", "by an operator's command"])
def test_it_changes_nothing_of_its_owners_account(user, by_client, method, kind):
    """Nor does any token without a client: it was made for some purpose."""
    client = user.clients.get()
    other, _ = make_token(user, name="other", scopes=["manage:cubegens"], days=1)
    text = {
        "personal": lambda: make_token(user, name="x", scopes=["manage:cubegens"], days=1)[1],
        "by a client": lambda: post(by_client).json()["token"],
        "by an operator's command": lambda: issue_token(user, scopes=["manage:cubegens"]),
    }[kind]()
    verb, path, body = {
        "PATCH": ("PATCH", "/api/v2/users/me", {"first_name": "Mallory"}),
        "DELETE client": ("DELETE", f"/api/v2/users/me/clients/{client.client_id}", {}),
        "DELETE token": ("DELETE", f"{URL}/{other.jti}", {}),
        "POST token": ("POST", URL, ASKED),
    }[method]

    def ask(headers):
        return (
            HttpClient()
            .generic(verb, path, json.dumps(body), content_type="application/json", headers=headers)
            .status_code
        )

    assert ask({"Authorization": f"Bearer {text}"}) == 403
    user.refresh_from_db(), client.refresh_from_db(), other.refresh_from_db()
    assert (user.first_name, client.revoked_at, other.revoked_at) == ("", None, None)
    assert ask(by_client) in (200, 201)


def test_it_reads_its_owners_account(user):
    text = make_token(user, name="x", scopes=["manage:cubegens"], days=1)[1]
    answer = HttpClient().get("/api/v2/users/me", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 200


def test_who_makes_and_revokes_them_without_end_must_wait(user, by_client, monkeypatch):
    monkeypatch.setattr("accounts.tokens.limits.NEW_TOKENS_PER_HOUR", 3)
    for _ in range(3):
        made = post(by_client).json()
        assert HttpClient().delete(f"{URL}/{made['id']}", headers=by_client).status_code == 200
    answer = post(by_client)
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 3600
