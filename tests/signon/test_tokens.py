"""Access tokens of a real Keycloak open the API."""

from __future__ import annotations

from django.test import Client

from accounts.models import Identity, User
from accounts.sign_on import documents
from accounts.sign_on.documents import publisher
from tests.accounts.factories import make_user

from .conftest import provider_of

ME = "/api/v2/users/me"


def ask(headers: dict[str, str]):
    return Client().get(ME, headers=headers)


def test_a_token_makes_its_user_and_grants_what_its_roles_map_to(hub, edc, make_person):
    hub(provider_of(edc))
    ann = make_person(edc, "cube-user")
    told = ask(ann.bearer()).json()
    assert (told["email"], told["permissions"]) == (ann.email, ["manage:cubegens"])
    assert User.objects.get().identities.get().subject == ann.subject


def test_where_the_account_decides_it_grants_what_the_account_holds(hub, edc, make_person):
    hub(provider_of(edc, permissions_from="account", roles={}, staff_roles=()))
    ann = make_person(edc, "cube-user")
    make_user(ann.email, ["process:cubegens"])
    assert ask(ann.bearer()).json()["permissions"] == ["process:cubegens"]


def test_an_id_token_opens_no_api(hub, edc, make_person):
    hub(provider_of(edc))
    token = make_person(edc).tokens()["id_token"]
    answer = ask({"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert 'error_description="Invalid audience"' in answer["WWW-Authenticate"]


def test_a_token_for_another_audience_is_refused(hub, edc, make_person):
    hub(provider_of(edc, audiences=("https://elsewhere.example.org/",)))
    answer = ask(make_person(edc).bearer())
    assert answer.status_code == 401
    assert 'error_description="Invalid audience"' in answer["WWW-Authenticate"]


def test_a_realm_that_is_not_configured_is_refused(hub, edc, other, make_person):
    hub(provider_of(edc))
    answer = ask(make_person(other).bearer())
    assert answer.status_code == 401
    assert "Auth provider unknown" in answer["WWW-Authenticate"]


def test_a_new_key_is_taken_at_once_and_the_old_one_no_more(hub, make_realm, make_person):
    realm = make_realm("turning")
    hub(provider_of(realm))
    ann = make_person(realm)
    old = ann.bearer()
    assert ask(old).status_code == 200
    realm.rotate_keys()
    publisher(provider_of(realm))._tried_at = 0  # more than ten seconds ago
    assert ask(ann.bearer()).status_code == 200
    refused = ask(old)
    assert refused.status_code == 401
    assert "a key that its issuer does not publish" in refused["WWW-Authenticate"]
    realm.sign_with_es256()
    publisher(provider_of(realm))._tried_at = 0
    assert ask(ann.bearer()).status_code == 200


def test_while_the_provider_is_away_the_keys_serve_on_even_after_a_restart(
    hub, hanging, edc, make_person
):
    hub(provider_of(edc))
    headers = make_person(edc).bearer()
    assert ask(headers).status_code == 200
    with hanging():
        assert ask(headers).status_code == 200
        documents.forget_all()
        assert ask(headers).status_code == 200


def test_without_any_key_the_api_says_so(hub, hanging, edc, make_person):
    hub(provider_of(edc))
    headers = make_person(edc).bearer()
    with hanging():
        answer = ask(headers)
    assert answer.status_code == 401
    assert "does not publish" in answer["WWW-Authenticate"]


def test_an_unverified_first_token_waits_for_an_operator(hub, edc, make_person):
    hub(provider_of(edc))
    victim = make_user("victim@example.org")
    mallory = make_person(edc, email=victim.email, verified=False)
    answer = ask(mallory.bearer())
    assert answer.status_code == 401
    assert "does not say that this e-mail address is verified" in answer["WWW-Authenticate"]
    Identity.objects.filter(subject=mallory.subject).update(user=make_user("own@example.org"))
    assert ask(mallory.bearer()).json()["email"] == "own@example.org"


def test_who_is_switched_off_here_gets_in_no_more(hub, edc, make_person):
    hub(provider_of(edc))
    headers = make_person(edc).bearer()
    assert ask(headers).status_code == 200
    User.objects.update(is_active=False)
    answer = ask(headers)
    assert answer.status_code == 401
    assert "inactive" in answer["WWW-Authenticate"]
