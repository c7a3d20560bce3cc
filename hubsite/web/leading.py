"""Pages that lead on: a form must not end at another host, as our form-action allows none.

A browser follows the redirects after a form as part of it. So a form whose way ends at another
host is answered with a small page, which goes on by itself. Its first line does so, before anything
of the page is loaded; without scripts it goes on when it has loaded.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve

from .content_security_policy import STRICT

_SCRIPT = "location.replace(document.currentScript.dataset.url)"
_POLICY = STRICT.replace(
    "script-src 'self'",
    f"script-src 'sha256-{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()}'",
)
"""No script but that one."""


def leads_elsewhere(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a view that redirects to another host."""
    view.leads_elsewhere = True  # type: ignore[attr-defined]
    return view


def goes_elsewhere(path: str) -> bool:
    """Whether the view at this path of the hub, perhaps with a query, redirects elsewhere."""
    try:
        path_info = urlsplit(path).path.removeprefix(settings.PUBLIC_PATH)
        return getattr(resolve(path_info).func, "leads_elsewhere", False)
    except (Resolver404, ValueError):
        return False


def lead_on(request: HttpRequest, url: str, *, title: str) -> HttpResponse:
    """A page called `title` that goes on by itself to `url`, which its caller made."""
    context = {"url": url, "title": title, "script": _SCRIPT}
    response = render(request, "leading_on.html", context)
    response["Content-Security-Policy"] = _POLICY
    return response
