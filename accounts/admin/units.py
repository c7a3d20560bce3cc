"""Balances, the ledger, monthly and expiring units, and acting for users, in the admin."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from hubsite.console.quantities import number
from hubsite.console.typed_numbers import WholeNumberField

from ..models import ActingEntry, Balance, ExpiringUnits, LedgerEntry, MonthlyGrant
from ..units.ledger import MAX_UNITS
from .base import OperatorAdmin, ReadOnlyAdmin, operates


class MonthlyGrantForm(forms.ModelForm):
    units = WholeNumberField(min_value=1, max_value=MAX_UNITS, label=_("Units"))

    class Meta:
        model = MonthlyGrant
        fields = ["user", "units", "first_month", "last_month", "expires", "reason"]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        first, last = data.get("first_month"), data.get("last_month")
        if first and last and last < first:
            raise forms.ValidationError(_("The last month lies before the first."))
        return data


@admin.register(MonthlyGrant)
class MonthlyGrantAdmin(OperatorAdmin):
    """An hourly tick grants them. Changing or removing one keeps what it granted before."""

    is_short = True
    form = MonthlyGrantForm
    list_display = ["units", "person", "first_month", "last_month", "expires", "reason"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    autocomplete_fields = ["user"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return operates(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operates(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operates(request)


@admin.register(ExpiringUnits)
class ExpiringUnitsAdmin(ReadOnlyAdmin):
    list_display = ["remaining", "person", "expires_at", "closed_at"]
    list_filter = [("closed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user"]
    search_fields = ["user__email"]


@admin.register(ActingEntry)
class ActingEntryAdmin(ReadOnlyAdmin):
    """Requests that an operator made in a user's name (header X-Act-For)."""

    list_display = ["at", "operator", "person", "method", "path", "address"]
    list_select_related = ["operator", "user"]
    search_fields = ["operator__email", "user__email", "path"]
    sortable_by = ()


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    """Balances change by the actions on users, which leave an entry in the ledger."""

    is_short = True
    list_display = ["total", "person", "reserved", "available"]
    list_select_related = ["user"]
    search_fields = ["user__email"]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = [
        "when",
        "person",
        "kind",
        "moved",
        "total_then",
        "what_for",
        "reason",
        "done_by",
    ]
    list_filter = ["kind"]
    list_select_related = ["user", "actor"]
    search_fields = ["=reference", "user__email"]
    search_help_text = _("The id of a job or service, or the e-mail of whose units they are.")
    sortable_by = ()

    @admin.display(description=_("When"))
    def when(self, entry: LedgerEntry) -> Any:
        return entry.created_at

    @admin.display(description=_("Units"))
    def moved(self, entry: LedgerEntry) -> str:
        return number(entry.units)

    @admin.display(description=_("Total then"))
    def total_then(self, entry: LedgerEntry) -> str:
        return number(entry.total_after)

    @admin.display(description=_("What for"))
    def what_for(self, entry: LedgerEntry) -> str:
        """The job or service, as a link to all entries about it."""
        if not entry.reference:
            return ""
        query = urlencode({"q": entry.reference})
        return format_html(
            '<a href="?{}" title="{}">{}</a>', query, entry.reference, entry.reference[-18:]
        )
