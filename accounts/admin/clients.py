"""Clients of programs and tokens in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from ..models import AccessToken, Client
from ..role_words import meanings
from ..sign_on.linking import is_privileged
from ..tokens.clients import NewSecret, replace_secret
from ..tokens.hub_tokens import revoke_tokens
from .asking import asks_first
from .base import OperatorAdmin, ReadOnlyAdmin, operates
from .leaked import LeakedPages
from .roles import scope_choices


class ClientForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
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
    """Programs that get tokens by an id and a secret, each of one user."""

    form = ClientForm
    actions = ["revoke"]
    list_display = ["name_or_id", "its_owner", "last_used", "created_at", "state"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["owner"]
    search_fields = ["=client_id", "name", "owner__email"]
    search_help_text = _("The client's id or name, or the e-mail of its owner.")
    fields = ["client_id", "owner", "name", "scopes", "last_used", "created_at", "revoked_at"]
    readonly_fields = ["client_id", "owner", "last_used", "created_at", "revoked_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return operates(request) or super().has_change_permission(request, obj)

    @admin.display(description=_("Client"), ordering="name")
    def name_or_id(self, client: Client) -> str:
        return str(client)

    @admin.display(description=_("Last used"), ordering="last_used_at")
    def last_used(self, client: Client) -> Any:
        return client.last_used_at or _("never, as far as the hub knows")

    @admin.display(description=_("State"), ordering="revoked_at")
    def state(self, client: Client) -> Any:
        if client.revoked_at:
            return _("revoked")
        return _("valid") if client.owner.is_active else _("refused: the owner is switched off")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.replace_secret)
        replace = path("<id>/secret/", view, name="accounts_client_secret")
        return [replace, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        client = self.get_object(request, object_id)
        may = client is not None and self._may_replace(request, client)
        more = {"may_replace": may, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, more)

    def _may_replace(self, request: HttpRequest, client: Client) -> bool:
        """Who sees the new secret has what its owner has: nobody gains powers by it."""
        if client.revoked_at is not None or not self.has_change_permission(request, client):
            return False
        return request.user.is_superuser or not is_privileged(client.owner)

    @method_decorator(require_POST)
    def replace_secret(self, request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
        """Show a new secret this once; the old one and its tokens are refused from now on."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        client = self.get_object(request, id)
        if client is None:
            raise Http404
        if not self._may_replace(request, client):
            raise PermissionDenied
        new = NewSecret(None)
        replace_secret(client, new)
        shown = {
            **self.admin_site.each_context(request),
            "title": gettext("The new secret"),
            "opts": self.opts,
            "client": client,
            "secret": new.text,
        }
        return TemplateResponse(request, "admin/accounts/client/secret.html", shown)

    @admin.action(description=_("Revoke the selected clients"), permissions=["operate"])
    @asks_first(
        _(
            "Programs that use them are refused at once, and so are their tokens. "
            "They cannot be made valid again."
        )
    )
    def revoke(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        revoked = [client for client in queryset if client.revoke()]
        for client in revoked:
            self.log_change(request, client, "revoked")
        messages.success(
            request, _("%(n)s revoked; their tokens are refused.") % {"n": len(revoked)}
        )


@admin.register(AccessToken)
class AccessTokenAdmin(LeakedPages, ReadOnlyAdmin):
    """Tokens that are out. A token itself is not kept, only its id (`jti`)."""

    actions = ["revoke"]
    list_display = ["what", "person", "last_used", "issued_at", "expires_at", "state"]
    list_filter = ["is_personal", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user", "client"]
    search_fields = ["=jti", "user__email"]
    search_help_text = _("The token's jti, or the e-mail of its owner.")
    fields = readonly_fields = [
        "what",
        "user",
        "client",
        "may",
        "jti",
        "last_used",
        "issued_at",
        "expires_at",
        "state",
        "revoked_at",
    ]

    @admin.display(description=_("Token"))
    def what(self, token: AccessToken) -> Any:
        if token.is_personal:
            return token.name
        return (
            _("of the client %(client)s") % {"client": token.client} if token.client else token.jti
        )

    @admin.display(description=_("May"))
    def may(self, token: AccessToken) -> str:
        return "; ".join(str(words) for words in meanings(token.scopes)) or "–"

    @admin.display(description=_("Last used"), ordering="last_used_at")
    def last_used(self, token: AccessToken) -> Any:
        return token.last_used_at or _("never, as far as the hub knows")

    @admin.display(description=_("State"))
    def state(self, token: AccessToken) -> Any:
        if token.revoked_at or (token.client and token.client.revoked_at):
            return _("revoked")
        return _("expired") if token.expires_at <= timezone.now() else _("valid")

    @admin.action(description=_("Revoke the selected tokens"), permissions=["operate"])
    @asks_first(_("Programs that use them are refused at once. They cannot be made valid again."))
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> None:
        messages.success(request, f"{revoke_tokens(queryset)} revoked.")

    def get_urls(self) -> list[Any]:
        return [*self.leaked_urls(), *super().get_urls()]
