"""Which cookies the hub reads at all."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_OURS = re.compile(r"[A-Za-z0-9]+")


class CookieMiddleware:
    """Drops session and CSRF cookies that are not ours by their looks.

    A session's key goes into a query, and PostgreSQL fails on a NUL, which a quoted cookie can
    hold.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
            if not _OURS.fullmatch(request.COOKIES.get(name, "")):
                request.COOKIES.pop(name, None)
        return self.get_response(request)
