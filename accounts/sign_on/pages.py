"""The pages of signing in and out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import logout
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.settings import hub
from hubsite.coordination.failures import TooManyTries
from hubsite.web.addresses import absolute_url
from hubsite.web.leading import goes_elsewhere, lead_on

from .documents import all_providers, provider_by_key, publisher
from .flow import safe_next
from .password import PasswordForm
from .renewal import ID_TOKEN, PROVIDER, note_sign_on, remember_sign_on


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class LoginPage(LoginView):
    """The login page: choose a provider, or sign in with an operator's password."""

    template_name = "login.html"
    form_class = PasswordForm
    http_method_names = ["get", "head", "post"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        providers = _browser_providers()
        is_plain = not request.user.is_authenticated and not request.GET.get("ended")
        if len(providers) == 1 and not hub.password_login and is_plain:
            return HttpResponseRedirect(_sign_in_url(providers[0].key, safe_next(request)))
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not hub.password_login:
            return self.render_to_response(self.get_context_data(form=None), status=403)
        try:
            return super().post(request, *args, **kwargs)
        except TooManyTries as error:
            response = self.render_to_response(
                self.get_context_data(form=PasswordForm(request), too_many=True), status=429
            )
            response["Retry-After"] = str(error.retry_after_s)
            return response

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        response = super().form_valid(form)
        self.request.session.pop(PROVIDER, None)
        remember_sign_on(self.request)
        if goes_elsewhere(self.get_success_url()):
            return lead_on(self.request, self.get_success_url(), title=_("Signed in, going on"))
        return response

    def form_invalid(self, form: PasswordForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=400)

    def get_success_url(self) -> str:
        return safe_next(self.request)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        next_url = safe_next(self.request)
        return super().get_context_data(
            **context,
            providers=[
                {"title": provider.title, "url": _sign_in_url(provider.key, next_url)}
                for provider in _browser_providers()
            ],
            has_password_login=hub.password_login,
            next_url=next_url,
            has_ended=bool(self.request.GET.get("ended")),
            is_again=bool(self.request.GET.get("again")),
        )


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session here and at the provider; otherwise the next sign-on would be silent."""
    provider = provider_by_key(request.session.get(PROVIDER))
    id_token = request.session.get(ID_TOKEN, "")
    if request.user.is_authenticated:
        note_sign_on("user.signed_out", request.user, provider.title if provider else "password")
    logout(request)
    documents = publisher(provider).current() if provider else None
    endpoint = documents.metadata.get("end_session_endpoint") if documents else None
    if not endpoint:
        return HttpResponseRedirect(reverse("signed-out"))
    parameters = {
        "client_id": provider.client_id,
        "post_logout_redirect_uri": absolute_url(reverse("signed-out")),
    }
    if id_token:
        parameters["id_token_hint"] = id_token
    separator = "&" if "?" in endpoint else "?"
    # A page and not a redirect, because form-action of our policy allows no other host.
    return render(
        request,
        "signing_out.html",
        {"provider": provider, "url": f"{endpoint}{separator}{urlencode(parameters)}"},
    )


@never_cache
@require_safe
def signed_out(request: HttpRequest) -> HttpResponse:
    return render(request, "signed_out.html")


def _browser_providers() -> list:
    return [provider for provider in all_providers() if provider.signs_in_browsers]


def _sign_in_url(key: str, next_url: str) -> str:
    return f"{reverse('oidc-sign-in', args=[key])}?{urlencode({'next': next_url})}"
