"""What the hub says before it starts, of settings by which nobody could sign in, or sign."""

from __future__ import annotations

import pytest

from accounts import checks
from accounts.sign_on.providers import Provider
from accounts.units.settings import email_url

BEARER_ONLY = Provider(key="idp", issuer="https://idp.example.org/", audiences=("hub",))
BROWSERS = Provider(key="idp", issuer="https://idp.example.org/", client_id="hub")


@pytest.mark.parametrize(
    ("password_login", "providers", "faults"),
    [
        (True, (), 0),
        (False, (BROWSERS,), 0),
        (False, (), 1),
        (False, (BEARER_ONLY,), 1),
    ],
)
def test_a_hub_that_nobody_can_sign_in_to_says_so(settings, password_login, providers, faults):
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_PASSWORD_LOGIN": password_login,
        "XCUBE_HUB_OIDC_PROVIDERS": providers,
    }
    assert len(checks.check_sign_on()) == faults


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no key"),
        ("\n \n", "holds no key"),
        (f"{'x' * 40} # since May\n", "neither `next` nor the time"),
    ],
)
def test_a_file_of_keys_that_cannot_be_used_is_told(settings, tmp_path, text, told):
    settings.TOKEN_SECRETS, settings.TOKEN_SECRETS_FILE = [], tmp_path / "keys"
    assert checks.check_signing_keys() == []  # it will be made
    settings.TOKEN_SECRETS_FILE.write_text(text)
    (error,) = checks.check_signing_keys()
    assert told in error.msg


def test_a_good_file_of_keys_is_not_faulted(settings, tmp_path):
    settings.TOKEN_SECRETS, settings.TOKEN_SECRETS_FILE = [], tmp_path / "keys"
    lines = ["x" * 40, f"{'y' * 40} next", f"{'z' * 40} 2026-01-01T00:00:00Z"]
    settings.TOKEN_SECRETS_FILE.write_text("\n".join(lines))
    assert checks.check_signing_keys() == []


def test_a_folder_in_its_place_is_told(settings, tmp_path):
    settings.TOKEN_SECRETS, settings.TOKEN_SECRETS_FILE = [], tmp_path
    (error,) = checks.check_signing_keys()
    assert "cannot be read" in error.msg


@pytest.mark.parametrize("url", ["mail.example.org", "smtp://mail:abc", "smtp://mail:70000"])
def test_a_mail_server_that_cannot_be_meant_is_told_as_a_setting(url):
    with pytest.raises(ValueError, match="expected"):
        email_url(url)
