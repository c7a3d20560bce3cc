"""Settings of processing units, and of the notices about them."""

from __future__ import annotations

from urllib.parse import urlsplit

from hubsite.configuration.bounds import LARGEST_NUMBER
from hubsite.configuration.reading import whole_number
from hubsite.configuration.rooms import setting
from hubsite.configuration.site import SiteSettings


def email_url(text: str) -> str:
    if not text.startswith(("smtp://", "smtp+tls://", "smtp+ssl://", "consolemail://")):
        raise ValueError("expected a URL that begins with smtp://, smtp+tls:// or smtp+ssl://")
    try:
        urlsplit(text).port  # noqa: B018 - it raises
    except ValueError:
        raise ValueError("expected a number from 0 to 65535 as the port of the URL") from None
    return text


class UnitsSettings(SiteSettings):
    """Notices that few units are left: the limit, and the mail server."""

    section = "Accounts and tokens"

    low_units: int = setting(
        "XCUBE_HUB_LOW_UNITS",
        whole_number,
        100,
        minimum=0,
        maximum=LARGEST_NUMBER,
    )
    """Users who have fewer processing units available get a notice; 0: no one gets one."""

    email_url: str | None = setting(
        "XCUBE_HUB_EMAIL_URL",
        email_url,
        None,
        default_text="none",
        secret=True,
    )
    """The mail server, such as `smtp+tls://user:password@mail.example.org:587`. Without it the
    hub sends no e-mail: notices appear in the portal and the API only."""

    email_from: str = setting(
        "XCUBE_HUB_EMAIL_FROM",
        str,
        "xcube-hub@localhost",
    )
    """The sender of e-mails."""
