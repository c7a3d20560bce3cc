"""Clients of programs and tokens in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import AccessToken, Client
from ..tokens.hub_tokens import revoke_tokens
from .base import OperatorAdmin, ReadOnlyAdmin, operates
from .leaked import LeakedPages
from .roles import scope_choices


class ClientForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=scope_choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What its tokens may do, as far as the owner may do it too."),
    )

    class Meta:
        model = Client
        fields = ["name", "scopes"]


@admin.register(Client)
class ClientAdmin(OperatorAdmin):
    """`manage.py create_client` makes clients and shows the secret once."""

    form = ClientForm
    actions = ["revoke"]
    list_display = ["client_id", "name", "owner", "created_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["owner"]
    search_fields = ["=client_id", "name", "owner__email"]
    fields = ["client_id", "owner", "name", "scopes", "created_at", "revoked_at"]
    readonly_fields = ["client_id", "owner", "created_at", "revoked_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return operates(request) or super().has_change_permission(request, obj)

    @admin.action(description=_("Revoke the selected clients"), permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        revoked = [client for client in queryset if client.revoke()]
        for client in revoked:
            self.log_change(request, client, "revoked")
        messages.success(
            request, _("%(n)s revoked; their tokens are refused.") % {"n": len(revoked)}
        )


@admin.register(AccessToken)
class AccessTokenAdmin(LeakedPages, ReadOnlyAdmin):
    actions = ["revoke"]
    list_display = [
        "jti",
        "user",
        "client",
        "name",
        "scopes",
        "issued_at",
        "expires_at",
        "revoked_at",
    ]
    list_filter = ["is_personal"]
    list_select_related = ["user", "client"]
    search_fields = ["=jti", "user__email"]

    @admin.action(description=_("Revoke the selected tokens"), permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> None:
        messages.success(request, f"{revoke_tokens(queryset)} revoked.")

    def get_urls(self) -> list[Any]:
        return [*self.leaked_urls(), *super().get_urls()]
