"""What the forms on a user's page do: units, switching off and on, revoking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ... import switching
from ...models import Client, Share, User
from ...sharing import giving
from ...tokens.hub_tokens import revoke_tokens
from ...units import ledger
from .switching import SwitchOffForm
from .units import UnitsForm, move, outcome

Step = Callable[[ModelAdmin, HttpRequest, User], HttpResponse | None]


def step(model_admin: ModelAdmin, function: Step) -> Callable[..., HttpResponse]:
    """The view of one form: finds the user, asks for permission, leads back to the page."""

    @require_POST
    def view(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - Django's name of it
        if not model_admin.has_change_permission(request):
            raise PermissionDenied
        user = model_admin.get_object(request, id)
        if user is None:
            raise Http404
        if not model_admin.has_change_permission(request, user):
            raise PermissionDenied
        if user.forgotten_at is not None:
            messages.error(request, _("This person was deleted."))
        elif answer := function(model_admin, request, user):
            return answer
        return redirect("admin:accounts_user_change", user.pk)

    return view


def units(model_admin: ModelAdmin, request: HttpRequest, user: User) -> HttpResponse | None:
    form = UnitsForm(request.POST)
    if not form.is_valid():
        return _shown_again(model_admin, request, user, units_form=form)
    try:
        entry = move(user, form, actor=request.user)
    except ledger.InsufficientUnits as error:
        form.add_error("units", _("The user has %(n)s units in all.") % {"n": error.available})
        return _shown_again(model_admin, request, user, units_form=form)
    except ledger.IdempotencyKeyReused:
        messages.error(request, _("This form was sent before, with something else, which counts."))
        return None
    given = form.cleaned_data
    model_admin.log_change(request, user, f"{given['what']} {given['units']} processing units")
    messages.success(request, outcome(entry, user))
    return None


def switch(model_admin: ModelAdmin, request: HttpRequest, user: User) -> HttpResponse | None:
    if not user.is_active:
        switching.switch_on(user)
        model_admin.log_change(request, user, "switched on")
        messages.success(request, _("The account is open again."))
        return None
    if user.pk == request.user.pk:
        messages.error(request, _("This is your own account: ask a colleague."))
        return None
    form = SwitchOffForm(request.POST)
    if not form.is_valid():
        return _shown_again(model_admin, request, user, switch_form=form)
    given = form.cleaned_data
    busy = switching.switch_off(user, reason=given["reason"], end_work=given["end_work"])
    model_admin.log_change(request, user, f"switched off: {given['reason']}")
    messages.success(request, _("The account is switched off."))
    if busy:
        messages.warning(request, _("%(n)s jobs and services are being ended.") % {"n": busy})
    return None


def revoke(model_admin: ModelAdmin, request: HttpRequest, user: User) -> HttpResponse | None:
    """Revoke one thing of the user: `token=<jti>`, `client=<client id>` or `share=<number>`."""
    revoked = None
    asked = {name: text.replace("\0", "") for name, text in request.POST.items()}
    if jti := asked.get("token", "")[:32]:
        row = user.access_tokens.filter(jti=jti).first()
        if row is not None and revoke_tokens(user.access_tokens.filter(pk=row.pk)):
            revoked = row
    elif client_id := asked.get("client", "")[:255]:
        client = Client.objects.filter(owner=user, client_id=client_id).first()
        revoked = client if client is not None and client.revoke() else None
    elif (share_id := asked.get("share", "")[:18]).isdecimal():
        share = Share.objects.filter(owner=user, pk=int(share_id)).first()
        revoked = share if share is not None and giving.withdraw(share, by=request.user) else None
    if revoked is None:
        messages.warning(request, _("Nothing was revoked: it is over already."))
        return None
    model_admin.log_change(request, revoked, "revoked")
    messages.success(request, _("Revoked; it is refused from now on."))
    return None


def _shown_again(
    model_admin: ModelAdmin, request: HttpRequest, user: User, **forms: Any
) -> HttpResponse:
    """The page with the faults of a form, and nothing changed."""
    request.method = "GET"  # the page's own form was not sent
    response = model_admin.change_view(request, str(user.pk), extra_context=forms)
    response.status_code = 422
    return response
