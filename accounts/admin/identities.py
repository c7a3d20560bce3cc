"""Identities in the admin: operators link them to users and refuse their tokens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..models import Identity, User
from ..sign_on.linking import is_privileged, withdraw
from .base import OperatorAdmin, linked
from .providers import ProviderPages


class IdentityForm(forms.ModelForm):
    may_link_operators = False

    class Meta:
        model = Identity
        fields = ["user", "not_before"]

    def clean_user(self) -> User | None:
        """Only a superuser links an identity to an operator, so no powers pass by accident."""
        user = self.cleaned_data["user"]
        is_new = user is not None and user != self.instance.user
        if is_new and user.is_service_account:
            raise forms.ValidationError(
                _("This is the account of a machine: nobody signs in with it.")
            )
        if is_new and is_privileged(user) and not self.may_link_operators:
            raise forms.ValidationError(_("Only a superuser links an account to an operator."))
        return user


@admin.register(Identity)
class IdentityAdmin(ProviderPages, OperatorAdmin):
    """Accounts at identity providers. One without a user waits: choose its user."""

    form = IdentityForm
    actions = ["refuse_tokens"]
    list_display = ["email", "linked_user", "issuer", "subject", "last_login_at"]
    list_filter = [("user", admin.EmptyFieldListFilter), "issuer"]
    list_select_related = ["user"]
    search_fields = ["=subject", "email", "user__email"]
    autocomplete_fields = ["user"]
    fields = ["issuer", "subject", "email", "user", "not_before", "created_at", "last_login_at"]
    readonly_fields = ["issuer", "subject", "email", "created_at", "last_login_at"]

    @admin.display(description=_("User"))
    def linked_user(self, identity: Identity) -> Any:
        return linked(identity.user) if identity.user else _("waits: choose the user")

    def get_urls(self) -> list[Any]:
        return [*self.provider_urls(), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Identity | None = None) -> bool:
        if obj is not None and obj.user and obj.user.is_superuser:
            return request.user.is_superuser
        return self.has_operate_permission(request) or super().has_change_permission(request, obj)

    def get_form(self, request: HttpRequest, obj=None, change=False, **options):
        form = super().get_form(request, obj, change, **options)
        form.may_link_operators = request.user.is_superuser
        return form

    def save_model(self, request: HttpRequest, obj: Identity, form, change: bool) -> None:
        if "user" in form.changed_data:
            withdraw(obj)
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Identity) -> None:
        withdraw(obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Identity]) -> None:
        for identity in queryset:
            withdraw(identity)
        super().delete_queryset(request, queryset)

    @admin.action(description=_("Refuse the tokens issued until now"), permissions=["operate"])
    def refuse_tokens(self, request: HttpRequest, queryset: QuerySet[Identity]) -> None:
        for identity in queryset:
            self.log_change(request, identity, "tokens refused")
        rows = queryset.update(not_before=timezone.now())
        messages.success(
            request,
            _("The tokens of %(n)s accounts are refused; new ones are taken.") % {"n": rows},
        )
