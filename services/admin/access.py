"""Sessions of browsers at the edge, in the admin. Shares: `accounts/admin/sharing.py`."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.paging import UncountedPaginator

from ..access.ending import end_sessions
from ..models import EdgeSession
from . import searching


class AccessAdmin(ReadOnlyAdmin):
    """Rows that let somebody use an instance."""

    list_per_page = 50
    search_fields = ["instance__instance_id"]  # shows the search field; `searching` decides
    search_help_text = searching.HELP
    show_facets = admin.ShowFacets.NEVER
    paginator = UncountedPaginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        rows = searching.found(queryset, term, prefix="instance__")
        return (queryset.none() if rows is None else rows), False

    @admin.display(ordering="instance__owner__email")
    def owner(self, row: EdgeSession) -> str:
        return row.instance.owner.email

    def tell(self, request: HttpRequest, count: int, one: str, many: str) -> None:
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"{count} {one if count == 1 else many}.", level)


@admin.register(EdgeSession)
class EdgeSessionAdmin(AccessAdmin):
    """Browsers that may use a service. An ended session is refused at the edge within seconds."""

    actions = ["withdraw"]
    list_display = ["instance", "owner", "user", "created_at", "expires_at", "ended_at"]
    list_filter = [("ended_at", admin.EmptyFieldListFilter)]
    list_select_related = ["instance__owner", "user"]
    ordering = ["-id"]
    fields = ["instance", "owner", "user", "share", "created_at", "expires_at", "ended_at"]
    readonly_fields = fields

    @admin.action(description=_("Withdraw"), permissions=["operate"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[EdgeSession]) -> None:
        ended = end_sessions(queryset)
        self.tell(request, ended, "session was ended", "sessions were ended")
