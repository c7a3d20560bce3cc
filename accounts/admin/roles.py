"""Roles in the admin: groups, by the scopes they grant."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as _  # noqa: F401 - it registers Group, which is ours here
from django.contrib.auth.models import Group
from django.db.models import Count
from django.http import HttpRequest

from ..roles import permission_rows
from ..scopes import ROLES, SCOPES
from .base import OperatorAdmin, operates


class RoleForm(forms.ModelForm):
    """Lets operators give and take the scopes that they hold, but no Django permission."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {name}") for scope, name in SCOPES.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Counts at once, also for tokens that are out.",
    )

    class Meta:
        model = Group
        fields = ["name", "scopes"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["scopes"] = _scopes_of(self.instance)


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(OperatorAdmin):
    form = RoleForm
    list_display = ["name", "scopes", "members"]
    search_fields = ["name"]
    fields = ["name", "scopes"]

    def get_queryset(self, request: HttpRequest) -> Any:
        roles = super().get_queryset(request).prefetch_related("permissions")
        return roles.annotate(member_count=Count("user"))

    @admin.display()
    def scopes(self, role: Group) -> str:
        held = {permission.codename for permission in role.permissions.all()}
        return ", ".join(scope for scope in SCOPES if scope in held)

    @admin.display(ordering="member_count")
    def members(self, role: Group) -> int:
        return role.member_count

    def has_add_permission(self, request: HttpRequest) -> bool:
        return operates(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return operates(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return operates(request) and (obj is None or obj.name not in ROLES)

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> list[str]:
        return ["name"] if obj is not None and obj.name in ROLES else []

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # it would not check each role
        return actions

    def save_related(
        self, request: HttpRequest, form: RoleForm, formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        role = form.instance
        role.permissions.remove(*permission_rows(SCOPES))
        role.permissions.add(*permission_rows(form.cleaned_data["scopes"]))


def _scopes_of(role: Group) -> list[str]:
    return list(
        role.permissions.filter(
            content_type__app_label="accounts", codename__in=SCOPES
        ).values_list("codename", flat=True)
    )
