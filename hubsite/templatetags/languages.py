"""The choice of the language, for the foot of each page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

register = template.Library()


@register.inclusion_tag("console/language_choice.html", takes_context=True)
def language_choice(context: Any) -> dict[str, Any]:
    """Buttons that show the same page in another language; none on a page without a request."""
    return {
        "csrf_token": context.get("csrf_token"),
        "languages": settings.LANGUAGES,
        "current": get_language(),
        "next": _this_page(context.get("request")),
    }


def _this_page(request: HttpRequest | None) -> str:
    """The path to come back to. What a form answered is no page: it is where the form was."""
    if request is None:
        return ""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    try:
        before = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # such as `http://[`
        return ""
    if before.netloc != request.get_host():
        return ""
    return f"{before.path}?{before.query}" if before.query else before.path
