"""System checks: a way to sign in exists, and tokens can be signed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from accounts.settings import hub

from .sign_on.documents import all_providers
from .tokens.signing_keys import keys_in


@register()
def check_sign_on(**kwargs: Any) -> list[CheckMessage]:
    if hub.password_login:
        return []
    if any(provider.signs_in_browsers for provider in all_providers()):
        return []
    return [
        Warning(
            "Nobody can sign in with a browser, operators neither: passwords are switched off, "
            "and no provider has a client_id.",
            hint="Give a provider of XCUBE_HUB_OIDC_PROVIDERS a client_id, or unset "
            "XCUBE_HUB_PASSWORD_LOGIN.",
            id="accounts.W001",
        )
    ]


@register()
def check_signing_keys(**kwargs: Any) -> list[CheckMessage]:
    """Check that the file of signing keys is readable; otherwise every token would be a 500."""
    path = settings.TOKEN_SECRETS_FILE
    if settings.TOKEN_SECRETS or not path.exists():
        return []  # no file, or it will be made
    try:
        fault = None if keys_in(path) else "it holds no key"
    except OSError as error:
        fault = f"it cannot be read ({error.strerror})"
    except ValueError:
        fault = "behind a key stands neither `next` nor the time when it was replaced"
    if fault is None:
        return []
    return [
        Error(
            f"{path} has no keys to sign tokens with: {fault}.",
            hint="Write one random text of at least 32 characters a line; or remove the file, "
            "and it is made.",
            id="accounts.E001",
        )
    ]


@register(Tags.security)
def check_token_secrets(**kwargs: Any) -> list[CheckMessage]:
    given = hub.token_secrets_file
    if given and settings.TOKEN_SECRETS:
        return [
            Error(
                "XCUBE_HUB_TOKEN_SECRETS and XCUBE_HUB_TOKEN_SECRETS_FILE are both set.",
                hint="Set one of them.",
                id="hubsite.E014",
            )
        ]
    secrets = settings.TOKEN_SECRETS
    if given and given.is_file():
        secrets = [line.split()[0] for line in given.read_text().splitlines() if line.strip()]
    short = [secret for secret in secrets if len(secret) < 32]
    if not short:
        return []
    name = "XCUBE_HUB_TOKEN_SECRETS_FILE" if given else "XCUBE_HUB_TOKEN_SECRETS"
    return [
        Error(
            f"{len(short)} of the keys in {name} is shorter than 32 characters.",
            hint="Use random texts of at least 32 characters; longer is better.",
            id="hubsite.E006",
        )
    ]


@register()
def check_geodb(**kwargs: Any) -> list[CheckMessage]:
    credentials = bool(hub.geodb_client_id and hub.geodb_client_secret)
    if hub.geodb_token_url and not credentials:
        return [
            Error(
                "XCUBE_HUB_GEODB_TOKEN_URL is set, and nothing to get a token with.",
                hint="Set XCUBE_HUB_GEODB_CLIENT_ID and XCUBE_HUB_GEODB_CLIENT_SECRET too.",
                id="hubsite.E015",
            )
        ]
    if credentials and not hub.geodb_token_url:
        return [
            Warning(
                "XCUBE_HUB_GEODB_CLIENT_ID is not used: the hub signs its tokens for geoDB itself.",
                hint="Remove it, or set XCUBE_HUB_GEODB_TOKEN_URL to where it gets a token.",
                id="hubsite.W015",
            )
        ]
    return []
