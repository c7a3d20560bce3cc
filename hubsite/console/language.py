"""Choose the language of the pages: kept with the user, and in a cookie for who is signed out."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from hubsite.api.errors import error_response, invalid_field
from hubsite.web.languages import is_offered

_LONGEST_URL = 2000


@never_cache
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Show pages in `language` from now on, and go back to `next`, a page of this hub."""
    language = request.POST.get("language", "")
    if not is_offered(language):
        offered = ", ".join(code for code, _ in settings.LANGUAGES)
        return error_response(request, invalid_field("language", f"expected one of {offered}"))
    if request.user.is_authenticated:
        request.user.language = language
        request.user.save(update_fields=["language"])
    response = HttpResponseRedirect(_page_of_ours(request))
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
    )
    return response


def _page_of_ours(request: HttpRequest) -> str:
    """Where the reader was; the home page if that is no page of this hub."""
    url = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if is_ours and len(url) <= _LONGEST_URL else reverse("home")
