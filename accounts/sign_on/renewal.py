"""Renew browser sessions: the provider confirms each session from time to time.

When a page is opened, the browser is sent to the provider, which sends it back at once, or says
that the person is no longer signed in. What a page fetches meanwhile stays unconfirmed for one
more interval; then it is answered as to a stranger until a page confirms the session, which the
pages of this hub do by loading themselves again. While the provider is unreachable, no one is
signed out before the session's own end.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.settings import hub
from accounts.sign_on.providers import Provider
from hubsite import audit

from ..models import User
from .documents import provider_by_key, publisher
from .flow import begin
from .http import ProviderUnavailable

PROVIDER = "oidc_provider"
ID_TOKEN = "oidc_id_token"  # noqa: S105 - a key of the session
RENEW_AT = "oidc_id_token_expiration"
SIGNED_IN_AT = "signed_in_at"

POSTPONE_S = 60


def remember_sign_on(
    request: HttpRequest,
    *,
    provider: Provider | None = None,
    id_token: str = "",
    is_renewal: bool = False,
) -> None:
    """What the session stores about its beginning; mozilla-django-oidc sets RENEW_AT."""
    if provider is not None:
        request.session[PROVIDER] = provider.key
        request.session[ID_TOKEN] = id_token
    if not is_renewal or SIGNED_IN_AT not in request.session:
        request.session[SIGNED_IN_AT] = int(time.time())
        note_sign_on("user.signed_in", request.user, provider.title if provider else "password")


def note_sign_on(action: str, user: User, how: str) -> None:
    """Write a sign-on into the audit: each of an operator's, one an hour of a user's."""
    has_powers = user.is_staff or user.reads_hub
    record = audit.record if has_powers else audit.record_seldom
    record(action, actor=user, on=user, detail=how)


class SessionRenewalMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            settings.SESSION_COOKIE_NAME in request.COOKIES
            and not _is_by_token(request)
            and (redirect := _confirm(request))
        ):
            return redirect
        return self.get_response(request)


def _is_by_token(request: HttpRequest) -> bool:
    """Whether the session plays no part: in the API an Authorization header decides alone."""
    is_api = request.path_info.startswith(f"/{settings.API_PATH}")
    return is_api and "HTTP_AUTHORIZATION" in request.META


def _confirm(request: HttpRequest) -> HttpResponse | None:
    """End the session, suspend it, or send the browser to its provider, if it is due."""
    session, now = request.session, time.time()
    if SIGNED_IN_AT not in session or _is_sign_on(request):
        return None
    if now >= session[SIGNED_IN_AT] + hub.session_lifetime_s:
        logout(request)
        return None
    if PROVIDER not in session:
        return None  # signed in by password
    overdue_s = now - session.get(RENEW_AT, 0)
    longest_s = max(hub.session_renewal_s, POSTPONE_S)
    if -longest_s <= overdue_s < 0:
        return None
    provider = provider_by_key(session[PROVIDER])
    if provider is None:  # removed from the settings
        logout(request)
        return None
    if _is_page(request):
        try:
            return begin(request, provider, next_url=request.get_full_path(), is_silent=True)
        except ProviderUnavailable:
            session[RENEW_AT] = now + POSTPONE_S
            return None
    its = publisher(provider)
    its.current()
    if overdue_s >= hub.session_renewal_s and not its.is_down:
        request.user = AnonymousUser()  # the session stays, for the next page to confirm it
    return None


def _is_sign_on(request: HttpRequest) -> bool:
    """Whether the request is a step of signing in or out, which needs the session."""
    return request.path_info.startswith("/oidc/") or request.path.startswith(
        (reverse("login"), reverse("logout"))
    )


def _is_page(request: HttpRequest) -> bool:
    """Whether a browser shows the answer as a page, so that it can be redirected first."""
    not_pages = (f"/{settings.API_PATH}", "/health/", "/metrics", "/favicon.ico")
    return (
        request.method == "GET"
        and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        and not request.path_info.startswith(not_pages)
    )
