"""Bearer tokens: what they say, and the many ways in which one is worth nothing."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import AccessToken
from accounts.roles import give_roles
from accounts.scopes import SCOPES
from accounts.tokens.hub_tokens import (
    LEEWAY_S,
    InvalidToken,
    delete_expired_tokens,
    issue_token,
    revoke_tokens,
    verify_token,
)
from tests.accounts.factories import make_client, make_user

pytestmark = pytest.mark.django_db

SECRETS = ["first-secret-" + "1" * 32, "second-secret-" + "2" * 32]


@pytest.fixture(autouse=True)
def _token_secrets(settings):
    settings.TOKEN_SECRETS = SECRETS


@pytest.fixture
def user():
    return make_user(permissions=["manage:cubegens", "process:cubegens"])


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def resigned(token: str, secret: str = SECRETS[0], algorithm: str = "HS256", **changes) -> str:
    """The token with other claims (None: without), signed again."""
    claims = {**claims_of(token), **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, secret, algorithm=algorithm)


def refusal(token: str) -> str:
    with pytest.raises(InvalidToken) as refused:
        verify_token(token)
    reason = str(refused.value)
    assert reason.isascii() and reason.isprintable() and '"' not in reason  # it becomes a header
    return reason


def test_a_token_says_what_postgrest_and_older_clients_read(user):
    before = int(time.time())
    claims = claims_of(issue_token(user, scopes=["process:cubegens", "manage:cubegens"]))
    row = AccessToken.objects.get()
    lifetime_s = settings.HUB["XCUBE_HUB_TOKEN_LIFETIME_S"]
    assert before <= claims["iat"] <= time.time()
    assert claims == {
        "iss": "https://xcube-gen.brockmann-consult.de/",
        "aud": [settings.HUB["XCUBE_HUB_OAUTH_AUD"]],
        "scope": "manage:cubegens process:cubegens",
        "permissions": ["manage:cubegens", "process:cubegens"],
        "gty": "client-credentials",
        "email": user.email,
        "sub": user.user_id,
        "iat": claims["iat"],
        "exp": claims["iat"] + lifetime_s,
        "jti": row.jti,
    }
    assert int(row.expires_at.timestamp()) == claims["exp"]
    assert int(row.issued_at.timestamp()) == claims["iat"]


def test_a_token_tells_who_asks_in_one_query(user, django_assert_num_queries):
    client, _ = make_client(user)
    token = issue_token(user, client=client, scopes=["manage:cubegens"])
    verify_token(token)  # compiles the statement
    with django_assert_num_queries(1):
        principal = verify_token(token)
        assert principal.user == user
        assert (principal.user.email, principal.user.username) == (user.email, user.username)
        assert principal.user.is_active and principal.user.is_authenticated
        assert principal.scopes == {"manage:cubegens"}
        assert principal.client_id == client.client_id
        assert principal.jti == claims_of(token)["jti"]


def test_what_the_token_query_leaves_out_is_loaded_when_asked_for(user):
    verified = verify_token(issue_token(user, scopes=[])).user
    assert verified.date_joined == user.date_joined
    assert verified.password == user.password


def test_a_token_has_no_scope_that_its_owner_lacks(user):
    token = issue_token(user, scopes=["manage:cubegens", "manage:collections", "no:such"])
    assert claims_of(token)["permissions"] == ["manage:cubegens"]
    assert verify_token(token).scopes == {"manage:cubegens"}


def test_a_permission_withdrawn_is_withdrawn_from_tokens_too(user):
    give_roles(user, ["manage:collections"])
    token = issue_token(user, scopes=SCOPES)
    assert verify_token(token).scopes == {
        "manage:collections",
        "manage:cubegens",
        "process:cubegens",
    }
    user.groups.remove(Group.objects.get(name="geoserver"))
    assert verify_token(token).scopes == {"manage:cubegens", "process:cubegens"}
    user.user_permissions.clear()
    assert verify_token(token).scopes == frozenset()


def test_a_permission_given_later_is_not_in_an_older_token(user):
    token = issue_token(user, scopes=SCOPES)
    give_roles(user, ["manage:collections"])
    assert "manage:collections" not in verify_token(token).scopes


def test_a_superuser_has_every_scope_of_the_token():
    token = issue_token(make_user(is_superuser=True), scopes=SCOPES)
    assert verify_token(token).scopes == set(SCOPES)


def test_a_client_that_lost_a_scope_lost_it_in_its_tokens(user):
    client, _ = make_client(user)
    token = issue_token(user, client=client, scopes=client.scopes)
    client.scopes = ["process:cubegens"]
    client.save()
    assert verify_token(token).scopes == {"process:cubegens"}


def test_each_secret_verifies_and_the_first_signs(user, settings):
    token = issue_token(user, scopes=[])
    settings.TOKEN_SECRETS = ["third-secret-" + "3" * 32, *SECRETS]
    assert verify_token(token).user == user
    settings.TOKEN_SECRETS = SECRETS[1:]
    assert "signature" in refusal(token)


def test_an_expired_token_is_refused(user):
    token = issue_token(user, scopes=[])
    assert refusal(resigned(token, exp=int(time.time()) - 11)) == "Signature has expired"
    assert verify_token(resigned(token, exp=int(time.time()) - 5)).user == user  # within leeway


def test_a_token_that_is_not_yet_valid_is_refused(user):
    token = issue_token(user, scopes=[])
    assert refusal(resigned(token, nbf=int(time.time()) + 60)) == "The token is not yet valid"
    assert refusal(resigned(token, iat=int(time.time()) + 60)) == "The token is not yet valid"
    assert verify_token(resigned(token, nbf=int(time.time()) + 5)).user == user


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://elsewhere.example/"}, "Invalid audience"),
        ({"aud": []}, "The token lacks the claim aud"),
        ({"aud": None}, "The token lacks the claim aud"),
        ({"iss": "https://elsewhere.example/"}, "Auth provider unknown"),
        ({"iss": None}, "The token lacks the claim iss"),
        ({"exp": None}, "The token lacks the claim exp"),
        ({"exp": "soon"}, "The token is malformed"),
        ({"jti": None}, "The token lacks the claim jti"),
        ({"jti": 7}, "The token is malformed"),
        ({"jti": "x' OR 1=1 --"}, "jti is not one of this hub"),
        ({"jti": "\0" * 32}, "jti is not one of this hub"),
        ({"jti": "0" * 32}, "The token is unknown here"),
        ({"sub": 7}, "The token is malformed"),
    ],
)
def test_a_token_with_wrong_claims_is_refused_although_its_signature_is_right(
    user, changes, reason
):
    assert reason in refusal(resigned(issue_token(user, scopes=[]), **changes))


def test_a_forged_token_is_refused(user):
    token = issue_token(user, scopes=["manage:cubegens"])
    header, payload, signature = token.split(".")
    forged = claims_of(token) | {"permissions": list(SCOPES), "scope": " ".join(SCOPES)}
    payload = base64.urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()
    assert "signature" in refusal(f"{header}.{payload}.{signature}")
    assert "signature" in refusal(resigned(token, secret="a-guess-" + "0" * 32))


def test_a_token_signed_right_gets_no_more_than_its_row_has(user):
    """As geoDB's PostgREST could sign, which shares the secret."""
    token = issue_token(user, scopes=["manage:cubegens"])
    widened = resigned(token, permissions=list(SCOPES), scope=" ".join(SCOPES))
    assert verify_token(widened).scopes == {"manage:cubegens"}


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_only_hs256_is_accepted(user, algorithm, settings):
    token = issue_token(user, scopes=[])
    secret = None if algorithm == "none" else SECRETS[0] + "0" * 64
    settings.TOKEN_SECRETS = [SECRETS[0] + "0" * 64]
    assert refusal(resigned(token, secret, algorithm)) == "The token's algorithm is not HS256"


