"""Calls to providers: each has a time-out, a bounded answer, and follows no redirect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from accounts.settings import hub
from accounts.sign_on.providers import Provider
from hubsite import http_client
from hubsite.refusals import Refused
from hubsite.web.waiting import place_to_wait

_MOST_BYTES = 512 * 1024


class ProviderUnavailable(Exception):
    """The provider does not answer, or not as a provider should. The message says which."""


def get_object(provider: Provider, url: str) -> dict[str, Any]:
    """The JSON object at `url`. Raises ProviderUnavailable."""
    status, found = _call(provider, "GET", url)
    if status != 200:
        raise ProviderUnavailable(f"{provider.title} answers {status} at {url}")
    return found


def post_form(
    provider: Provider, url: str, form: Mapping[str, str], *, auth: tuple[str, str] | None
) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of the answer. Raises ProviderUnavailable, also for its faults."""
    with place_at(provider):
        status, found = _call(provider, "POST", url, form=form, auth=auth)
    if status >= 500:
        raise ProviderUnavailable(f"{provider.title} answers {status}")
    return status, found


@contextmanager
def place_at(provider: Provider) -> Iterator[None]:
    """Let this request wait for the provider. Raises ProviderUnavailable if too many do."""
    with ExitStack() as stack:
        try:
            stack.enter_context(place_to_wait(f"provider {provider.key}"))
        except Refused as refused:
            message = f"Too many sign-ons wait for {provider.title} just now"
            raise ProviderUnavailable(message) from refused
        yield


def _call(provider: Provider, method: str, url: str, **options: Any) -> tuple[int, dict[str, Any]]:
    try:
        answer = http_client.call(
            method, url, timeout_s=hub.oidc_timeout_s, most_bytes=_MOST_BYTES, **options
        )
        found = answer.json() if answer.status < 500 else {}
    except (http_client.NoAnswer, ValueError) as error:
        raise ProviderUnavailable(f"{provider.title} does not answer just now ({error})") from error
    if not isinstance(found, dict):
        raise ProviderUnavailable(f"{provider.title} answers with something else")
    return answer.status, found
