"""The form that grants and corrects a user's units, on the user's page."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hubsite.console.typed_numbers import WholeNumberField

from ...models import LedgerEntry, User
from ...units import expiry, ledger

GRANT, TAKE, TOTAL = "grant", "correct", "override"


class UnitsForm(forms.Form):
    """The key makes a form that is sent twice count once."""

    what = forms.ChoiceField(
        label=_("What"),
        choices=[
            (GRANT, _("Grant")),
            (TAKE, _("Correct (a number with - takes units)")),
            (TOTAL, _("Set the total")),
        ],
    )
    units = WholeNumberField(
        label=_("Units"), min_value=-ledger.MAX_UNITS, max_value=ledger.MAX_UNITS
    )
    expires = forms.DateField(
        label=_("Last day"),
        required=False,
        help_text=_("Only of a grant; empty: they do not expire."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=400, help_text=_("The user sees it, with your name.")
    )
    key = forms.CharField(initial=lambda: uuid.uuid4().hex, max_length=64, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        what, units, expires = given.get("what"), given.get("units"), given.get("expires")
        if units is not None and what == GRANT and units < 1:
            self.add_error("units", _("At least 1 is expected."))
        if units is not None and what == TOTAL and units < 0:
            self.add_error("units", _("At least 0 is expected."))
        if units == 0 and what == TAKE:
            self.add_error("units", _("A number other than 0 is expected."))
        if expires and what != GRANT:
            self.add_error("expires", _("Only granted units have a last day."))
        elif expires and expires < timezone.now().date():
            self.add_error("expires", _("This day is over."))
        return given


def move(user: User, form: UnitsForm, *, actor: User) -> LedgerEntry:
    """Do what a valid form says. Raises InsufficientUnits, or IdempotencyKeyReused."""
    given = form.cleaned_data
    if given["what"] == GRANT and given["expires"]:
        how = {"expires_at": expiry.end_of(given["expires"])}
        function: Any = expiry.grant_expiring
    else:
        how = {}
        function = {GRANT: ledger.grant, TAKE: ledger.correct, TOTAL: ledger.override}[
            given["what"]
        ]
    entry = function(
        user,
        given["units"],
        key=f"admin:{given['key']}:{user.pk}",
        reason=given["reason"],
        actor=actor,
        **how,
    )
    if entry.units != given["units"]:
        raise ledger.IdempotencyKeyReused
    return entry


def outcome(entry: LedgerEntry, user: User) -> str:
    """What happened, for the operator."""
    return gettext("%(units)s units are available to %(user)s now.") % {
        "user": user.email,
        "units": ledger.available(user),
    }
