"""Middleware that shows pages in the reader's language; all else is English.

The language is what the user has chosen (stored with the user), else a cookie, else what the
browser asks for. Answers to programs, the command line, webhooks and logs stay English,
because programs and operators search them for known words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

API_PAGES = f"/{settings.API_PATH}ui"
FOR_PROGRAMS = (
    f"/{settings.API_PATH}",
    "/.well-known/",
    "/changes",
    "/favicon.ico",
    "/geodb_geoserver/",
    "/health/",
    "/internal/",
    "/metrics",
    "/programs/",
    "/user/",
    "/webapi/",
)
"""Paths whose answers no person reads as a page."""


def is_page(path: str) -> bool:
    """Whether people read what this path answers. `path` is without the public URL's path."""
    return path.startswith(API_PAGES) or not path.startswith(FOR_PROGRAMS)


def is_offered(language: Any) -> bool:
    return language in dict(settings.LANGUAGES)


class LanguageMiddleware:
    """Comes after authentication, because it asks for the user of the session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_page(request.path_info):
            return self.get_response(request)
        with translation.override(translation.get_language_from_request(request)):
            try:
                chosen = _choice_of_user(request)
            except DatabaseError as error:  # the page that says so is in a language, too
                return _described(response_for_exception(request, error))
            with translation.override(chosen or translation.get_language()):
                return _described(self.get_response(request))


def _choice_of_user(request: HttpRequest) -> str:
    """What the signed-in user has chosen. Strangers without a session cost no query."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
        return ""
    language = request.user.language
    return language if is_offered(language) else ""


def _described(response: HttpResponse) -> HttpResponse:
    """Tell caches that the page is in one of several languages, by cookies or by the header.

    A 304 keeps the headers of the answer that it confirms, and a file has no language.
    """
    if response.headers.get("Content-Type", "").startswith("text/html"):
        response.headers.setdefault("Content-Language", translation.get_language())
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
    return response
