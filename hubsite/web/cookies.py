"""Middleware that drops malformed session and CSRF cookies."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_OURS = re.compile(r"[A-Za-z0-9]+")


class CookieMiddleware:
    """Drops session and CSRF cookies whose values the hub cannot have made.

    The key of a session is used in a query. A quoted cookie can contain a NUL character, for
    which PostgreSQL fails.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
            if not _OURS.fullmatch(request.COOKIES.get(name, "")):
                request.COOKIES.pop(name, None)
        return self.get_response(request)
