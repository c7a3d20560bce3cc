"""Addresses of the hub for others: providers, e-mails, people."""

from __future__ import annotations

from urllib.parse import urlsplit

from hubsite.configuration.site import hub


def absolute_url(path: str) -> str:
    """The public URL of a path that `reverse` made.

    It has the path of the public URL already: a proxy takes that off before it asks the hub.
    """
    public = urlsplit(hub.public_url)
    return f"{public.scheme}://{public.netloc}{path}"