def test_a_token_signed_with_a_public_key_algorithm_is_refused(user):
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = resigned(issue_token(user, scopes=[]), key, "RS256")
    assert refusal(token) == "The token's algorithm is not HS256"


@pytest.mark.parametrize(
    "text", ["", "garbage", "a.b.c", "..", "e30.e30.e30", "\x00", "ä.ö.ü", "eyJhbGciOiJIUzI1NiJ9"]
)
def test_garbage_is_refused(text):
    assert "The token" in refusal(text)


def test_a_huge_token_is_refused_unread(user, django_assert_num_queries):
    token = resigned(issue_token(user, scopes=[]), padding="x" * 9000)
    with django_assert_num_queries(0):
        assert refusal(token) == "The token is longer than 8192 bytes"


def test_a_revoked_token_is_refused(user):
    token, other = issue_token(user, scopes=[]), issue_token(user, scopes=[])
    rows = AccessToken.objects.filter(jti=claims_of(token)["jti"])
    assert (revoke_tokens(rows), revoke_tokens(rows)) == (1, 0)
    assert refusal(token) == "The token has been revoked"
    assert verify_token(other).user == user


def test_the_tokens_of_a_revoked_client_are_refused(user):
    client, _ = make_client(user)
    token = issue_token(user, client=client, scopes=[])
    assert client.revoke() is True
    assert client.revoke() is False
    assert refusal(token) == "The token has been revoked"


