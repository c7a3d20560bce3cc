"""What an Authorization header does, and what a view may demand of its caller."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client as HttpClient
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from accounts.api.permissions import HasScope, scopes_of
from accounts.scopes import OPERATE_HUB, SCOPES
from accounts.units import ledger
from tests.accounts.factories import bearer, make_client, make_user

pytestmark = pytest.mark.django_db

ME = "/api/v2/users/me"


def view_that_demands(permission):
    class View(APIView):
        permission_classes = [permission]

        def get(self, request):
            return Response(sorted(scopes_of(request)))

        post = get

    return View.as_view()


def get(permission, headers=None, user=None):
    request = APIRequestFactory().get("/api/v2/x", headers=headers or {})
    if user is not None:
        force_authenticate(request, user)
    return view_that_demands(permission)(request)


def test_the_caller_is_told_who_they_are():
    user = make_user(
        "ann@example.org", ["manage:cubegens", "process:cubegens"], 40, first_name="Ann"
    )
    ledger.reserve(user, 15, reference="job", key="k")
    response = HttpClient().get(ME, headers=bearer(user, ["manage:cubegens"]))
    assert response.status_code == 200
    assert response.json() == {
        "user_id": user.user_id,
        "email": "ann@example.org",
        "name": "Ann",
        "permissions": ["manage:cubegens"],
        "units": {"total": 40, "reserved": 15, "available": 25, "is_low": True},
    }


def test_who_has_nothing_is_told_so():
    response = HttpClient().get(ME, headers=bearer(make_user()))
    assert response.json()["units"] == {
        "total": 0,
        "reserved": 0,
        "available": 0,
        "is_low": False,
    }
    assert response.json()["permissions"] == []


def test_an_api_call_asks_the_database_once_about_its_token(django_assert_num_queries):
    headers = bearer(make_user(units=1))
    HttpClient().get(ME, headers=headers)
    with django_assert_num_queries(2):  # the other one is the balance
        assert HttpClient().get(ME, headers=headers).status_code == 200


def test_without_a_header_the_challenge_names_no_error():
    response = HttpClient().get(ME)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="xcube-hub"'
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer garbage",
        "Bearer a.b.c",
        "Bearer \xff\xfe",
        f"Bearer {'x' * 9000}",
        "Basic dXNlcjpwYXNz",
        "Token abc",
        "Bearerabc",
    ],
)
def test_a_bad_header_is_401_and_never_falls_through_to_the_session(header):
    browser = HttpClient()
    browser.force_login(make_user())
    assert browser.get(ME).status_code == 200
    response = browser.get(ME, HTTP_AUTHORIZATION=header)
    assert response.status_code == 401, response.content
    challenge = response["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="xcube-hub", error="invalid_token", ')
    assert response.json()["detail"].rstrip(".") in challenge
    assert response.json()["message"] == response.json()["detail"]


def test_the_challenge_tells_what_is_wrong():
    user = make_user()
    headers = bearer(user)
    user.is_active = False
    user.save()
    response = HttpClient().get(ME, headers=headers)
    assert response["WWW-Authenticate"] == (
        'Bearer realm="xcube-hub", error="invalid_token", '
        'error_description="The account of this token is inactive"'
    )
    assert response.json()["detail"] == "The account of this token is inactive."


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_spelled_in_any_case(scheme):
    token = bearer(make_user())["Authorization"].split()[1]
    assert HttpClient().get(ME, headers={"Authorization": f"{scheme} {token}"}).status_code == 200


def test_a_token_in_the_query_is_ignored():
    token = bearer(make_user())["Authorization"].split()[1]
    assert HttpClient().get(f"{ME}?access_token={token}").status_code == 401


def test_a_session_needs_the_csrf_token_to_change_something_and_a_token_does_not():
    user = make_user()
    view = view_that_demands(IsAuthenticated)
    requests = APIRequestFactory(enforce_csrf_checks=True)
    assert view(requests.post("/api/v2/x", headers=bearer(user))).status_code == 200
    by_session = requests.post("/api/v2/x")
    by_session.user = user
    response = view(by_session)
    assert response.status_code == 403
    assert "CSRF" in response.data["detail"]


def test_a_scope_is_demanded_of_the_token():
    user = make_user(permissions=["manage:cubegens", "process:cubegens"])
    demand = HasScope("manage:cubegens", "process:cubegens")
    assert get(demand, bearer(user)).status_code == 200
    response = get(demand, bearer(user, ["manage:cubegens"]))
    assert response.status_code == 403
    assert response.data["detail"] == (
        "Provided token doesn't have the required scope: process:cubegens"
    )


def test_a_scope_is_demanded_of_the_account_in_a_session():
    demand = HasScope("manage:cubegens")
    assert get(demand, user=make_user(permissions=["manage:cubegens"])).status_code == 200
    response = get(demand, user=make_user())
    assert response.status_code == 403
    assert "Your account doesn't have the required scope: manage:cubegens" in str(response.data)


def test_without_token_or_session_a_demanded_scope_is_401():
    assert get(HasScope("manage:cubegens")).status_code == 401
    assert get(HasScope(OPERATE_HUB)).status_code == 401


def test_an_operator_by_token_needs_a_token_of_that_scope():
    operator = make_user(permissions=SCOPES)
    assert get(HasScope(OPERATE_HUB), bearer(operator)).status_code == 200
    assert get(HasScope(OPERATE_HUB), bearer(operator, ["manage:cubegens"])).status_code == 403
    assert get(HasScope(OPERATE_HUB), user=make_user(is_superuser=True)).status_code == 200
    assert get(HasScope(OPERATE_HUB), user=make_user(is_staff=True)).status_code == 403


def test_demanding_an_unknown_scope_is_a_mistake_found_at_import():
    with pytest.raises(ValueError, match="manage:cubegen"):
        HasScope("manage:cubegen")


def test_nobody_has_no_scopes():
    request = APIRequestFactory().get("/")
    request.user, request.auth = AnonymousUser(), None
    assert scopes_of(request) == frozenset()


def test_the_principal_names_the_client():
    from accounts.tokens.hub_tokens import issue_token, verify_token

    user = make_user(permissions=["manage:cubegens"])
    client, _ = make_client(user)
    principal = verify_token(issue_token(user, client=client, scopes=client.scopes))
    assert principal.client_id == client.client_id
    assert verify_token(issue_token(user, scopes=[])).client_id is None
