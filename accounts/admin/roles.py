"""Roles in the admin: what each permits in words, and who has it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as _registers  # noqa: F401 - Group, which is a Role here
from django.contrib.auth.models import Group
from django.db.models import Count
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import Identity, Role
from ..role_words import ABOUT, meanings
from ..roles import permission_rows
from ..scopes import ROLES, SCOPES
from .base import OperatorAdmin, operates

MOST_SHOWN = 50


def scope_choices() -> list[tuple[str, SafeString]]:
    """Each scope as a choice: in words, with its technical name."""
    return [
        (
            scope,
            format_html(
                "{} <code>{}</code>",
                format_html_join("; ", "{}", ((words,) for words in meanings([scope]))),
                scope,
            ),
        )
        for scope in SCOPES
    ]


class RoleForm(forms.ModelForm):
    """Lets operators give and take the scopes that they hold, but no Django permission."""

    scopes = forms.MultipleChoiceField(
        choices=scope_choices,
        required=False,
        label=_("Permits"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Counts at once, also for tokens that are out."),
    )

    class Meta:
        model = Role
        fields = ["name", "scopes"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["scopes"] = _scopes_of(self.instance)


admin.site.unregister(Group)


@admin.register(Role)
class RoleAdmin(OperatorAdmin):
    is_short = True
    form = RoleForm
    list_display = ["name", "may", "members"]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> Any:
        roles = super().get_queryset(request).prefetch_related("permissions")
        return roles.annotate(member_count=Count("user"))

    def get_fields(self, request: HttpRequest, obj: Role | None = None) -> list[str]:
        if obj is None:
            return ["name", "scopes"]
        shown = ["name", "about", "may", "scopes", "people"]
        return [*shown, "raw"] if request.user.is_superuser else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Role | None = None) -> list[str]:
        shown = ["about", "may", "people", "raw"]
        return ["name", *shown] if obj is not None and obj.name in ROLES else shown

    @admin.display(description=_("Who it is for"))
    def about(self, role: Role) -> str:
        return ABOUT.get(role.name, _("A role that operators of this hub made."))

    @admin.display(description=_("Its people"))
    def may(self, role: Role) -> SafeString | str:
        words = meanings(_scopes_of(role))
        if not words:
            return _("may nothing by it")
        return format_html(
            '<ul class="words">{}</ul>',
            format_html_join("", "<li>{}</li>", ((line,) for line in words)),
        )

    @admin.display(description=_("Who has it"), ordering="member_count")
    def members(self, role: Role) -> int:
        return role.member_count

    @admin.display(description=_("Who has it"))
    def people(self, role: Role) -> SafeString:
        """The first of them, and from where they have it."""
        people = list(role.user_set.order_by("email")[:MOST_SHOWN])
        brought = {
            identity.user_id
            for identity in Identity.objects.filter(user__in=people)
            if role.name in identity.given_roles
        }
        shown = {"role": role, "people": people, "brought": brought}
        shown["more"] = role.user_set.count() - len(people)
        return render_to_string("admin/accounts/role/people.html", shown)

    @admin.display(description=_("Permissions of Django"))
    def raw(self, role: Role) -> SafeString:
        rows = role.permissions.select_related("content_type")
        return render_to_string("admin/accounts/role/raw.html", {"permissions": rows})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return operates(request)

    def has_change_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return operates(request)

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return operates(request) and (obj is None or obj.name not in ROLES)

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


def _scopes_of(role: Role) -> list[str]:
    """From the prefetched permissions; their codenames are unique to scopes by the colon."""
    held = {permission.codename for permission in role.permissions.all()}
    return [scope for scope in SCOPES if scope in held]
