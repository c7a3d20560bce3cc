"""Absolute URLs of the hub, for identity providers, e-mails and people."""

from __future__ import annotations

from urllib.parse import urlsplit

from hubsite.configuration.site import hub


def absolute_url(path: str) -> str:
    """The public URL of a path that `reverse` made.

    `path` already begins with the path of the public URL; a proxy removes it from requests.
    """
    public = urlsplit(hub.public_url)
    return f"{public.scheme}://{public.netloc}{path}"
