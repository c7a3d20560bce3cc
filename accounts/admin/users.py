"""Users in the admin: the list, and one page for each, with all that is theirs."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hubsite import audit
from hubsite.console.quantities import number
from hubsite.console.typed_numbers import WholeNumberField

from .. import user_counts
from ..models import User
from ..role_words import ABOUT
from ..units import ledger
from .base import OperatorAdmin, operates
from .paging import UncountedPaginator
from .person import actions, finding, panels
from .person.deleting import DeletionPages
from .person.switching import SwitchOffForm
from .person.units import UnitsForm


class UserAddForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class RolesField(forms.ModelMultipleChoiceField):
    """The roles as boxes, each with a sentence about whom it is for."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, role: Group) -> str:
        about = ABOUT.get(role.name)
        return format_html("<b>{}</b> {}", role.name, about) if about else role.name


class UserForm(UserChangeForm):
    groups = RolesField(Group.objects.order_by("name"), required=False, label=_("Roles"))

    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007 - UserAdmin's fieldsets choose


class UnitsActionForm(ActionForm):
    """The number of units beside the action. The key makes a form that is sent twice count once."""

    units = WholeNumberField(
        required=False, min_value=-ledger.MAX_UNITS, max_value=ledger.MAX_UNITS, label=_("Units:")
    )
    reason = forms.CharField(required=False, max_length=400, label=_("Reason:"))
    key = forms.CharField(
        initial=lambda: uuid.uuid4().hex,
        max_length=64,
        required=False,
        label="",
        widget=forms.HiddenInput,
    )


