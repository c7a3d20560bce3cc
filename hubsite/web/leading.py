"""Pages that lead on: a form must not end at another host, as our form-action allows none.

A browser follows the redirects after a form as part of it. So a form whose way ends at another
host is answered with a small page, which goes on by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve


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
    """A page called `title` that goes on to `url` by itself."""
    return render(request, "leading_on.html", {"url": url, "title": title})
