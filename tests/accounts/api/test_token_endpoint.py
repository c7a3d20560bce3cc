"""POST /oauth/token: JSON as the xcube and geoDB clients send it, forms as RFC 6749 has them."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from urllib.parse import urlencode

import jwt
import pytest
from django.conf import settings
from django.test import Client as HttpClient
from django.utils import timezone

from accounts.api import token_views
from accounts.deletion import forget_person
from accounts.models import AccessToken, Client
from accounts.tokens import client_tokens, limits
from accounts.tokens.hub_tokens import InvalidToken, verify_token
from hubsite.coordination import failures
from tests.accounts.factories import make_client, make_user

pytestmark = pytest.mark.django_db

URL = "/api/v2/oauth/token"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def user():
    return make_user(permissions=["manage:cubegens", "process:cubegens"])


@pytest.fixture
def pair(user) -> dict[str, str]:
    client, secret = make_client(user)
    return {"client_id": client.client_id, "client_secret": secret}


def post_json(body, **options):
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return HttpClient().post(URL, data, content_type="application/json", **options)


def post_form(body: str = "", **options):
    return HttpClient().post(URL, body, content_type=FORM, **options)


def form(members: dict[str, str]) -> str:
    return urlencode(members)


def basic(client_id: str, secret: str) -> dict[str, str]:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def assert_oauth_error(response, status: int, error: str) -> dict:
    body = response.json()
    assert response.status_code == status, body
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert response["Pragma"] == "no-cache"
    assert body["error"] == error
    assert body["status"] == status
    assert body["error_description"] == body["detail"] == body["message"]
    assert response.reason_phrase.isascii() and response.reason_phrase.isprintable()
    return body


def test_json_is_answered_with_exactly_the_two_members_that_the_xcube_client_allows(pair, user):
    response = post_json(
        {**pair, "audience": "https://hub.example/api/v2/", "grant_type": "client-credentials"}
    )
    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "token_type"}
    assert response.json()["token_type"] == "bearer"
    assert (response["Cache-Control"], response["Pragma"]) == ("no-store", "no-cache")
    principal = verify_token(response.json()["access_token"])
    assert principal.user == user
    assert principal.client_id == pair["client_id"]
    assert principal.scopes == {"manage:cubegens", "process:cubegens"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"audience": None},
        {"audience": ""},
        {"grant_type": "client_credentials"},
        {"unknown": ["member"]},
    ],
)
def test_audience_and_grant_type_may_be_left_out(pair, more):
    assert post_json({**pair, **more}).status_code == 200


def test_a_form_is_answered_as_oauth_libraries_expect(pair):
    response = post_form(form({**pair, "grant_type": "client_credentials"}))
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert body["expires_in"] == settings.HUB["XCUBE_HUB_TOKEN_LIFETIME_S"]
    assert body["scope"] == "manage:cubegens process:cubegens"
    assert response["Cache-Control"] == "no-store"
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == body["expires_in"]


def test_a_client_may_authenticate_by_http_basic(pair):
    response = post_form(
        "grant_type=client_credentials", headers=basic(pair["client_id"], pair["client_secret"])
    )
    assert response.status_code == 200
    again = post_form(
        form({"grant_type": "client_credentials", "client_id": pair["client_id"]}),
        headers=basic(pair["client_id"], pair["client_secret"]),
    )
    assert again.status_code == 200


def test_basic_credentials_are_form_encoded_first(user):
    make_client(user, client_id="a:b c", secret="s%:+ä ")  # noqa: S106
    headers = basic("a%3Ab+c", "s%25%3A%2B%C3%A4%20")
    assert post_form("grant_type=client_credentials", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ", "Basic !!!", "Basic YWJj", "Basic /w==", f"Basic {'A' * 9000}"]
)
def test_a_basic_header_that_cannot_be_read_is_told(header):
    response = post_form("grant_type=client_credentials", headers={"Authorization": header})
    assert_oauth_error(response, 400, "invalid_request")


def test_credentials_in_two_places_are_refused(pair):
    headers = basic(pair["client_id"], pair["client_secret"])
    assert_oauth_error(post_form(form(pair), headers=headers), 400, "invalid_request")
    other = post_form(form({"client_id": "other"}), headers=headers)
    assert_oauth_error(other, 400, "invalid_request")


def test_a_parameter_given_twice_is_refused(pair):
    response = post_form(form(pair) + "&client_id=other")
    body = assert_oauth_error(response, 400, "invalid_request")
    assert body["errors"][0]["field"] == "client_id"


def test_scope_narrows_the_token(pair):
    body = post_form(form({**pair, "scope": "manage:cubegens manage:collections"})).json()
    assert body["scope"] == "manage:cubegens"
    assert verify_token(body["access_token"]).scopes == {"manage:cubegens"}
    everything = post_form(form({**pair, "scope": " "})).json()
    assert everything["scope"] == "manage:cubegens process:cubegens"


def test_none_of_the_scopes_asked_for_is_an_error(pair):
    response = post_form(form({**pair, "scope": "manage:collections"}))
    assert_oauth_error(response, 400, "invalid_scope")
    assert not AccessToken.objects.exists()


def test_a_client_has_at_most_what_it_was_given_and_what_its_owner_has(user):
    client, secret = make_client(user, ["manage:cubegens", "read:users"])
    body = post_form(form({"client_id": client.client_id, "client_secret": secret})).json()
    assert body["scope"] == "manage:cubegens"


@pytest.mark.parametrize("grant_type", ["password", "CLIENT_CREDENTIALS", "x\r\ny", "ä"])
def test_other_grant_types_are_not_supported(pair, grant_type):
    response = post_json({**pair, "grant_type": grant_type})
    assert_oauth_error(response, 400, "unsupported_grant_type")


@pytest.mark.parametrize("wrong", ["client_id", "client_secret"])
@pytest.mark.parametrize("post", [post_json, lambda body: post_form(form(body))])
def test_a_wrong_pair_is_an_invalid_client(pair, wrong, post):
    response = post({**pair, wrong: "wrong"})
    assert_oauth_error(response, 401, "invalid_client")
    assert response["WWW-Authenticate"].startswith("Basic ")
    assert response.reason_phrase == "Unknown client_id or wrong client_secret"
    assert not AccessToken.objects.exists()


def test_an_unknown_client_a_revoked_one_and_an_inactive_owner_are_told_the_same(pair, user):
    unknown = post_json({**pair, "client_id": "0" * 32}).json()
    user.is_active = False
    user.save()
    inactive = post_json(pair).json()
    user.is_active = True
    user.save()
    user.clients.get().revoke()
    assert unknown == inactive == post_json(pair).json()


@pytest.mark.parametrize("missing", ["client_id", "client_secret"])
@pytest.mark.parametrize(
    "value", [None, "", 7, True, ["x"], {"x": 1}, "x" * 1025, "a\0b", "\ud800"]
)
def test_a_member_of_the_wrong_kind_is_named(pair, missing, value):
    body = assert_oauth_error(post_json({**pair, missing: value}), 400, "invalid_request")
    assert [error["field"] for error in body["errors"]] == [missing]
    assert body["errors"][0]["message"]


def test_missing_members_are_named():
    for response in (post_json({}), post_form(), HttpClient().post(URL)):
        if response.status_code == 415:
            continue  # multipart is no format of this endpoint
        body = assert_oauth_error(response, 400, "invalid_request")
        assert [error["field"] for error in body["errors"]] == ["client_id", "client_secret"]
        assert response.reason_phrase == "client_id and client_secret are needed, as strings"


@pytest.mark.parametrize("more", [{"audience": 7}, {"scope": ["x"]}, {"grant_type": None}])
def test_optional_members_have_a_type_too(pair, more):
    body = assert_oauth_error(post_json({**pair, **more}), 400, "invalid_request")
    assert [error["field"] for error in body["errors"]] == list(more)


@pytest.mark.parametrize("body", ["[]", "7", "null", '"x"'])
def test_a_body_that_is_no_object_is_refused(body):
    for options in ({}, {"headers": basic("a", "b")}):
        response = post_json(body, **options)
        assert response.status_code == 400, response.json()
        assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", [b"{", b"\xff", b"", b'{"client_id": NaN}'])
def test_a_body_that_is_no_json_is_refused(body):
    response = post_json(body)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_other_media_types_and_methods_are_refused():
    assert HttpClient().post(URL, "x", content_type="text/plain").status_code == 415
    assert HttpClient().get(URL).status_code == 405


def test_another_authorization_header_does_not_matter(pair):
    response = post_json(pair, headers={"Authorization": "Bearer expired"})
    assert response.status_code == 200


def test_a_client_id_is_not_a_pattern(pair):
    for client_id in ("%", "*", "' OR ''='", f"{pair['client_id']}' --"):
        response = post_json({**pair, "client_id": client_id})
        assert_oauth_error(response, 401, "invalid_client")


@pytest.fixture
def at_minute(monkeypatch):
    """Stops the clock within one minute, some minutes from now."""
    first = (int(time.time()) // 60 + 1) * 60 + 5

    def stop(minute: int) -> None:
        monkeypatch.setattr(failures.time, "time", lambda: first + 60.0 * minute)

    stop(0)
    return stop


def test_after_30_wrong_secrets_in_a_minute_one_must_wait(pair, at_minute):
    for _ in range(30):
        assert post_json({**pair, "client_secret": "wrong"}).status_code == 401
    response = post_json({**pair, "client_secret": "wrong"})
    assert_oauth_error(response, 429, "slow_down")
    assert 1 <= int(response["Retry-After"]) <= 60
    at_minute(1)
    assert post_json({**pair, "client_secret": "wrong"}).status_code == 401


def test_nobody_locks_out_a_client_whose_secret_the_hub_made(pair):
    for _ in range(35):
        post_json({**pair, "client_secret": "wrong"})
    assert post_json(pair).status_code == 200


def test_slow_hashes_are_not_computed_for_invented_ids_without_end(at_minute, monkeypatch):
    for number in range(30):  # each with an id of its own: counted by address
        wrong = {"client_id": f"Invented-{number}", "client_secret": "wrong"}
        assert post_json(wrong).status_code == 401
    monkeypatch.setattr("accounts.tokens.clients.check_password", None)  # would raise
    wrong = {"client_id": "Invented-30", "client_secret": "wrong"}
    assert post_json(wrong).status_code == 429


def test_slow_hashes_are_not_computed_for_a_client_that_was_guessed_at_too_often(
    user, at_minute, monkeypatch
):
    make_client(user, client_id="Migrated", secret="given")  # noqa: S106
    good = {"client_id": "Migrated", "client_secret": "given"}
    for _ in range(30):
        assert post_json({**good, "client_secret": "wrong"}).status_code == 401
    with monkeypatch.context() as context:
        context.setattr("accounts.tokens.clients.check_password", None)  # would raise
        assert post_json(good).status_code == 429
    assert post_json(good, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_who_guesses_behind_the_same_proxy_does_not_lock_out_other_clients(user):
    for name in ("Migrated", "Guessed"):
        make_client(user, client_id=name, secret="given")  # noqa: S106
    for number in range(31):
        post_json({"client_id": f"Invented-{number}", "client_secret": "wrong"})
        post_json({"client_id": "Guessed", "client_secret": "wrong"})
    good = {"client_id": "Migrated", "client_secret": "given"}
    assert post_json(good).status_code == 200


def test_successes_are_not_counted(user, at_minute):
    make_client(user, client_id="Migrated", secret="given")  # noqa: S106
    for _ in range(32):
        response = post_json({"client_id": "Migrated", "client_secret": "given"})
        assert response.status_code == 200


def test_failures_at_many_addresses_make_none_forgotten(at_minute):
    for _ in range(limits.FAILED_TRIES_PER_MINUTE):
        limits.count_try(None, "192.0.2.1")
    for number in range(300):
        limits.count_try(None, f"2001:db8::{number:x}")
    with pytest.raises(limits.TooManyTries):
        limits.count_try(None, "192.0.2.1")


# Many tokens


def test_a_client_that_fetches_a_token_for_each_call_gets_one_row(pair):
    texts = {post_json(pair).json()["access_token"] for _ in range(20)}
    assert AccessToken.objects.count() == 1
    assert all(verify_token(text).client_id == pair["client_id"] for text in texts)


def test_a_token_that_is_revoked_or_has_other_scopes_is_not_given_again(pair):
    first = post_json(pair).json()["access_token"]
    AccessToken.objects.update(revoked_at=timezone.now())
    second = post_json(pair).json()["access_token"]
    assert verify_token(second)
    with pytest.raises(InvalidToken):
        verify_token(first)
    Client.objects.update(scopes=[])
    third = verify_token(post_json(pair).json()["access_token"])
    assert third.scopes == frozenset()
    assert AccessToken.objects.count() == 3


def test_a_token_with_a_tenth_of_its_life_behind_it_is_not_given_again(pair, settings):
    lifetime = timedelta(seconds=settings.HUB["XCUBE_HUB_TOKEN_LIFETIME_S"])
    post_json(pair)
    now = timezone.now() - lifetime / 9
    AccessToken.objects.update(issued_at=now, expires_at=now + lifetime)
    post_json(pair)
    assert AccessToken.objects.count() == 2


def test_of_a_clients_tokens_only_the_newest_stay(pair, monkeypatch):
    monkeypatch.setattr(client_tokens, "MOST_LIVE", 5)
    monkeypatch.setattr(client_tokens, "_recent", lambda *_: None)
    texts = [post_json(pair).json()["access_token"] for _ in range(8)]
    assert AccessToken.objects.count() == 5
    assert verify_token(texts[-5])
    with pytest.raises(InvalidToken):
        verify_token(texts[0])


def test_beyond_the_rate_a_client_must_wait_and_others_go_on(pair, user, at_minute):
    for _ in range(limits.TOKENS_PER_MINUTE):
        limits.count_token_request(Client.objects.get())
    response = post_json(pair)
    assert_oauth_error(response, 429, "slow_down")
    assert 1 <= int(response["Retry-After"]) <= 60
    other, secret = make_client(user)
    answer = post_json({"client_id": other.client_id, "client_secret": secret})
    assert answer.status_code == 200


def test_a_client_revoked_while_its_secret_is_checked_gets_no_token(pair, monkeypatch):
    check = token_views.check_secret

    def slowly(client, *rest):
        is_right = check(client, *rest)
        Client.objects.update(revoked_at=timezone.now())
        return is_right

    monkeypatch.setattr(token_views, "check_secret", slowly)
    assert post_json(pair).status_code == 403
    assert not AccessToken.objects.exists()


def test_a_person_deleted_while_a_secret_is_checked_gets_no_token(pair, monkeypatch):
    check = token_views.check_secret

    def slowly(client, *rest):
        is_right = check(client, *rest)
        forget_person(client.owner, actor="test")
        return is_right

    monkeypatch.setattr(token_views, "check_secret", slowly)
    assert post_json(pair).status_code == 403
    assert not AccessToken.objects.exists()
