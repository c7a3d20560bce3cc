"""What users share, in the admin: operators see and withdraw it, and permit roles."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import admin
from django.contrib import messages as said
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from ..models import Share, ShareableRole
from ..models.sharing import valid_shares
from ..sharing import giving, kinds
from .asking import asks_first
from .base import OperatorAdmin, ReadOnlyAdmin, operates
from .paging import UncountedPaginator

_USER_ID = re.compile(r"a[0-9a-f]{32}")
_SUBJECT = re.compile(r"[a-z0-9-]{20,63}")


class OfKind(admin.SimpleListFilter):
    """The registered kinds. Django's own filter would read every row for them."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list:
        return [(name, name) for name in kinds.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class WithWhom(admin.SimpleListFilter):
    title = _("shared with")
    parameter_name = "with"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list:
        return [
            ("person", _("a person")),
            ("role", _("a role")),
            ("link", _("who signs in with a link")),
            ("public", _("whoever has a link")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "person":
                return queryset.exclude(person="")
            case "role":
                return queryset.filter(role__isnull=False)
            case "link":
                return queryset.filter(link_hash__isnull=False, is_public=False)
            case "public":
                return queryset.filter(is_public=True)
        return queryset


class Validity(admin.SimpleListFilter):
    title = _("validity")
    parameter_name = "valid"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list:
        return [
            ("yes", _("valid")),
            ("withdrawn", _("withdrawn")),
            ("expired", _("expired")),
            ("owner", _("refused: the owner is switched off")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "yes":
                return queryset.filter(valid_shares())
            case "withdrawn":
                return queryset.filter(revoked_at__isnull=False)
            case "expired":
                return queryset.filter(revoked_at=None, expires_at__lte=timezone.now())
            case "owner":
                unexpired = queryset.filter(revoked_at=None, expires_at__gt=timezone.now())
                return unexpired.filter(owner__is_active=False)
        return queryset


@admin.register(Share)
class ShareAdmin(ReadOnlyAdmin):
    """Users share what is theirs; operators withdraw it. Links are kept as hashes only."""

    actions = ["withdraw"]
    list_per_page = 50
    list_display = [
        "with_whom",
        "what",
        "its_owner",
        "action",
        "created_at",
        "expires_at",
        "validity",
    ]
    list_filter = [OfKind, WithWhom, "action", Validity]
    list_select_related = ["owner", "role"]
    search_fields = ["=subject"]  # shows the search field; `get_search_results` decides
    search_help_text = _("The id of what is shared, or the e-mail or user id of its owner.")
    show_facets = admin.ShowFacets.NEVER
    paginator = UncountedPaginator
    fields = [
        "with_whom",
        "kind",
        "subject",
        "owner",
        "action",
        "created_by",
        "created_at",
        "expires_at",
        "revoked_at",
        "revoked_by",
        "openings",
    ]
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """By one indexed column, because `OR` would read every row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:
            return queryset.filter(owner__email__iexact=term), False
        if _USER_ID.fullmatch(term):
            return queryset.filter(owner__username=term), False
        if _SUBJECT.fullmatch(term):
            return queryset.filter(subject=term), False
        return queryset.none(), False

    @admin.display(description=_("shared with"))
    def with_whom(self, share: Share) -> str:
        return share.with_whom

    @admin.display(description=_("What"))
    def what(self, share: Share) -> str:
        return format_html('{} <span class="quiet">{}</span>', share.kind, share.subject[-18:])

    @admin.display(description=_("Validity"))
    def validity(self, share: Share) -> Any:
        if share.revoked_at:
            return _("withdrawn")
        if share.expires_at <= timezone.now():
            return _("expired")
        return _("valid") if share.owner.is_active else _("refused: the owner is switched off")

    @admin.display(description=_("opened"))
    def openings(self, share: Share) -> str:
        """The last ones, newest first."""
        rows = share.openings.select_related("user")[:10]
        lines = [
            f"{row.at:%Y-%m-%d %H:%M} UTC by {row.user.email if row.user else 'the link'}"
            for row in rows
        ]
        return "; ".join(lines) or _("never")

    @admin.action(description=_("Withdraw"), permissions=["operate"])
    @asks_first(_("Whoever they were shared with loses access at once; links no longer work."))
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Share]) -> None:
        withdrawn = 0
        for share in queryset:
            if giving.withdraw(share, by=request.user):
                withdrawn += 1
                self.log_change(request, share, "withdrawn")
        what = "share was withdrawn" if withdrawn == 1 else "shares were withdrawn"
        level = said.SUCCESS if withdrawn else said.WARNING
        self.message_user(request, f"{withdrawn} {what}.", level)


@admin.register(ShareableRole)
class ShareableRoleAdmin(OperatorAdmin):
    """Roles that users may share with. Taken away, such shares end at once."""

    is_short = True
    list_display = ["role"]
    list_select_related = ["role"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return operates(request)

    def has_delete_permission(self, request: HttpRequest, obj: ShareableRole | None = None) -> bool:
        return operates(request)

    def has_change_permission(self, request: HttpRequest, obj: ShareableRole | None = None) -> bool:
        return False
