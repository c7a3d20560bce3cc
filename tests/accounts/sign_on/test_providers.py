"""XCUBE_HUB_OIDC_PROVIDERS: what it understands, and how it says what it does not."""

from __future__ import annotations

import json

import pytest

from accounts.sign_on.providers import former_providers, oidc_providers
from hubsite.configuration.reading import ConfigurationError, read
from hubsite.configuration.table import SETTINGS

FULL = {
    "key": "edc",
    "name": "EDC",
    "issuer": "https://kc.example.org/realms/edc",
    "client_id": "xcube-hub",
    "client_secret": "secret",
    "audiences": ["https://hub.example.org/api/v2/"],
    "trust_email": True,
    "role_claims": [
        "realm_access.roles",
        "https://example.org/roles",
        ["resource_access", "a.b", "roles"],
    ],
    "roles": {"cube-user": "cube-generation", "all": ["operator", "user-code"]},
    "staff_roles": ["hub-staff"],
    "permissions_from": "account",
}


def parse(*rows, **changes):
    return oidc_providers(json.dumps(rows or [{**FULL, **changes}]))


def test_a_provider_with_everything():
    (provider,) = parse(FULL)
    assert provider.role_claims == (
        ("realm_access", "roles"),
        ("https://example.org/roles",),
        ("resource_access", "a.b", "roles"),
    )
    assert provider.roles == {"cube-user": ("cube-generation",), "all": ("operator", "user-code")}
    assert provider.signs_in_browsers
    assert "secret" not in repr(provider).replace("hub-staff", "")


def test_a_provider_of_tokens_only():
    (provider,) = parse({"key": "a", "issuer": "https://a.example.org/", "audiences": ["hub"]})
    assert not provider.signs_in_browsers
    assert provider.title == "a.example.org"
    assert (provider.trust_email, provider.permissions_from) == (False, "claims")


def test_they_may_lie_in_a_file(tmp_path):
    path = tmp_path / "providers.json"
    path.write_text(json.dumps([FULL]))
    assert oidc_providers(str(path)) == parse(FULL)
    with pytest.raises(ValueError, match="expected a JSON array, or the path of one"):
        oidc_providers(str(tmp_path / "absent.json"))


def test_a_secret_may_lie_in_the_environment(monkeypatch):
    monkeypatch.setenv("EDC_SECRET", "from there")
    (provider,) = parse(client_secret="${EDC_SECRET}")
    assert provider.client_secret == "from there"
    monkeypatch.delenv("EDC_SECRET")
    with pytest.raises(ValueError, match="expected EDC_SECRET in the environment"):
        parse(client_secret="${EDC_SECRET}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": "Not good"}, "a key of lower-case letters"),
        ({"key": "callback"}, "a key of lower-case letters"),
        ({"key": 7}, r"a string at \[0\].key"),
        ({"issuer": "http://kc.example.org"}, "an https URL as the issuer"),
        ({"issuer": "https://kc.example.org/?a=b"}, "an https URL as the issuer"),
        ({"issuer": ""}, "an https URL as the issuer"),
        ({"audiences": "hub"}, r"an array of strings at \[0\].audiences"),
        ({"audiences": ["xcube-hub"]}, "other audiences than the client_id"),
        ({"trust_email": "yes"}, "true or false"),
        ({"roles": ["cube-user"]}, "an object of role names"),
        ({"roles": {"a": 1}}, "an array of strings"),
        ({"role_claims": []}, "role_claims beside roles"),
        ({"role_claims": "roles"}, "an array at"),
        ({"permissions_from": "heaven"}, "claims or account"),
        ({"scopes": "email"}, "openid among the scopes"),
        ({"secret": "x"}, "not secret"),
    ],
)
def test_what_is_wrong_is_named(changes, reason):
    with pytest.raises(ValueError, match=f"^expected .*{reason}"):
        parse(**changes)


@pytest.mark.parametrize("text", ["[", "[7]", '[{"key": 1}]', "[[]]"])
def test_what_is_no_list_of_providers_is_refused(text):
    with pytest.raises(ValueError, match="^expected"):
        oidc_providers(text)


def test_keys_and_issuers_are_different_ones():
    with pytest.raises(ValueError, match="a different key"):
        parse(FULL, {**FULL, "issuer": "https://b.example.org"})
    with pytest.raises(ValueError, match="a different issuer"):
        parse(FULL, {**FULL, "key": "b"})


def test_plain_http_is_for_this_machine_only():
    assert parse(issuer="http://127.0.0.1:8180/realms/edc")
    assert parse(issuer="http://localhost:8180/realms/edc")


def test_a_fault_stops_the_start_and_shows_no_secret():
    with pytest.raises(ConfigurationError) as fault:
        read(SETTINGS, {"XCUBE_HUB_OIDC_PROVIDERS": '[{"client_secret": "hush", "key": "A"}]'})
    assert "XCUBE_HUB_OIDC_PROVIDERS" in str(fault.value)
    assert "hush" not in str(fault.value)


def test_the_former_names_make_providers():
    (auth0,) = oidc_providers(
        former_providers({"AUTH0_DOMAIN": "edc.eu.auth0.com", "XCUBE_HUB_OAUTH_AUD": "hub"})
    )
    assert (auth0.issuer, auth0.audiences) == ("https://edc.eu.auth0.com/", ("hub",))
    assert auth0.roles["manage:cubegens"] == ("cube-generation",)
    (keycloak,) = read(
        SETTINGS, {"KEYCLOAK_DOMAIN": "kc.example.org", "KEYCLOAK_REALM": "cate"}
    ).values["XCUBE_HUB_OIDC_PROVIDERS"]
    assert keycloak.issuer == "https://kc.example.org/auth/realms/cate"
    assert former_providers({"KEYCLOAK_DOMAIN": "kc.example.org"}) is None
