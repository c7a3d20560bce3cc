"""What a provider's access token opens, and the many ways in which one is worth nothing."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.api.authentication import principal_of
from accounts.models import Identity, User
from accounts.tokens.hub_tokens import InvalidToken
from tests.accounts.factories import bearer, make_user

from . import issuer
from .issuer import jwk, key, public_pem, publish, token, unsigned

pytestmark = pytest.mark.django_db

ME = "/api/v2/users/me"


@pytest.fixture
def its(configure):
    return configure(issuer.provider())


def refusal(text: str) -> str:
    """Why it is refused: in the answer and in its challenge alike."""
    answer = Client().get(ME, headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 401, answer.content
    challenge = answer["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="xcube-hub", error="invalid_token", ')
    reason = answer.json()["detail"].rstrip(".")
    assert f'error_description="{reason}"' in challenge
    return reason


def test_permissions_map_to_roles_and_grant_their_scopes(its):
    told = principal_of(token(permissions=["manage:cubegens", "delete:everything"]))
    assert told.scopes == {"manage:cubegens"}
    assert told.user.email == "ann@example.org"
    assert told.client_id == "the-portal"


def test_the_scope_claim_counts_as_permissions_do(its):
    told = principal_of(token(permissions=None, scope="openid process:cubegens"))
    assert told.scopes == {"process:cubegens"}


def test_a_scope_that_no_mapping_names_grants_nothing(configure):
    configure(issuer.provider(roles={}))
    assert principal_of(token(permissions=["operate:hub", "manage:cubegens"])).scopes == set()


def test_what_the_user_holds_here_counts_only_where_the_settings_say_so(configure):
    make_user("ann@example.org", ["manage:collections"])
    configure(issuer.provider())
    assert principal_of(token()).scopes == {"manage:cubegens"}
    configure(issuer.provider(permissions_from="account"))
    assert principal_of(token()).scopes == {"manage:cubegens", "manage:collections"}


def test_keycloaks_realm_and_client_roles_count(configure):
    configure(
        issuer.provider(
            role_claims=(("realm_access", "roles"), ("resource_access", "xcube.hub", "roles")),
            roles={"cube-user": ("cube-generation",), "coder": ("user-code",)},
        )
    )
    text = token(
        permissions=None,
        realm_access={"roles": ["cube-user"]},
        resource_access={"xcube.hub": {"roles": ["coder"]}},
    )
    assert principal_of(text).scopes == {"manage:cubegens", "process:cubegens"}


@pytest.mark.parametrize("odd", [7, {"a": 1}, [None, 3, {}], "", True, [["manage:cubegens"]]])
def test_claims_of_odd_kinds_grant_nothing(its, odd):
    assert principal_of(token(permissions=odd, scope=None)).scopes == set()


def test_a_role_that_an_operator_narrowed_grants_less(its):
    Group.objects.get(name="cube-generation").permissions.clear()
    assert principal_of(token()).scopes == set()


def test_a_token_costs_one_query_and_no_call_outside(its, monkeypatch, django_assert_num_queries):
    text = token()
    principal_of(text)
    monkeypatch.setattr("requests.Session.send", lambda *_, **__: pytest.fail("a call outside"))
    with django_assert_num_queries(1):
        principal_of(text)
    make_user("bob@example.org")
    own = bearer(User.objects.get(email="bob@example.org"))["Authorization"].split()[1]
    with django_assert_num_queries(1):
        principal_of(own)


def test_es256_will_do(its):
    publish(its, jwk(), jwk("curve", "ES256"))
    assert principal_of(token(key("curve", "ES256"), kid="curve", algorithm="ES256"))


def test_a_token_without_a_key_id_is_checked_with_the_only_key(its):
    assert principal_of(token(kid=None))
    publish(its, jwk(), jwk("second"))
    assert "does not publish" in refusal(token(kid=None))


def test_after_a_rotation_the_new_key_counts_and_the_old_one_no_more(its):
    new = token(key("second"), kid="second")
    assert refusal(new) == "The token is signed by a key that its issuer does not publish"
    publish(its, jwk("second"))
    assert principal_of(new)
    assert refusal(token()) == "The token is signed by a key that its issuer does not publish"


def test_keys_serve_for_a_day_and_no_longer(its):
    publish(its, jwk(), age_s=86_000)
    assert principal_of(token())
    publish(its, jwk(), age_s=86_500)
    assert "does not publish" in refusal(token())


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_a_token_without_a_signature_is_refused(its, algorithm):
    forged = unsigned({"alg": algorithm, "typ": "JWT", "kid": "first"})
    assert refusal(forged) == "The token's algorithm is none of RS256, ES256"


def test_a_public_key_is_no_secret(its):
    """HS256 with the published key as its secret: a classic."""
    signed = unsigned({"alg": "HS256", "typ": "JWT", "kid": "first"})[:-1]
    digest = hmac.new(public_pem(), signed.encode(), hashlib.sha256).digest()
    forged = f"{signed}.{issuer.base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    assert refusal(forged) == "The token's algorithm is none of RS256, ES256"


def test_a_key_in_the_token_itself_is_not_believed(its):
    forged = issuer.jwt.encode(
        issuer.claims(),
        key("mallory"),
        algorithm="RS256",
        headers={"kid": "mallory", "jwk": jwk("mallory"), "jku": "https://mallory.example.org/"},
    )
    assert "does not publish" in refusal(forged)


def test_another_key_by_the_name_of_ours_is_refused(its):
    assert refusal(token(key("mallory"))) == "The token is malformed"


def test_an_rs256_token_by_the_name_of_an_ec_key_is_refused(its):
    publish(its, jwk("curve", "ES256"))
    assert "does not publish" in refusal(token(kid="curve"))


NOW = int(time.time())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://mallory.example.org/"}, "Auth provider unknown"),
        ({"iss": "https://tenant.example.org"}, "Auth provider unknown"),
        ({"aud": "https://elsewhere.example.org/"}, "Invalid audience"),
        ({"aud": []}, "The token lacks the claim aud"),
        ({"aud": None}, "The token lacks the claim aud"),
        ({"exp": NOW - 60}, "Signature has expired"),
        ({"exp": None}, "The token lacks the claim exp"),
        ({"nbf": NOW + 86_400}, "The token is not yet valid"),
        ({"iat": NOW + 86_400}, "The token is not yet valid"),
        ({"iat": None}, "The token lacks the claim iat"),
        ({"sub": None}, "The token lacks the claim sub"),
        ({"sub": ""}, "The token's sub is not usable"),
        ({"sub": "x" * 256}, "The token's sub is not usable"),
        ({"sub": "a\x00b"}, "The token's sub is not usable"),
        ({"typ": "ID"}, "This is no access token"),
        ({"typ": "Refresh"}, "This is no access token"),
        ({"at_hash": "N-313XuSokge51deJTxx7g"}, "This is no access token"),
    ],
)
def test_a_claim_that_does_not_fit_is_named(its, changes, reason):
    assert refusal(token(**changes)).startswith(reason)


def test_a_few_seconds_of_difference_between_clocks_are_overlooked(its):
    now = int(time.time())
    assert principal_of(token(exp=now - 5, nbf=now + 5, iat=now + 5))


def test_an_issuer_whose_tokens_are_not_for_the_api_is_refused(configure):
    configure(issuer.provider(audiences=()))
    assert refusal(token()) == "This issuer's tokens do not open the API here"


def test_tokens_that_were_issued_before_a_moment_can_be_refused(its):
    principal_of(token())
    Identity.objects.update(not_before=timezone.now())
    assert refusal(token(iat=int(time.time()) - 60)) == "The token has been revoked"
    Identity.objects.update(not_before=timezone.now() - timedelta(minutes=5))
    assert principal_of(token())


def test_who_is_switched_off_gets_in_no_more(its):
    principal_of(token())
    User.objects.update(is_active=False)
    assert refusal(token()) == "The account of this token is inactive"


def test_a_first_token_follows_the_rule_of_a_first_sign_on(its):
    user = make_user("ann@example.org")
    assert "does not say that this e-mail address is verified" in refusal(
        token(**{issuer.VERIFIED: None})
    )
    assert principal_of(token()).user == user


def test_two_accounts_without_an_email_are_not_one(its):
    texts = [token(sub=sub, **{issuer.EMAIL: None}) for sub in ("one", "two")]
    for text in texts:
        assert "tells no e-mail address" in refusal(text)
    assert Identity.objects.filter(user=None).count() == 2
    machine = make_user("machine@example.org")
    Identity.objects.filter(subject="one").update(user=machine)
    assert principal_of(texts[0]).user == machine
    assert "tells no e-mail address" in refusal(texts[1])


def test_a_token_of_ours_does_not_open_by_the_name_of_a_provider(its):
    forged = issuer.jwt.encode(issuer.claims(), "x" * 64, algorithm="HS256")
    assert refusal(forged) == "The token's algorithm is none of RS256, ES256"


@pytest.mark.parametrize("text", ["a.b.c", "e30.e30.e30", "eyJpc3MiOjF9.eyJpc3MiOjF9.x", "..", "ä"])
def test_garbage_is_refused(its, text):
    with pytest.raises(InvalidToken):
        principal_of(text)


def test_an_email_that_any_claim_calls_unverified_is_not_verified(its):
    owner = make_user("ann@example.org")
    text = token(email="ann@example.org", email_verified=False, **{issuer.VERIFIED: True})
    assert "verified" in refusal(text)
    assert not owner.identities.exists()


def test_a_time_of_issue_that_is_a_text_is_no_fault_of_the_hub(its):
    principal_of(token())
    Identity.objects.update(not_before=timezone.now() - timedelta(hours=1))
    assert refusal(token(iat=str(int(time.time())))) == "The token is malformed"
