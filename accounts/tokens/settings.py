"""Settings of the tokens that the hub issues."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from hubsite.configuration.bounds import LARGEST_INTEGER
from hubsite.configuration.reading import (
    comma_list,
    file,
    one_item,
    whole_number,
)
from hubsite.configuration.rooms import setting
from hubsite.configuration.site import SiteSettings


def _audience(hub: TokenSettings) -> str:
    """The default audience. It ignores options of `start`, because other commands lack them."""
    is_given = hub.is_given("XCUBE_HUB_PUBLIC_URL")
    return f"{hub.public_url if is_given else 'http://localhost'}/api/v2/"


def day(text: str) -> date:
    """A day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a day such as 2027-01-31") from None


class TokenSettings(SiteSettings):
    """Tokens: their keys, claims and lifetimes."""

    section = "Accounts and tokens"

    token_secrets: list[str] = setting(
        "XCUBE_HUB_TOKEN_SECRETS",
        comma_list,
        [],
        former=("XCUBE_HUB_OAUTH_HS256_SECRET", "XCUBE_HUB_TOKEN_SECRET"),
        former_type=one_item,
        default_text="generated once into the data folder",
        secret=True,
    )
    """HS256 keys of the hub's own tokens, each at least 32 characters, separated by commas. The
    first one signs, all of them verify. The geoDB's PostgREST shares one."""

    token_issuer: str = setting(
        "XCUBE_HUB_TOKEN_ISSUER",
        str,
        "https://xcube-gen.brockmann-consult.de/",
    )
    """The `iss` claim of the hub's own tokens."""

    oauth_aud: str = setting(
        "XCUBE_HUB_OAUTH_AUD",
        str,
        _audience,
        default_text="`<public URL>/api/v2/`; if that is not set, `http://localhost/api/v2/`",
    )
    """The `aud` claim of the hub's own tokens."""

    token_lifetime_s: int = setting(
        "XCUBE_HUB_TOKEN_LIFETIME_S",
        whole_number,
        7 * 86400,
        minimum=1,
        maximum=LARGEST_INTEGER,
    )
    """How long an issued token is valid, in seconds. Clients poll a job with the token with which
    they submitted it, so make it longer than your longest job."""

    token_secrets_file: Path | None = setting(
        "XCUBE_HUB_TOKEN_SECRETS_FILE",
        file,
        None,
        default_text="`token-secret` in the data folder",
    )
    """A file of keys instead of XCUBE_HUB_TOKEN_SECRETS, one a line. It is made if missing, and
    `rotate_signing_key` changes it; all processes see that at once."""

    old_tokens_until: date | None = setting(
        "XCUBE_HUB_OLD_TOKENS_UNTIL",
        day,
        None,
        default_text="none: they are refused",
    )
    """The last day on which tokens of the old service are accepted. They have no `jti`, cannot be
    revoked, and were valid for 90 days."""
