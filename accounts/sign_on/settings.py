"""Settings of how people sign in."""

from __future__ import annotations

from hubsite.configuration.reading import boolean, whole_number
from hubsite.configuration.rooms import setting
from hubsite.configuration.site import SiteSettings

from .providers import Provider, former_providers, oidc_providers


class SignOnSettings(SiteSettings):
    """Identity providers, passwords and sessions."""

    section = "Accounts and tokens"

    oidc_providers: tuple[Provider, ...] = setting(
        "XCUBE_HUB_OIDC_PROVIDERS",
        oidc_providers,
        (),
        former_join=former_providers,
        former_text="AUTH0_DOMAIN (or XCUBE_HUB_OAUTH_DOMAIN), KEYCLOAK_DOMAIN, KEYCLOAK_REALM",
        default_text="none",
        secret=True,
    )
    """OpenID Connect providers that people sign in with and whose tokens the API takes: a JSON
    array, or the path of a file that holds one (operators.md describes it). Its `client_secret`
    may name a variable: `${NAME}`."""

    oidc_timeout_s: int = setting(
        "XCUBE_HUB_OIDC_TIMEOUT_S",
        whole_number,
        3,
        minimum=1,
        maximum=600,
    )
    """How long a provider may take to answer the hub, in seconds. Whoever signs in waits
    meanwhile, and is then told that it does not answer."""

    password_login: bool = setting(
        "XCUBE_HUB_PASSWORD_LOGIN",
        boolean,
        True,
    )
    """Let operators sign in with a password. Switch it off once they do with a provider."""

    session_renewal_s: int = setting(
        "XCUBE_HUB_SESSION_RENEWAL_S",
        whole_number,
        15 * 60,
        minimum=1,
        maximum=86400,
    )
    """After how many seconds a browser's session is confirmed with its provider again. Who is
    no longer signed in there is signed out here."""

    session_lifetime_s: int = setting(
        "XCUBE_HUB_SESSION_LIFETIME_S",
        whole_number,
        12 * 3600,
        minimum=1,
        maximum=30 * 86400,
    )
    """After how many seconds a browser must sign in again, whatever it did since."""
