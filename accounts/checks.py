"""System checks: a way to sign in exists, and tokens can be signed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from .sign_on.documents import all_providers
from .tokens.signing_keys import keys_in


@register()
def check_sign_on(**kwargs: Any) -> list[CheckMessage]:
    if settings.HUB["XCUBE_HUB_PASSWORD_LOGIN"]:
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
