"""Addresses of the hub for others: providers, e-mails, people."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings


def absolute_url(path: str) -> str:
    """The public URL of a path that `reverse` made.

    It has the path of the public URL already: a proxy takes that off before it asks the hub.
    """
    public = urlsplit(settings.HUB["XCUBE_HUB_PUBLIC_URL"])
    return f"{public.scheme}://{public.netloc}{path}"