class RoleFilter(admin.SimpleListFilter):
    title = _("role")
    parameter_name = "groups__id__exact"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list:
        return [
            (str(pk), name) for pk, name in Group.objects.order_by("name").values_list("pk", "name")
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        return queryset.filter(groups=int(value)) if value and value.isdecimal() else queryset


class UnitsFilter(admin.SimpleListFilter):
    title = _("units")
    parameter_name = "units"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list:
        return [("none", _("none left")), ("some", _("has units"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "some":
                return queryset.filter(balance__total__gt=0)
            case "none":
                return queryset.exclude(balance__total__gt=0)
        return queryset


@admin.register(User)
class UserAdmin(DeletionPages, OperatorAdmin, DjangoUserAdmin):
    is_short = True
    add_form = UserAddForm
    form = UserForm
    action_form = UnitsActionForm
    actions = ["grant_units", "override_units", "correct_units"]
    list_filter = ["is_active", RoleFilter, UnitsFilter, "is_staff", "is_service_account"]
    list_per_page = 50
    paginator = UncountedPaginator
    search_fields = ["email"]  # shows the search field; `get_search_results` decides
    search_help_text = finding.HELP
    show_facets = admin.ShowFacets.NEVER
    ordering = ["email"]
    filter_horizontal = ["user_permissions"]
    readonly_fields = ["username", "last_login", "date_joined", "forgotten_at"]
    add_fieldsets = [
        (None, {"fields": ["email", "usable_password", "password1", "password2"]}),
    ]
    fieldsets = [
        (_("Roles"), {"fields": ["groups", "is_staff"]}),
        (
            _("Account"),
            {
                "fields": [
                    "email",
                    "username",
                    "first_name",
                    "last_name",
                    "password",
                    "is_service_account",
                    "last_login",
                    "date_joined",
                    "forgotten_at",
                ]
            },
        ),
    ]
    of_superusers = (
        _("Powers beyond roles"),
        {"fields": ["is_superuser", "user_permissions"], "classes": ["collapse"]},
    )

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        numbers = [_column(number.name, number.title) for number in user_counts.registered()]
        return ["email", "units", *numbers, "roles", "signed_in", "state"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).select_related("balance")

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Reads the user once for each request, though several steps ask for it."""
        read = request.__dict__.setdefault("read_users", {})
        if object_id not in read:
            read[object_id] = super().get_object(request, object_id, from_field)
        return read[object_id]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Counts what is each user's for the rows of this page, not for the whole list."""
        changelist = super().get_changelist_instance(request)
        shown = [user.pk for user in changelist.result_list]
        rows = User.objects.filter(pk__in=shown).select_related("balance")
        by_pk = {user.pk: user for user in user_counts.counted(rows).prefetch_related("groups")}
        changelist.result_list = [by_pk[pk] for pk in shown if pk in by_pk]
        return changelist

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        return finding.found(queryset, search_term), False

    @admin.display(description=_("Units"), ordering="balance__total")
    def units(self, user: User) -> str:
        balance = getattr(user, "balance", None)
        return number(balance.available if balance else 0)

    @admin.display(description=_("Roles"))
    def roles(self, user: User) -> str:
        return ", ".join(sorted(role.name for role in user.groups.all()))

    @admin.display(description=_("Last sign-in"), ordering="last_login")
    def signed_in(self, user: User) -> Any:
        return user.last_login or _("never")

    @admin.display(description=_("Account"))
    def state(self, user: User) -> Any:
        if user.forgotten_at:
            return _("deleted")
        if not user.is_active:
            return _("switched off")
        return _("machine") if user.is_service_account else _("open")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return operates(request) or super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False  # otherwise its password could be set, and its powers used
        return operates(request) or super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # the page "Delete the person" does, which keeps the ledger

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        return [*shown, self.of_superusers] if obj and request.user.is_superuser else shown

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        if request.user.is_superuser:
            return self.readonly_fields
        return [*self.readonly_fields, "is_staff", "is_superuser", "user_permissions"]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        steps = [("units", actions.units), ("switch", actions.switch), ("revoke", actions.revoke)]
        urls = [
            path(
                f"<id>/{name}/",
                view(actions.step(self, function)),
                name=f"accounts_user_{name}",
            )
            for name, function in steps
        ]
        return [*urls, *self.deletion_urls(), *super().get_urls()]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Note which roles and powers are given and taken: the form's own entry has no values."""
        before = _powers(form.instance.pk) if change else set()
        super().save_related(request, form, formsets, change)
        now = _powers(form.instance.pk)
        changes = [f"+{name}" for name in sorted(now - before)]
        changes += [f"-{name}" for name in sorted(before - now)]
        for name in sorted({"is_staff", "is_superuser"}.intersection(form.changed_data)):
            changes.append(f"{'+' if form.cleaned_data[name] else '-'}{name}")
        if changes:
            audit.record("user.roles_changed", on=form.instance, detail=" ".join(changes))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        user = self.get_object(request, object_id)
        more = dict(extra_context or {})
        if user is not None and self.has_view_permission(request, user):
            more |= panels.of_person(request, user)
            more["may_change"] = self.has_change_permission(request, user)
            more |= {"title": user.email, "subtitle": ""}
            more.setdefault("units_form", UnitsForm())
            more.setdefault("switch_form", SwitchOffForm())
        return super().change_view(request, object_id, form_url, more)

    @admin.action(description=_("Grant the processing units"), permissions=["operate"])
    def grant_units(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._move_units(request, queryset, ledger.grant, least=1)

    @admin.action(description=_("Set the total to the processing units"), permissions=["operate"])
    def override_units(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._move_units(request, queryset, ledger.override, least=0)

    @admin.action(
        description=_("Correct by the processing units (-5: five fewer), with a reason"),
        permissions=["operate"],
    )
    def correct_units(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        if not request.POST.get("reason", "").strip():
            messages.error(request, _("Enter the reason: the user sees it."))
            return
        self._move_units(request, queryset, ledger.correct, least=-ledger.MAX_UNITS)

    def _move_units(self, request: HttpRequest, queryset, move, *, least: int) -> None:
        form = UnitsActionForm(request.POST)
        form.fields["action"].choices = [(request.POST["action"], "")]
        units = form.cleaned_data["units"] if form.is_valid() else None
        if units is None or units < least or (units == 0 and move is ledger.correct):
            wanted = gettext("Enter a number of units, at least %(least)s.") % {"least": least}
            if move is ledger.correct:
                wanted = gettext("Enter a number of units, not 0.")
            messages.error(request, wanted)
            return
        for user in queryset:
            try:
                entry = move(
                    user,
                    units,
                    key=f"admin:{form.cleaned_data['key'] or uuid.uuid4().hex}:{user.pk}",
                    reason=form.cleaned_data["reason"] or "admin",
                    actor=request.user,
                )
                if entry.units != units:
                    raise ledger.IdempotencyKeyReused
            except ledger.InsufficientUnits as error:
                messages.error(
                    request,
                    gettext("%(user)s has %(n)s units in all.")
                    % {"user": user, "n": error.available},
                )
                continue
            except ledger.IdempotencyKeyReused:
                messages.error(
                    request,
                    gettext(
                        "%(user)s: this page was sent before, with something else, which counts. "
                        "Open the list again."
                    )
                    % {"user": user},
                )
                continue
            self.log_change(request, user, f"{move.__name__} {units} processing units")
            messages.success(
                request,
                gettext("%(user)s: %(n)s units available.")
                % {"user": user, "n": ledger.available(user)},
            )


def _powers(user_pk: int) -> set[str]:
    """What the database has now: names of roles, and single permissions."""
    roles = Group.objects.filter(user=user_pk).values_list("name", flat=True)
    single = Permission.objects.filter(user=user_pk).values_list("codename", flat=True)
    return {*roles, *single}


def _column(name: str, title: Any) -> Any:
    @admin.display(description=title)
    def count(user: User) -> int:
        return getattr(user, f"count_{name}", 0)

    count.__name__ = name
    return count
