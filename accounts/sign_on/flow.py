"""The first half of a sign-on: the browser is sent to the provider (OpenID Connect Core, 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.http import url_has_allowed_host_and_scheme
from mozilla_django_oidc.utils import (
    add_state_and_verifier_and_nonce_to_session,
    generate_code_challenge,
)

from accounts.sign_on.providers import Provider
from hubsite.web.addresses import absolute_url

from .documents import publisher

STATES = "oidc_states"
DEFAULT_PAGE = "overview"


@dataclass(frozen=True)
class SignOn:
    """A sign-on that has begun, as the session stores it under its `state`."""

    provider_key: str
    next_url: str
    is_silent: bool


def begin(
    request: HttpRequest,
    provider: Provider,
    *,
    next_url: str,
    is_silent: bool = False,
    asks_again: bool = False,
) -> HttpResponseRedirect:
    """Send the browser to the provider. Raises ProviderUnavailable.

    A silent sign-on only asks whether the person is still signed in there. With `asks_again` the
    provider asks the person to sign in, signed in there or not.
    """
    metadata = publisher(provider).fresh().metadata
    state, nonce, verifier = (get_random_string(length) for length in (32, 32, 64))
    parameters = {
        "response_type": "code",
        "client_id": provider.client_id,
        "scope": provider.scopes,
        "redirect_uri": redirect_uri(),
        "state": state,
        "nonce": nonce,
        "code_challenge": generate_code_challenge(verifier, "S256"),
        "code_challenge_method": "S256",
    }
    if is_silent:
        parameters["prompt"] = "none"
    elif asks_again:
        parameters["prompt"] = "login"
    add_state_and_verifier_and_nonce_to_session(request, state, parameters, verifier)
    request.session[STATES][state] |= {
        "provider": provider.key,
        "next": next_url,
        "silent": is_silent,
    }
    request.session.modified = True
    endpoint = metadata["authorization_endpoint"]
    separator = "&" if "?" in endpoint else "?"
    return HttpResponseRedirect(f"{endpoint}{separator}{urlencode(parameters)}")


def sign_on_of(request: HttpRequest) -> SignOn | None:
    """The sign-on that this answer belongs to; None if this browser began none."""
    states = request.session.get(STATES)
    entry = states.get(request.GET.get("state")) if isinstance(states, dict) else None
    if entry is None or "provider" not in entry:
        return None
    return SignOn(entry["provider"], entry["next"], entry["silent"])


def redirect_uri() -> str:
    """The redirect URI that is registered at the providers."""
    return absolute_url(reverse("oidc-callback"))


def safe_next(request: HttpRequest) -> str:
    """The target of `next` if it is a page of this hub, else the default page."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours and len(wanted) <= 2000 else reverse(DEFAULT_PAGE)
