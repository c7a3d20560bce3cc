"""The page on which a person lets a program have a token (RFC 8628, section 3.3).

Anyone can start a request and send its link to others. So the page says that the program is not
known to the hub, from where it asked and when, and asks to compare the code.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache

from hubsite.coordination.failures import TooManyTries
from hubsite.refusals import Refused

from ..models import DeviceRequest
from ..scopes import SCOPES
from ..tokens import device_flow
from ..tokens.personal import DEFAULT_DAYS, LONGEST_DAYS

UNKNOWN = "There is no such code, or it is over. Start again in the program."


class ApprovalForm(forms.Form):
    name = forms.CharField(max_length=100, label=_("Name of the token"))
    scopes = forms.MultipleChoiceField(label=_("It may"), widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(min_value=1, max_value=LONGEST_DAYS, label=_("Days until it expires"))

    def __init__(self, *args: Any, row: DeviceRequest, offered: list[str], **more: Any) -> None:
        first = {"name": row.name or row.client_id, "days": DEFAULT_DAYS, "scopes": offered}
        super().__init__(*args, initial=first, **more)
        self.fields["scopes"].choices = [(scope, SCOPES[scope]) for scope in offered]


@method_decorator([never_cache, login_required], name="dispatch")
class DevicePage(View):
    """Asks for the code, then shows who asks; approve or deny."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._look(request, request.GET.get("user_code", ""))

    def post(self, request: HttpRequest) -> HttpResponse:
        decision, code = request.POST.get("decision"), request.POST.get("user_code", "")
        if decision not in ("approve", "deny"):
            return self._look(request, code, status=400)
        try:
            row = device_flow.find(request.user, code)
        except TooManyTries as error:
            return _too_many(request, error)
        if row is None:
            return _page(request, fault=UNKNOWN, status=400)
        if decision == "deny":
            return _decided(request, row, device_flow.deny(row, by=request.user), denied=True)
        return self._approve(request, row)

    def _look(self, request: HttpRequest, code: str, *, status: int = 200) -> HttpResponse:
        if not code.strip():
            return _page(request, status=status)
        try:
            row = device_flow.find(request.user, code)
        except TooManyTries as error:
            return _too_many(request, error)
        if row is None:
            return _page(request, typed=code[:40], fault=UNKNOWN, status=400)
        offered = device_flow.offered_scopes(row, request.user)
        return _page(request, row=row, form=ApprovalForm(row=row, offered=offered))

    def _approve(self, request: HttpRequest, row: DeviceRequest) -> HttpResponse:
        offered = device_flow.offered_scopes(row, request.user)
        form = ApprovalForm(request.POST, row=row, offered=offered)
        if not form.is_valid():
            return _page(request, row=row, form=form, status=400)
        given = form.cleaned_data
        try:
            done = device_flow.approve(
                row, request.user, name=given["name"], scopes=given["scopes"], days=given["days"]
            )
        except Refused as refused:
            form.add_error(None, str(refused))
            return _page(request, row=row, form=form, status=400)
        return _decided(request, row, done)


def _decided(request: HttpRequest, row: DeviceRequest, done: bool, **more: Any) -> HttpResponse:
    if not done:
        return _page(request, fault=UNKNOWN, status=400)
    return _page(request, row=row, decided=True, **more)


def _too_many(request: HttpRequest, error: TooManyTries) -> HttpResponse:
    fault = f"Too many wrong codes. Wait {-(-error.retry_after_s // 60)} minutes."
    response = _page(request, fault=fault, status=429)
    response["Retry-After"] = str(error.retry_after_s)
    return response


def _page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    if row := context.get("row"):
        context["code"] = device_flow.shown(row.user_code)
    return render(request, "accounts/device.html", context, status=status)
