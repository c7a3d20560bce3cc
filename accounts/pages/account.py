"""A user's own page: units, subscriptions, programs with their tokens and clients, own data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from hubsite.configuration.site import hub
from hubsite.console import quantities
from hubsite.refusals import Refused
from hubsite.translations.sentences import translated

from ..models import Service, Subscription
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
from ..units.statement import movements
from ..units.words import in_words
from . import login_program

SHOWN_MOVEMENTS = 5
SHOWN_CLIENTS = 50


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100, label=_("Name"), help_text=_("What you call it."))
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Never more than you may."),
    )
    days = forms.IntegerField(
        min_value=1, max_value=LONGEST_DAYS, initial=DEFAULT_DAYS, label=_("Days until it expires")
    )

    def __init__(self, *args: Any, held: frozenset[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["scopes"].choices = [
            (scope, translated(name)) for scope, name in SCOPES.items() if scope in held
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
        balance, held = balance_of(user), permissions_of(user)
        context = {
            "form": form,
            "balance": balance,
            "is_low": is_low(balance),
            "expiring": expiring_next(user),
            "movements": in_words(user, list(movements(user)[:SHOWN_MOVEMENTS])),
            "subscriptions": [(it, gains_of(it)) for it in user.subscriptions.live()],
            "powers": [words for scope, words in SCOPES.items() if scope in held],
            "tokens": [(it, _may(it.scopes)) for it in tokens_of(user)],
            "clients": [
                (it, _may(it.scopes)) for it in user.clients.filter(revoked_at=None)[:SHOWN_CLIENTS]
            ],
            "wheel": login_program.wheel(),
            "hub_url": hub.public_url,
            "api_url": f"{hub.public_url}/{settings.API_PATH}",
            **more,
        }
        return render(request, "account.html", context, status=status)


def _may(scopes: Iterable[str]) -> str:
    """What these scopes permit, in the words of the form."""
    return ", ".join(translated(SCOPES.get(scope, scope)) for scope in scopes)


@never_cache
@login_required
@require_POST
def revoke(request: HttpRequest, token_id: str) -> HttpResponse:
    if revoke_token(request.user, token_id):
        messages.success(request, gettext("The token is revoked."))
    else:
        messages.error(request, gettext("There is no such token."))
    return redirect("account")


@never_cache
@login_required
@require_POST
def revoke_client(request: HttpRequest, client_pk: int) -> HttpResponse:
    """Revoke a client of the caller's, for example because its secret was seen by others.

    It is named by the number of its row, because given client ids may have any characters.
    """
    row = request.user.clients.filter(pk=client_pk).first() if client_pk < 2**63 else None
    if row is not None and row.revoke():
        messages.success(request, gettext("The client is revoked, and its tokens with it."))
    else:
        messages.error(request, gettext("There is no such client."))
    return redirect("account")


def gains_of(subscription: Subscription) -> list[str]:
    """What a subscription gives to its user, in words."""
    gains = {
        Service.GEN: gettext("You may generate cubes and run services."),
        Service.GEODB: gettext("You have a database in geoDB."),
        Service.GEOSERV: gettext("You may publish collections as maps."),
    }
    found = [gains[subscription.service]] if subscription.service in gains else []
    if subscription.units:
        found.append(
            gettext("Bought: %(units)s %(unit)s.")
            % {
                "units": quantities.number(subscription.units),
                "unit": subscription.get_unit_display(),
            }
        )
    if subscription.client_id:
        found.append(gettext("The marketplace gave you its client id and secret."))
    return found
