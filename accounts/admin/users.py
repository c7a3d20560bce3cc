"""Users, clients, tokens and the ledger in the admin. The ledger is read-only."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest

from ..deletion import HasPowers, StillBusy, forget_person
from ..models import AccessToken, Balance, Client, LedgerEntry, User
from ..scopes import SCOPES
from ..tokens.hub_tokens import revoke_tokens
from ..units import ledger
from .base import OperatorAdmin, ReadOnlyAdmin, operates


class UserAddForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007 - UserAdmin's fieldsets choose


class UnitsActionForm(ActionForm):
    """The number of units beside the action. The key makes a form that is sent twice count once."""

    units = forms.IntegerField(
        required=False, min_value=-ledger.MAX_UNITS, max_value=ledger.MAX_UNITS, label="Units:"
    )
    reason = forms.CharField(required=False, max_length=400, label="Reason:")
    key = forms.CharField(
        initial=lambda: uuid.uuid4().hex,
        max_length=64,
        required=False,
        label="",
        widget=forms.HiddenInput,
    )


@admin.register(User)
class UserAdmin(OperatorAdmin, DjangoUserAdmin):
    add_form = UserAddForm
    form = UserForm
    action_form = UnitsActionForm
    actions = ["grant_units", "override_units", "correct_units", "forget_person"]
    list_display = ["email", "username", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff", "is_service_account", "groups"]
    search_fields = ["email", "username"]
    ordering = ["email"]
    readonly_fields = ["username", "last_login", "date_joined", "forgotten_at"]
    add_fieldsets = [
        (None, {"fields": ["email", "usable_password", "password1", "password2"]}),
    ]
    fieldsets = [
        (None, {"fields": ["email", "username", "password", "first_name", "last_name"]}),
        (
            "What the user may do",
            {
                "fields": [
                    "is_active",
                    "groups",
                    "is_service_account",
                    "is_staff",
                    "is_superuser",
                    "user_permissions",
                ],
                "description": "Roles are groups. An operator needs the role `operator`, and "
                "staff status to open this admin.",
            },
        ),
        ("Times", {"fields": ["last_login", "date_joined", "forgotten_at"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return operates(request) or super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False  # otherwise its password could be set, and its powers used
        return operates(request) or super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        if request.user.is_superuser:
            return self.readonly_fields
        return [*self.readonly_fields, "is_staff", "is_superuser", "user_permissions"]

    @admin.action(description="Grant the processing units", permissions=["operate"])
    def grant_units(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._move_units(request, queryset, ledger.grant, least=1)

    @admin.action(description="Set the total to the processing units", permissions=["operate"])
    def override_units(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._move_units(request, queryset, ledger.override, least=0)

    @admin.action(
        description="Correct by the processing units (-5: five fewer), with a reason",
        permissions=["operate"],
    )
    def correct_units(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        if not request.POST.get("reason", "").strip():
            messages.error(request, "Enter the reason: the user sees it.")
            return
        self._move_units(request, queryset, ledger.correct, least=-ledger.MAX_UNITS)

    @admin.action(
        description="Delete the person for good (type the e-mail as reason)",
        permissions=["operate"],
    )
    def forget_person(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        user = queryset.first()
        typed = request.POST.get("reason", "").strip().lower()
        if queryset.count() != 1 or typed != user.email.lower():
            messages.error(request, "Choose one user, and type the e-mail as the reason.")
            return
        try:
            elsewhere = forget_person(user, actor=f"user {request.user.user_id}")
        except HasPowers as error:
            messages.error(request, f"{error}: take the role and staff status away first.")
        except StillBusy as error:
            messages.warning(
                request, f"{error}. The account is switched off; delete it again in a minute."
            )
        else:
            user.refresh_from_db()
            self.log_change(request, user, "deleted the person")
            messages.success(request, "The person is deleted.")
            for task in elsewhere:
                messages.warning(request, f"To do elsewhere: {task}")

    def _move_units(self, request: HttpRequest, queryset, move, *, least: int) -> None:
        form = UnitsActionForm(request.POST)
        form.fields["action"].choices = [(request.POST["action"], "")]
        units = form.cleaned_data["units"] if form.is_valid() else None
        if units is None or units < least or (units == 0 and move is ledger.correct):
            least_text = "not 0" if move is ledger.correct else f"at least {least}"
            messages.error(request, f"Enter a number of units, {least_text}.")
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
                messages.error(request, f"{user} has {error.available} units in all.")
                continue
            except ledger.IdempotencyKeyReused:
                messages.error(
                    request,
                    f"{user}: this page was sent before, with something else, which counts. Open "
                    "the list again.",
                )
                continue
            self.log_change(request, user, f"{move.__name__} {units} processing units")
            messages.success(request, f"{user}: {ledger.available(user)} units available.")


class ClientForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {name}") for scope, name in SCOPES.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What its tokens may do, as far as the owner may do it too.",
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

    @admin.action(description="Revoke the selected clients", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        revoked = [client for client in queryset if client.revoke()]
        for client in revoked:
            self.log_change(request, client, "revoked")
        messages.success(request, f"{len(revoked)} revoked; their tokens are refused.")


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
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

    @admin.action(description="Revoke the selected tokens", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> None:
        messages.success(request, f"{revoke_tokens(queryset)} revoked.")


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    """Balances change by the actions on users, which leave an entry in the ledger."""

    list_display = ["user", "total", "reserved", "available"]
    list_select_related = ["user"]
    search_fields = ["user__email"]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "user",
        "kind",
        "units",
        "delta_total",
        "delta_reserved",
        "total_after",
        "reserved_after",
        "reference",
        "done_by",
    ]
    list_filter = ["kind"]
    list_select_related = ["user", "actor"]
    search_fields = ["=reference", "user__email"]
    sortable_by = ()
