"""The device flow (RFC 8628), from the program's first request to its sign-out."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client as HttpClient
from django.utils import timezone

from accounts import tasks
from accounts.deletion import forget_person
from accounts.models import AccessToken, DeviceRequest
from accounts.roles import forget_permissions
from accounts.tokens import device_flow
from accounts.tokens.personal import MOST_TOKENS
from tests.accounts.factories import bearer, make_client, make_user

pytestmark = pytest.mark.django_db

ASK = "/api/v2/oauth/device_authorization"
TOKEN = "/api/v2/oauth/token"
REVOKE = "/api/v2/oauth/revoke"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def user():
    return make_user(permissions=["manage:cubegens", "process:cubegens", "operate:hub"])


@pytest.fixture
def browser(user):
    browser = HttpClient()
    browser.force_login(user)
    return browser


def post(url, members, *, as_json=False, **options):
    data = json.dumps(members) if as_json else urlencode(members)
    return HttpClient().post(
        url, data, content_type="application/json" if as_json else FORM, **options
    )


def ask(as_json=False, **members):
    members = {"client_id": "xcube-hub-login", "client_name": "my laptop", **members}
    response = post(ASK, members, as_json=as_json)
    assert response.status_code == 200, response.content
    assert (response["Cache-Control"], response["Pragma"]) == ("no-store", "no-cache")
    return response.json()


def poll(asked, *, as_json=False, **changes):
    """A poll as if the interval had passed, unless a test sets `polled_at`."""
    members = {
        "grant_type": GRANT,
        "device_code": asked["device_code"],
        "client_id": "xcube-hub-login",
        **changes,
    }
    return post(TOKEN, members, as_json=as_json)


def pass_time(seconds=60):
    """As if the last poll had been made that long ago."""
    before = timezone.now() - timedelta(seconds=seconds)
    DeviceRequest.objects.exclude(polled_at=None).update(polled_at=before)


def error_of(response):
    body = response.json()
    assert response.status_code == body["status"] == 400, body
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert body["error_description"] == body["detail"]
    return body["error"]


def decide(browser, asked, decision="approve", **changes):
    form = {
        "user_code": asked["user_code"],
        "decision": decision,
        "name": "laptop",
        "scopes": ["manage:cubegens"],
        "days": "7",
        **changes,
    }
    return browser.post("/device", form)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_program_gets_a_token_once_after_approval_and_gives_it_back(user, browser, as_json):
    asked = ask(as_json=as_json)
    assert set(asked) == {
        "device_code",
        "user_code",
        "verification_uri",
        "verification_uri_complete",
        "expires_in",
        "interval",
    }
    assert asked["verification_uri_complete"].endswith(f"/device?user_code={asked['user_code']}")
    assert error_of(poll(asked, as_json=as_json)) == "authorization_pending"

    page = browser.get(asked["verification_uri_complete"]).content.decode()
    for shown in (asked["user_code"], "xcube-hub-login", "my laptop", "127.0.0.1", user.email):
        assert shown in page
    assert "operate" not in page, "what operates the hub is not offered unless it is asked for"
    assert b"Approved" in decide(browser, asked).content

    pass_time()
    answer = poll(asked, as_json=as_json)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["scope"]) == ("bearer", "manage:cubegens")
    assert body["expires_in"] == 7 * 86400
    row = AccessToken.objects.get(user=user)
    assert (row.is_personal, row.name, row.client_id) == (True, "laptop", None)
    assert not DeviceRequest.objects.exists()
    assert error_of(poll(asked, as_json=as_json)) == "invalid_grant"

    auth = {"Authorization": f"Bearer {body['access_token']}"}
    assert HttpClient().get("/api/v2/users/me", headers=auth).status_code == 200
    for _ in range(2):  # RFC 7009: what is not valid is answered alike
        gone = post(REVOKE, {"token": body["access_token"]}, as_json=as_json)
        assert (gone.status_code, gone.json()) == (200, {})
    assert HttpClient().get("/api/v2/users/me", headers=auth).status_code == 401


def test_codes_have_no_vowels_and_34_bits_and_no_code_is_stored_in_full():
    assert not set(device_flow.ALPHABET) & set("AEIOUY01")
    assert len(set(device_flow.ALPHABET)) ** device_flow.CODE_LENGTH > 2**34
    asked = ask()
    assert len(asked["device_code"]) >= 43
    assert asked["device_code"] not in str(list(DeviceRequest.objects.values()))


def test_a_denied_request_gets_no_token(browser):
    asked = ask()
    assert b"Denied" in decide(browser, asked, "deny").content
    assert error_of(poll(asked)) == "access_denied"
    assert decide(browser, asked).status_code == 400, "it cannot be approved afterwards"
    assert error_of(poll(asked)) == "access_denied"


def test_an_expired_request_gets_no_token_and_its_row_goes(browser):
    asked = ask()
    decide(browser, asked)
    DeviceRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert error_of(poll(asked)) == "expired_token"
    other = ask()
    DeviceRequest.objects.filter(decided_at=None).update(expires_at=timezone.now())
    assert decide(browser, other).status_code == 400
    DeviceRequest.objects.update(expires_at=timezone.now() - timedelta(minutes=2))
    assert tasks.delete_device_requests() == 2
    assert not AccessToken.objects.exists()


def test_a_program_that_polls_too_early_must_slow_down_for_good(browser):
    asked = ask()
    assert error_of(poll(asked)) == "authorization_pending"
    assert error_of(poll(asked)) == "slow_down"
    pass_time(6)
    assert error_of(poll(asked)) == "slow_down", "from now on it is 10 s, then 15 s"
    pass_time(16)
    assert error_of(poll(asked)) == "authorization_pending"
    for _ in range(20):
        poll(asked)
    assert DeviceRequest.objects.get().interval_s == device_flow.SLOWEST_S
    decide(browser, asked)
    assert error_of(poll(asked)) == "slow_down", "approval changes nothing about it"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"device_code": "x" * 43}, "invalid_grant"),
        ({"device_code": "\udcff".encode("utf-8", "surrogatepass").hex()}, "invalid_grant"),
        ({"client_id": "another"}, "invalid_grant"),
        ({"device_code": ""}, "invalid_request"),
        ({"device_code": "x" * 201}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
    ],
)
def test_a_wrong_poll_gets_an_oauth_error_and_disturbs_no_one(browser, changes, error):
    asked = ask()
    decide(browser, asked)
    for as_json in (False, True):
        assert error_of(poll(asked, as_json=as_json, **changes)) == error
    assert poll(asked).status_code == 200


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"client_id": ""}, "invalid_request"),
        ({"client_id": "x" * 61}, "invalid_request"),
        ({"client_id": "gnp\u202eexe"}, "invalid_request"),
        ({"client_name": "zero\u200bwidth"}, "invalid_request"),
        ({"scope": "manage:cubegens rule:world"}, "invalid_scope"),
        ({"scope": "x" * 501}, "invalid_request"),
    ],
)
def test_a_hostile_request_is_refused(members, error):
    members = {"client_id": "program", **members}
    assert error_of(post(ASK, members)) == error
    assert error_of(post(ASK, members, as_json=True)) == error
    assert not DeviceRequest.objects.exists()


@pytest.mark.parametrize("body", ["[]", "null", '"x"', '{"client_id": 7}', '{"client_id": ["a"]}'])
@pytest.mark.parametrize("url", [ASK, TOKEN, REVOKE])
def test_json_of_another_type_is_refused(url, body):
    response = HttpClient().post(url, body, content_type="application/json")
    assert error_of(response) == "invalid_request"


def test_a_parameter_that_is_given_twice_is_refused():
    response = HttpClient().post(ASK, "client_id=a&client_id=b", content_type=FORM)
    assert error_of(response) == "invalid_request"


def test_one_address_may_ask_so_often_and_no_more(monkeypatch):
    monkeypatch.setattr(device_flow, "REQUESTS_PER_ADDRESS", 3)
    for _ in range(3):
        ask()
    response = post(ASK, {"client_id": "program"})
    assert (response.status_code, response.json()["error"]) == (429, "slow_down")
    assert int(response["Retry-After"]) >= 1
    other = post(ASK, {"client_id": "program"}, REMOTE_ADDR="192.0.2.9")
    assert other.status_code == 200


def test_a_token_of_a_client_cannot_be_given_back(user):
    token = bearer(user, client=make_client(user)[0])["Authorization"].removeprefix("Bearer ")
    assert error_of(post(REVOKE, {"token": token})) == "unsupported_token_type"
    assert post(REVOKE, {"token": "no token"}).status_code == 200
    assert AccessToken.objects.get().revoked_at is None


def test_tries_of_codes_are_limited_for_each_user(browser):
    asked = ask()
    for _ in range(device_flow.TRIES_PER_USER):
        assert browser.get("/device?user_code=BBBB-BBBB").status_code == 400
    blocked = browser.get("/device", {"user_code": asked["user_code"]})
    assert blocked.status_code == 429 and int(blocked["Retry-After"]) >= 1
    assert 'value="approve"' not in blocked.content.decode()
    assert decide(browser, asked).status_code == 429
    other = HttpClient()
    other.force_login(make_user(permissions=["manage:cubegens"]))
    assert decide(other, asked).status_code == 200


def test_right_codes_cost_no_tries(browser):
    asked = ask()
    for _ in range(device_flow.TRIES_PER_USER + 1):
        assert browser.get("/device", {"user_code": asked["user_code"]}).status_code == 200


@pytest.mark.parametrize("text", ["{0}", "{1}", " {1} ", "{2}", "{3}"])
def test_a_code_may_be_typed_in_any_way(browser, text):
    code = ask()["user_code"]
    typed = text.format(code, code.lower(), code.replace("-", ""), code.replace("-", " "))
    assert code in browser.get("/device", {"user_code": typed}).content.decode()


def test_the_page_needs_a_sign_in_and_comes_back_with_the_code():
    asked = ask()
    response = HttpClient().get(f"/device?user_code={asked['user_code']}")
    assert response.status_code == 302
    assert f"user_code%3D{asked['user_code']}" in response["Location"]


def test_another_site_cannot_approve(user):
    asked = ask()
    browser = HttpClient(enforce_csrf_checks=True)
    browser.force_login(user)
    assert decide(browser, asked).status_code == 403
    assert DeviceRequest.objects.get().decided_at is None


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ["operate:hub"]},
        {"scopes": ["manage:collections"]},
        {"scopes": []},
        {"days": "0"},
        {"days": "367"},
        {"days": "seven"},
        {"name": ""},
        {"name": "a\u202eb"},
        {"decision": "perhaps"},
    ],
)
def test_an_approval_beyond_what_is_offered_is_refused(browser, changes):
    asked = ask()
    assert decide(browser, asked, **changes).status_code in (200, 400)
    assert DeviceRequest.objects.get().decided_at is None
    assert error_of(poll(asked)) == "authorization_pending"


def test_a_program_that_asks_for_a_scope_by_name_is_offered_it_as_far_as_the_user_has_it(browser):
    asked = ask(scope="operate:hub create:users")
    page = browser.get("/device", {"user_code": asked["user_code"]}).content.decode()
    assert 'value="operate:hub"' in page
    assert 'value="create:users"' not in page, "the user does not have it"
    assert 'value="manage:cubegens"' not in page


def test_a_user_who_may_do_nothing_of_it_can_only_deny():
    asked = ask()
    browser = HttpClient()
    browser.force_login(make_user())
    page = browser.get("/device", {"user_code": asked["user_code"]}).content.decode()
    assert 'value="approve"' not in page and 'value="deny"' in page
    assert decide(browser, asked).status_code == 400


def test_what_the_user_lost_after_approval_is_not_granted(user, browser):
    asked, other = ask(), ask()
    decide(browser, asked, scopes=["manage:cubegens", "process:cubegens"])
    decide(browser, other, scopes=["process:cubegens"])
    user.user_permissions.clear()

    forget_permissions(user)
    assert error_of(poll(other)) == "access_denied"
    user.is_active = False
    user.save()
    assert error_of(poll(asked)) == "access_denied"
    assert not AccessToken.objects.exists()


def test_whoever_has_too_many_tokens_is_told_so_before_the_approval(user, browser):
    AccessToken.objects.bulk_create(
        AccessToken(user=user, is_personal=True, name="x", expires_at=timezone.now() + timedelta(1))
        for _ in range(MOST_TOKENS)
    )
    response = decide(browser, ask())
    assert response.status_code == 400 and b"revoke one first" in response.content


def test_a_deleted_person_leaves_no_approved_request():
    person = make_user(permissions=["manage:cubegens"])
    browser = HttpClient()
    browser.force_login(person)
    asked = ask()
    decide(browser, asked)
    forget_person(person, actor="test")
    assert error_of(poll(asked)) == "invalid_grant"


def test_hostile_names_are_shown_as_text(browser):
    asked = ask(client_name="<script>alert(1)</script>")
    page = browser.get("/device", {"user_code": asked["user_code"]}).content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page


def test_a_poll_costs_two_queries_however_many_wait(django_assert_num_queries):
    asked = [ask() for _ in range(5)]
    poll(asked[0])
    with django_assert_num_queries(2):
        assert error_of(poll(asked[1])) == "authorization_pending"
    with django_assert_num_queries(1):
        assert error_of(poll({"device_code": "x" * 43})) == "invalid_grant"


def test_the_metadata_name_the_endpoints_that_exist(settings):
    response = HttpClient().get("/.well-known/oauth-authorization-server")
    found = response.json()
    assert found["token_endpoint"].endswith(TOKEN)
    assert found["device_authorization_endpoint"].endswith(ASK)
    assert found["revocation_endpoint"].endswith(REVOKE)
    assert found["device_authorization_endpoint"].startswith(found["issuer"])
    assert GRANT in found["grant_types_supported"]
    assert "operate:hub" in found["scopes_supported"]
