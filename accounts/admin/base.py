"""Base classes of admin pages: what operators may see and do there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hubsite.translations.sentences import translated

from ..scopes import OPERATE_HUB, READ_HUB
from . import indexing, searching
from .keys import KnownKeysSelect, check_filters
from .paging import UncountedPaginator


def operates(request: HttpRequest) -> bool:
    """Whether the caller may change what belongs to others."""
    return request.user.has_perm(f"accounts.{OPERATE_HUB}")  # also called for anonymous users


def reads(request: HttpRequest) -> bool:
    """Whether the caller may see what belongs to others: operators, and support."""
    return operates(request) or request.user.has_perm(f"accounts.{READ_HUB}")


def linked(user: Any) -> str:
    """A link to the page of the user; a dash for no one."""
    if user is None:
        return "–"
    url = reverse("admin:accounts_user_change", args=[user.pk])
    return format_html('<a href="{}">{}</a>', url, user.email or gettext("a deleted person"))


def sentence(model: type[models.Model], name: str) -> Callable[[Any], str]:
    """A column or field with a stored sentence of the code, in the reader's language.

    class NoticeAdmin(ReadOnlyAdmin):
        list_display = ["created_at", sentence(Notice, "title")]
    """
    field = model._meta.get_field(name)

    @admin.display(description=field.verbose_name, ordering=name)
    def shown(row: Any) -> str:
        return translated(getattr(row, name))

    shown.__name__ = name
    return shown


class OperatorAdmin(admin.ModelAdmin):
    """Lets operators and support see every model, without a Django permission for each.

    Derive from it for pages that operators change, from `ReadOnlyAdmin` for those they only read.
    A list is sorted only by columns that an index has in order, unless it `is_short`.
    """

    is_short = False
    """Whether the table has a few rows for each user at most: all can be sorted and searched."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count every row for each value
    paginator = UncountedPaginator
    change_list_template = "admin/hub/change_list.html"

    @admin.display(description=_("User"))
    def person(self, row: Any) -> str:
        """A column for lists of rows that have a `user`: their e-mail, which leads to them."""
        return linked(row.user)

    @admin.display(description=_("Owner"))
    def its_owner(self, row: Any) -> str:
        """The same for rows that have an `owner`."""
        return linked(row.owner)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        fields = self.get_search_fields(request)
        return searching.found(queryset, fields, search_term, is_short=self.is_short), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """A list is called what it lists, not "Select … to change", and says what it searches."""
        check_filters(request.GET, self.get_list_filter(request))
        shown = super().get_changelist_instance(request)
        if not self.is_short and searching.has_parts(shown.search_fields):
            known = (shown.search_help_text, searching.what_is_searched())
            shown.search_help_text = " ".join(str(part) for part in known if part)
        if not shown.is_popup:
            shown.title = capfirst(self.opts.verbose_name_plural)
        return shown

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            options["widget"] = KnownKeysSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def get_sortable_by(self, request: HttpRequest) -> Collection[str]:
        if self.sortable_by is not None or self.is_short:
            return super().get_sortable_by(request)
        ordered = indexing.ordered_fields(self.model)
        return [
            column
            for column in self.get_list_display(request)
            if indexing.sorted_by(self, column) in ordered
        ]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return reads(request) or super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return reads(request) or super().has_view_permission(request, obj)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Write a log entry for each object by itself: so each is in the audit, too.

        Django writes several at once, of which no one else learns.
        """
        for obj in queryset:
            super().log_deletions(request, [obj])

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Django asks this for actions that declare `permissions=["operate"]`."""
        return operates(request)


class ReadOnlyAdmin(OperatorAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False
