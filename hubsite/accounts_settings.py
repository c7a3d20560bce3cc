"""Settings of how people sign in: part of the table in `settings_table.py`."""

from __future__ import annotations

from .configuration.reading import Setting, boolean, whole_number
from .oidc_providers import former_providers, oidc_providers

ACCOUNTS = "Accounts and tokens"

ACCOUNTS_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "XCUBE_HUB_OIDC_PROVIDERS",
        oidc_providers,
        (),
        "OpenID Connect providers that people sign in with and whose tokens the API takes: a JSON "
        "array, or the path of a file that holds one (operators.md describes it). Its "
        "`client_secret` may name a variable: `${NAME}`.",
        ACCOUNTS,
        former_join=former_providers,
        former_text="AUTH0_DOMAIN (or XCUBE_HUB_OAUTH_DOMAIN), KEYCLOAK_DOMAIN, KEYCLOAK_REALM",
        default_text="none",
        secret=True,
    ),
    Setting(
        "XCUBE_HUB_PASSWORD_LOGIN",
        boolean,
        True,
        "Let operators sign in with a password. Switch it off once they do with a provider.",
        ACCOUNTS,
    ),
    Setting(
        "XCUBE_HUB_SESSION_RENEWAL_S",
        whole_number,
        15 * 60,
        "After how many seconds a browser's session is confirmed with its provider again. Who is "
        "no longer signed in there is signed out here.",
        ACCOUNTS,
        minimum=1,
        maximum=86400,
    ),
    Setting(
        "XCUBE_HUB_SESSION_LIFETIME_S",
        whole_number,
        12 * 3600,
        "After how many seconds a browser must sign in again, whatever it did since.",
        ACCOUNTS,
        minimum=1,
        maximum=30 * 86400,
    ),
)
