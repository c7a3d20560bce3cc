"""Tokens of the service before, which had no `jti`: taken until a day, if the operator says so."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.test import Client as HttpClient
from django.utils import timezone

from accounts.models.user_ids import user_id_of
from accounts.tokens.hub_tokens import InvalidToken, verify_token
from accounts.tokens.signing_keys import signing_keys
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def taken(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OLD_TOKENS_UNTIL": timezone.now().date()}


def old_token(settings, email: str = "ann@example.org", **claims: Any) -> str:
    """As the contract records it (section 2)."""
    return jwt.encode(
        {
            "iss": settings.HUB["XCUBE_HUB_TOKEN_ISSUER"],
            "aud": [settings.HUB["XCUBE_HUB_OAUTH_AUD"]],
            "scope": "manage:cubegens process:cubegens",
            "permissions": ["manage:cubegens", "process:cubegens"],
            "gty": "client-credentials",
            "email": email,
            "sub": user_id_of(email),
            "exp": int(time.time()) + 90 * 86400,
            **claims,
        },
        signing_keys()[0],
        algorithm="HS256",
    )


def test_they_are_refused_unless_the_operator_says_otherwise(settings):
    make_user("ann@example.org", ["manage:cubegens"])
    with pytest.raises(InvalidToken, match="lacks the claim jti"):
        verify_token(old_token(settings))


def test_they_grant_what_their_owner_holds_now(settings, taken):
    user = make_user("ann@example.org", ["manage:cubegens", "operate:hub"])
    headers = {"Authorization": f"Bearer {old_token(settings)}"}
    answer = HttpClient().get("/api/v2/users/me", headers=headers).json()
    assert answer["user_id"] == user.user_id
    assert answer["permissions"] == ["manage:cubegens"]
    narrow = verify_token(old_token(settings, permissions=None, scope="process:cubegens"))
    assert narrow.scopes == frozenset()


def test_one_who_was_registered_in_another_case_is_found(settings, taken):
    user = make_user("Ann@Example.org", ["manage:cubegens"])
    assert verify_token(old_token(settings)).user == user


def test_after_the_day_they_are_refused(settings, taken):
    yesterday = timezone.now().date() - timedelta(days=1)
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OLD_TOKENS_UNTIL": yesterday}
    make_user("ann@example.org")
    with pytest.raises(InvalidToken):
        verify_token(old_token(settings))


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": user_id_of("bob@example.org")},
        {"sub": 7},
        {"sub": ["a"]},
        {"sub": "xcube-hub"},
        {"sub": ""},
        {"sub": user_id_of("ann@example.org").upper()},
    ],
)
def test_of_whom_the_hub_does_not_know_they_are_refused(settings, taken, claims):
    make_user("ann@example.org", ["manage:cubegens"])
    with pytest.raises(InvalidToken):
        verify_token(old_token(settings, **claims))


def test_of_who_is_switched_off_they_are_refused(settings, taken):
    make_user("ann@example.org", is_active=False)
    with pytest.raises(InvalidToken, match="inactive"):
        verify_token(old_token(settings))


@pytest.mark.parametrize("permissions", [[{"a": 1}], [None], "manage:cubegens", 7])
def test_odd_permissions_grant_nothing_odd(settings, taken, permissions):
    make_user("ann@example.org", ["manage:cubegens"])
    principal = verify_token(old_token(settings, permissions=permissions, scope=""))
    assert principal.scopes == frozenset()


def test_they_make_no_personal_token(settings, taken):
    make_user("ann@example.org", ["manage:cubegens"])
    response = HttpClient().post(
        "/api/v2/users/me/tokens",
        {"name": "x", "scopes": ["manage:cubegens"]},
        content_type="application/json",
        headers={"Authorization": f"Bearer {old_token(settings)}"},
    )
    assert response.status_code == 403


def test_a_token_with_a_jti_is_still_looked_up(settings, taken):
    make_user("ann@example.org", ["manage:cubegens"])
    with pytest.raises(InvalidToken, match="unknown here"):
        verify_token(old_token(settings, jti="0" * 32))