def test_the_tokens_of_an_inactive_user_are_refused(user):
    token = issue_token(user, scopes=[])
    user.is_active = False
    user.save()
    assert refusal(token) == "The account of this token is inactive"


def test_a_lifetime_may_be_given(user):
    claims = claims_of(issue_token(user, scopes=[], lifetime_s=60))
    assert claims["exp"] - claims["iat"] == 60


def test_expired_rows_are_deleted_in_batches_and_live_ones_kept(user):
    live = issue_token(user, scopes=[])
    just_expired = issue_token(user, scopes=[])
    AccessToken.objects.filter(jti=claims_of(just_expired)["jti"]).update(
        expires_at=timezone.now() - timedelta(minutes=5)
    )
    AccessToken.objects.bulk_create(
        AccessToken(user=user, expires_at=timezone.now() - timedelta(days=number + 1))
        for number in range(7)
    )
    assert delete_expired_tokens(batch=3) == 7
    assert delete_expired_tokens(batch=3) == 0
    assert set(AccessToken.objects.values_list("jti", flat=True)) == {
        claims_of(live)["jti"],
        claims_of(just_expired)["jti"],
    }


class TestARememberedToken:
    """The signature of a token is checked once; everything that can change, at each call."""

    def test_ends_when_it_expires(self, monkeypatch):
        token = issue_token(make_user(), scopes=[], lifetime_s=60)
        verify_token(token)
        later = time.time() + 60 + LEEWAY_S + 1
        monkeypatch.setattr("accounts.tokens.hub_tokens.time.time", lambda: later)
        with pytest.raises(InvalidToken, match="expired"):
            verify_token(token)

    def test_ends_when_it_is_revoked(self):
        token = issue_token(user := make_user(), scopes=[])
        verify_token(token)
        revoke_tokens(AccessToken.objects.filter(user=user))
        with pytest.raises(InvalidToken, match="revoked"):
            verify_token(token)

    def test_ends_with_its_key(self, settings):
        token = issue_token(make_user(), scopes=[])
        verify_token(token)
        settings.TOKEN_SECRETS = ["another key of at least thirty-two characters"]
        with pytest.raises(InvalidToken, match="signature"):
            verify_token(token)

    def test_is_not_another_one_with_the_same_claims(self):
        token = issue_token(make_user(), scopes=[])
        verify_token(token)
        head, claims, signature = token.split(".")
        with pytest.raises(InvalidToken):
            verify_token(f"{head}.{claims}.{signature[::-1]}")
