"""A user's own page: units, usage, subscriptions, and personal tokens to make and revoke."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from hubsite.refusals import Refused

from ..roles import permissions_of
from ..scopes import SCOPES
from ..tokens.personal import (
    DEFAULT_DAYS,
    LONGEST_DAYS,
    make_token,
    revoke_token,
    tokens_of,
)
from ..units.expiry import expiring_next
from ..units.ledger import balance_of
from ..units.notices import is_low

SHOWN_MOVEMENTS = 20


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100, label="Name", help_text="What you call it.")
    scopes = forms.MultipleChoiceField(
        label="It may", widget=forms.CheckboxSelectMultiple, help_text="Never more than you may."
    )
    days = forms.IntegerField(
        min_value=1, max_value=LONGEST_DAYS, initial=DEFAULT_DAYS, label="Days until it expires"
    )

    def __init__(self, *args: Any, held: frozenset[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["scopes"].choices = [
            (scope, name) for scope, name in SCOPES.items() if scope in held
        ]


@method_decorator([never_cache, login_required], name="dispatch")
class AccountPage(View):
    """The page. Its form makes a token, which is shown only once."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, TokenForm(held=permissions_of(request.user)))

    def post(self, request: HttpRequest) -> HttpResponse:
        held = permissions_of(request.user)
        form = TokenForm(request.POST, held=held)
        if not form.is_valid():
            return self._page(request, form, status=400)
        try:
            row, text = make_token(
                request.user,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                days=form.cleaned_data["days"],
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
            return self._page(request, form, status=400)
        return self._page(request, TokenForm(held=held), made=row, text=text)

    def _page(
        self, request: HttpRequest, form: TokenForm, *, status: int = 200, **more: Any
    ) -> HttpResponse:
        user = request.user
        balance = balance_of(user)
        context = {
            "form": form,
            "balance": balance,
            "is_low": is_low(balance),
            "expiring": expiring_next(user),
            "movements": user.ledger_entries.all()[:SHOWN_MOVEMENTS],
            "subscriptions": user.subscriptions.live(),
            "tokens": tokens_of(user),
            **more,
        }
        return render(request, "account.html", context, status=status)


@never_cache
@login_required
@require_POST
def revoke(request: HttpRequest, token_id: str) -> HttpResponse:
    if revoke_token(request.user, token_id):
        messages.success(request, "The token is revoked.")
    else:
        messages.error(request, "There is no such token.")
    return redirect("account")
