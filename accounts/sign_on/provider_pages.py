"""The pages that send a browser to a provider, and receive it back."""

from __future__ import annotations

import logging

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView

from accounts.settings import hub
from accounts.sign_on.providers import Provider

from .documents import provider_by_key, publisher
from .flow import SignOn, begin, safe_next, sign_on_of
from .http import ProviderUnavailable
from .linking import SignOnRefused
from .renewal import remember_sign_on

logger = logging.getLogger(__name__)

_MUST_ASK = {
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
}


@never_cache
@require_safe
def sign_in_with(request: HttpRequest, key: str) -> HttpResponse:
    """Begin a sign-on with the provider that has this key."""
    provider = provider_by_key(key)
    if provider is None:
        raise Http404
    try:
        asks_again = request.GET.get("again") == "1"
        return begin(request, provider, next_url=safe_next(request), asks_again=asks_again)
    except ProviderUnavailable as error:
        return _unavailable(request, provider, safe_next(request), error)


class CallbackView(OIDCAuthenticationCallbackView):
    """The callback: the provider sends the browser back to it.

    The base class checks `state` and signs in the user that the backend returns. This class
    turns every failure into a page that says what happened.
    """

    sign_on: SignOn
    provider: Provider

    def get(self, request: HttpRequest) -> HttpResponse:
        sign_on = sign_on_of(request)
        provider = provider_by_key(sign_on.provider_key) if sign_on else None
        if sign_on is None or provider is None:
            return _refused(
                request,
                "This sign-on was begun in another browser, or too long ago. Please begin again",
                status=400,
            )
        self.sign_on, self.provider = sign_on, provider
        error = request.GET.get("error", "")
        try:
            self._check_issuer()
            request.oidc_provider = provider
            return super().get(request) if not error else self._failed(error)
        except SignOnRefused as refusal:
            return _refused(request, str(refusal), next_url=sign_on.next_url)
        except ProviderUnavailable as unavailable:
            return _unavailable(request, provider, sign_on.next_url, unavailable)

    @staticmethod
    def get_settings(attr, *args):
        return {"OIDC_RENEW_ID_TOKEN_EXPIRY_SECONDS": hub.session_renewal_s}.get(attr, *args)

    @property
    def success_url(self) -> str:
        return self.sign_on.next_url

    def login_success(self) -> HttpResponse:
        response = super().login_success()
        remember_sign_on(
            self.request,
            provider=self.provider,
            id_token=self.request.oidc_id_token,
            is_renewal=self.sign_on.is_silent,
        )
        return response

    def login_failure(self) -> HttpResponse:
        return _refused(
            self.request, "The sign-on was not completed", next_url=self.sign_on.next_url
        )

    def _failed(self, error: str) -> HttpResponse:
        """The provider refuses. The base class forgets `state` and signs the browser out."""
        super().get(self.request)
        if self.sign_on.is_silent and error in _MUST_ASK:
            query = urlencode({"next": self.sign_on.next_url, "ended": 1})
            return HttpResponseRedirect(f"{reverse('login')}?{query}")
        logger.warning("%s answers a sign-on with %.60r", self.provider.title, error)
        told = "was cancelled" if error == "access_denied" else "failed there"
        return _refused(
            self.request,
            f"The sign-on with {self.provider.title} {told}",
            next_url=self.sign_on.next_url,
        )

    def _check_issuer(self) -> None:
        """Check that the answer comes from the provider that was asked (RFC 9207)."""
        documents = publisher(self.provider).current()
        is_promised = documents is not None and documents.metadata.get(
            "authorization_response_iss_parameter_supported"
        )
        issuer = self.request.GET.get("iss")
        if issuer != self.provider.issuer and (issuer is not None or is_promised):
            raise SignOnRefused("The answer came from another provider than was asked")


def _refused(
    request: HttpRequest, reason: str, *, next_url: str = "/", status: int = 403
) -> HttpResponse:
    return render(
        request, "sign_on_refused.html", {"reason": reason, "next": next_url}, status=status
    )


def _unavailable(
    request: HttpRequest, provider: Provider, next_url: str, error: ProviderUnavailable
) -> HttpResponse:
    logger.warning("Nobody can sign in with %s: %s", provider.key, error)
    response = render(
        request,
        "sign_on_unavailable.html",
        {
            "provider": provider,
            "next": next_url,
            "has_password_login": hub.password_login,
        },
        status=503,
    )
    response["Retry-After"] = "30"
    return response
