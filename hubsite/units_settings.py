"""Settings of tokens, processing units and notices: part of the table in `settings_table.py`."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlsplit

from .accounts_settings import ACCOUNTS
from .configuration.bounds import LARGEST_NUMBER
from .configuration.reading import Setting, file, whole_number


def day(text: str) -> date:
    """A day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a day such as 2027-01-31") from None


def email_url(text: str) -> str:
    if not text.startswith(("smtp://", "smtp+tls://", "smtp+ssl://", "consolemail://")):
        raise ValueError("expected a URL that begins with smtp://, smtp+tls:// or smtp+ssl://")
    try:
        urlsplit(text).port  # noqa: B018 - it raises
    except ValueError:
        raise ValueError("expected a number from 0 to 65535 as the port of the URL") from None
    return text


UNITS_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "XCUBE_HUB_TOKEN_SECRETS_FILE",
        file,
        None,
        "A file of keys instead of XCUBE_HUB_TOKEN_SECRETS, one a line. It is made if missing, and "
        "`rotate_signing_key` changes it; all processes see that at once.",
        ACCOUNTS,
        default_text="`token-secret` in the data folder",
    ),
    Setting(
        "XCUBE_HUB_OLD_TOKENS_UNTIL",
        day,
        None,
        "The last day on which tokens of the service before are taken, which have no `jti` and "
        "cannot be revoked. They lived 90 days.",
        ACCOUNTS,
        default_text="none: they are refused",
    ),
    Setting(
        "XCUBE_HUB_LOW_UNITS",
        whole_number,
        100,
        "Users who have fewer processing units available are told so; 0: nobody is.",
        ACCOUNTS,
        minimum=0,
        maximum=LARGEST_NUMBER,
    ),
    Setting(
        "XCUBE_HUB_EMAIL_URL",
        email_url,
        None,
        "The mail server, such as `smtp+tls://user:password@mail.example.org:587`. Without it the "
        "hub sends no e-mail: notices appear in the portal and the API only.",
        ACCOUNTS,
        default_text="none",
        secret=True,
    ),
    Setting(
        "XCUBE_HUB_EMAIL_FROM",
        str,
        "xcube-hub@localhost",
        "The sender of e-mails.",
        ACCOUNTS,
    ),
)
