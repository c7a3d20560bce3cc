"""Signing in with a password: for operators only, a few tries at a time, and not at all if so set.

Tries are counted in the database, for all processes, before the slow hash, and given back if the
password was right: by address, and more closely by address and account. Nobody can lock an
operator out from another address; behind a proxy that is the proxy's, for everybody.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.forms import AuthenticationForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.settings import hub
from hubsite import audit
from hubsite.coordination.failures import Limit, count

from ..models import User

WINDOW_S = 300
TRIES_PER_ACCOUNT = 5
TRIES_PER_ADDRESS = 30

ONLY_OPERATORS = "Only operators sign in with a password. Below it says how you get in."


class PasswordBackend(ModelBackend):
    """Django's own, unless XCUBE_HUB_PASSWORD_LOGIN is off: then it signs nobody in, and ends
    the sessions that it began. Permissions are read from here in either case."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **credentials: Any,
    ) -> User | None:
        account = username or credentials.get(User.USERNAME_FIELD)
        if not hub.password_login or account is None or password is None:
            return None
        address = request.META.get("REMOTE_ADDR", "") if request else ""
        tries = count(_limits(account, address))
        user = super().authenticate(request, username=account, password=password)
        if user is not None:
            tries.give_back()
        else:
            _note_wrong_password(account)
        return user

    def get_user(self, user_id: int) -> User | None:
        return super().get_user(user_id) if hub.password_login else None


class PasswordForm(AuthenticationForm):
    """Raises TooManyTries while it is validated."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "E-mail and password do not belong together.",
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["username"].label = _("E-mail")
        self.fields["username"].widget.attrs.pop("autofocus", None)  # most choose a provider
        self.fields["username"].max_length = 254
        self.fields["password"].max_length = 1024
        self.fields["password"].validators.append(_at_most(1024))

    def confirm_login_allowed(self, user: User) -> None:
        super().confirm_login_allowed(user)
        if not (user.is_staff or user.reads_hub):
            raise forms.ValidationError(ONLY_OPERATORS, code="only_operators")


def change_password(request: HttpRequest) -> HttpResponse:
    """The admin's page for one's own password, which alone records nothing."""
    with transaction.atomic():
        response = admin.site.password_change(request)
        if request.method == "POST" and response.status_code == 302:
            audit.record("user.password_changed", on=request.user)
    return response


def _note_wrong_password(account: str) -> None:
    """An entry of the audit, of each account once an hour at most: a flood writes little.

    A name without an account gets none, so that nobody fills the audit with names.
    """
    user = User.objects.filter(email__iexact=account.strip()).first()
    if user is not None:
        audit.record_seldom("user.refused", actor="unknown", on=user)


def _limits(account: str, address: str) -> list[Limit]:
    name = account.strip().lower()
    return [
        Limit(f"login {address} {name}", TRIES_PER_ACCOUNT, WINDOW_S),
        Limit(f"login {address}", TRIES_PER_ADDRESS, WINDOW_S),
    ]


def _at_most(length: int):
    def check(value: str) -> None:
        if len(value) > length:
            raise forms.ValidationError(f"At most {length} characters.")

    return check
