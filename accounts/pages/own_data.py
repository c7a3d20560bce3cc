"""The page of one's own data: take it along, or have it deleted with the account.

A browser that was left open must not be enough to delete an account: the person types their
e-mail, and has signed in a short while ago, or gives the password.
"""

from __future__ import annotations

import time
from typing import Any

from django import forms
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from hubsite import audit
from hubsite.coordination.failures import TooManyTries

from .. import deletion_queue, own_data
from ..deletion import HasPowers, foresee
from ..models import User
from ..sign_on.documents import provider_by_key
from ..sign_on.password import PasswordBackend
from ..sign_on.renewal import PROVIDER, SIGNED_IN_AT

RECENT_S = 15 * 60
"""Whoever signed in longer ago does it again."""


class DeletionForm(forms.Form):
    typed = forms.CharField(
        label=_("Type your e-mail address"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Your password"),
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.request = request
        if not asks_password(request):
            del self.fields["password"]

    def clean_typed(self) -> str:
        typed = self.cleaned_data["typed"].strip()
        if typed.lower() != self.request.user.email.lower():
            raise forms.ValidationError(gettext("This is not your e-mail address."))
        return typed

    def clean_password(self) -> str:
        user, given = self.request.user, self.cleaned_data["password"]
        try:
            found = PasswordBackend().authenticate(
                self.request, username=user.email, password=given
            )
        except TooManyTries:
            raise forms.ValidationError(
                gettext("Too many failed tries. Please wait some minutes, then try again.")
            ) from None
        if found is None or found.pk != user.pk:
            raise forms.ValidationError(gettext("This is not your password."))
        return given


def asks_password(request: HttpRequest) -> bool:
    """Whether the session began with a password, and not at a provider."""
    return PROVIDER not in request.session and request.user.has_usable_password()


def is_recent(request: HttpRequest) -> bool:
    """Whether the person may delete the account now, as far as the sign-in decides."""
    if asks_password(request):
        return True
    return time.time() - request.session.get(SIGNED_IN_AT, 0) < RECENT_S


@method_decorator([never_cache, login_required, sensitive_post_parameters()], name="dispatch")
class OwnDataPage(View):
    """What the hub has of the caller, and the form that deletes it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, DeletionForm(request))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = DeletionForm(request, request.POST)
        if not is_recent(request):
            form.is_valid()
            form.add_error(None, gettext("Sign in again first: your last sign-in is too long ago."))
            return self._page(request, form, status=403)
        if not form.is_valid():
            return self._page(request, form, status=400)
        user = request.user
        try:
            deletion_queue.ask_for(user, by=user)
        except HasPowers:
            return self._page(request, form, status=403)
        logout(request)
        return render(request, "accounts/deletion_begun.html")

    def _page(self, request: HttpRequest, form: DeletionForm, *, status: int = 200) -> HttpResponse:
        user = request.user
        context = {
            "form": form,
            "foreseen": [line for line in foresee(user) if line.count],
            "has_powers": has_powers(user),
            "is_recent": is_recent(request),
            "sign_in_again": _sign_in_again(request),
        }
        return render(request, "accounts/own_data.html", context, status=status)


@never_cache
@login_required
@require_POST
def download(request: HttpRequest) -> HttpResponseBase:
    """The caller's data as a JSON file, sent while it is read."""
    with transaction.atomic():
        audit.record("user.data_downloaded", actor=request.user, on=request.user)
    response = StreamingHttpResponse(
        own_data.document(request.user), content_type="application/json"
    )
    response["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


def has_powers(user: User) -> bool:
    """Whether the account is one that operates the hub, which nobody deletes by themselves."""
    return user.is_superuser or user.is_staff or user.reads_hub


def _sign_in_again(request: HttpRequest) -> str:
    """Where one signs in again, at the same provider, and comes back here."""
    query = {"next": reverse("own-data"), "again": 1}
    provider = provider_by_key(request.session.get(PROVIDER))
    if provider is None:
        return f"{reverse('login')}?{urlencode(query)}"
    return f"{reverse('oidc-sign-in', args=[provider.key])}?{urlencode(query)}"
