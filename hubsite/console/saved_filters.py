"""Saved filters: what someone looks for in a list, kept under a name.

A list with filters in its URL registers itself in `AppConfig.ready`:

    saved_filters.register(FilteredPage("cubes", url_name="cubes", may_see=may_generate))

and its template says `{% saved_filters "cubes" %}`, which shows the filters as links, with a form
that saves the present one (`filter_actions.py` does what the form says). A filter is the query of
the URL without the place in the list, so a saved filter shows what is there when it is opened.

Shared filters are for lists in which all see the same, such as those of operators.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import audit
from ..refusals import Kind, Refused
from ..visible_text import checked_text

MOST_OF_ONE = 40
"""Filters that one user may keep for one page; more would be a list to search in."""
MOST_SHOWN = 100
MOST_NAME_CHARACTERS = 60
MOST_QUERY_CHARACTERS = 1500
MOST_PARAMETERS = 30

PLACES = frozenset({"before", "after", "p", "page", "e", "line", "lines"})
"""Parameters that say where in a list one is. They are no part of a filter."""


def nobody(user: Any) -> bool:
    return False


@dataclass(frozen=True)
class FilteredPage:
    """A list whose filters can be saved. `may_see`, `may_share` get the user."""

    name: str
    url_name: str
    may_see: Callable[[Any], bool]
    may_share: Callable[[Any], bool] = nobody
    has_widgets: bool = False

    def url(self, query: str = "") -> str:
        return reverse(self.url_name) + (f"?{query}" if query else "")


class SavedFilter(models.Model):
    """A query of a list, under a name that its owner gave."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters"
    )
    page = models.CharField(max_length=60, help_text=gettext_lazy("The list, as it is registered."))
    name = models.CharField(max_length=MOST_NAME_CHARACTERS)
    query = models.CharField(
        max_length=MOST_QUERY_CHARACTERS,
        blank=True,
        help_text=gettext_lazy("The query of the list's URL."),
    )
    is_shared = models.BooleanField(
        default=False, help_text=gettext_lazy("All who see the list see it.")
    )
    on_dashboard = models.BooleanField(
        default=False, help_text=gettext_lazy("Shown as a number there.")
    )

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "page", "name"], name="one_filter_of_a_name_and_page"
            )
        ]
        indexes = [
            models.Index(fields=["page"], condition=Q(is_shared=True), name="shared_filters")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """Where the list is that it shows."""
        return page_named(self.page).url(self.query)


_pages: dict[str, FilteredPage] = {}


def register(page: FilteredPage) -> None:
    """Let the filters of this list be saved."""
    _pages[page.name] = page


def page_named(name: str) -> FilteredPage:
    """The registered list. Raises Refused."""
    if (page := _pages.get(name)) is None:
        raise Refused("no list of that name has filters", field="page", kind=Kind.NOT_FOUND)
    return page


def filters_of(user: Any, page: str) -> list[SavedFilter]:
    """The filters of a list that the user sees: own ones, then those that others share."""
    mine, shared = Q(owner=user), Q(is_shared=True)
    rows = SavedFilter.objects.filter(mine | shared, page=page_named(page).name)
    found = rows.select_related("owner").order_by("name", "pk")[:MOST_SHOWN]
    return sorted(found, key=lambda one: one.owner_id != user.pk)


def on_dashboard(user: Any) -> list[SavedFilter]:
    """The filters to show as numbers on the user's dashboard, of all lists that the user sees."""
    pages = [page.name for page in _pages.values() if page.has_widgets and page.may_see(user)]
    if not pages:
        return []
    rows = SavedFilter.objects.filter(
        Q(owner=user) | Q(is_shared=True), page__in=pages, on_dashboard=True
    )
    return list(rows.order_by("name", "pk")[:MOST_SHOWN])


def save(
    user: Any,
    page: str,
    name: str,
    query: str,
    *,
    is_shared: bool = False,
    on_dashboard: bool = False,
) -> SavedFilter:
    """Keep the query under the name; it replaces the user's filter of that name. Raises Refused."""
    registered = _seen_by(user, page)
    name, query = checked_name(name), checked_query(query)
    if not query:
        raise Refused(_("Choose a filter first, then save it."))
    _check_may_share(user, registered, is_shared=is_shared, on_dashboard=on_dashboard)
    values = {"query": query, "is_shared": is_shared, "on_dashboard": on_dashboard}
    with transaction.atomic():
        _hold(user)
        rows = SavedFilter.objects.filter(owner=user, page=page)
        if not rows.filter(name=name).exists() and rows.count() >= MOST_OF_ONE:
            message = _("You keep %(count)d filters of this list already. Delete one first.")
            raise Refused(message % {"count": MOST_OF_ONE}, kind=Kind.CONFLICT)
        saved, _made = SavedFilter.objects.update_or_create(
            owner=user, page=page, name=name, defaults=values
        )
        _note("filter.saved", user, saved)
    return saved


def rename(user: Any, pk: int, name: str) -> SavedFilter:
    """Give a filter of the user's another name. Raises Refused."""
    name = checked_name(name)
    with transaction.atomic():
        _hold(user)
        found = _own(user, pk)
        others = SavedFilter.objects.filter(owner=user, page=found.page, name=name)
        if others.exclude(pk=pk).exists():
            raise Refused(_("You have a filter of that name already."), kind=Kind.CONFLICT)
        SavedFilter.objects.filter(pk=pk).update(name=name)
        found.name = name
        _note("filter.changed", user, found)
    return found


def change(user: Any, pk: int, *, is_shared: bool, on_dashboard: bool) -> SavedFilter:
    """Share a filter or not, and show it on the dashboard or not. Raises Refused."""
    found = _own(user, pk)
    page = _seen_by(user, found.page)
    _check_may_share(user, page, is_shared=is_shared, on_dashboard=on_dashboard)
    with transaction.atomic():
        SavedFilter.objects.filter(pk=pk).update(is_shared=is_shared, on_dashboard=on_dashboard)
        found.is_shared, found.on_dashboard = is_shared, on_dashboard
        _note("filter.changed", user, found)
    return found


def delete(user: Any, pk: int) -> SavedFilter:
    """Forget a filter of the user's. Raises Refused.

    Whoever may share in a list may also remove what others share there: an operator who has left
    cannot do it any more.
    """
    found = SavedFilter.objects.filter(pk=pk).first()
    is_theirs = found is not None and found.owner_id == user.pk
    if found is None or not (is_theirs or _may_tidy(user, found)):
        raise _unknown()
    with transaction.atomic():
        _note("filter.deleted", user, found)
        SavedFilter.objects.filter(pk=pk).delete()
    return found


def forget(user: Any) -> None:
    """Delete all filters of a user, whose account is deleted."""
    SavedFilter.objects.filter(owner=user).delete()


def checked_name(name: str) -> str:
    """The name without spaces around it. Raises Refused."""
    return checked_text(
        " ".join(filter(None, name.split(" "))),
        field="name",
        most=MOST_NAME_CHARACTERS,
        expected=_("a name is expected"),
    )


def checked_query(query: str) -> str:
    """The query in its one form: no empty values, no place in the list. Raises Refused."""
    fault = Refused(_("the query of this list's URL is expected"), field="query")
    if len(query) > 2 * MOST_QUERY_CHARACTERS:
        raise fault
    try:
        pairs = parse_qsl(query.lstrip("?"), max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise fault from None
    told = urlencode([(key, value) for key, value in pairs if key not in PLACES])
    if len(told) > MOST_QUERY_CHARACTERS:
        raise fault
    return told


def _may_tidy(user: Any, found: SavedFilter) -> bool:
    page = _pages.get(found.page)
    return found.is_shared and page is not None and page.may_see(user) and page.may_share(user)


def _seen_by(user: Any, name: str) -> FilteredPage:
    page = page_named(name)
    if not page.may_see(user):
        raise Refused(_("You do not see this list."), kind=Kind.FORBIDDEN)
    return page


def _check_may_share(user: Any, page: FilteredPage, *, is_shared: bool, on_dashboard: bool) -> None:
    if is_shared and not page.may_share(user):
        raise Refused(_("You cannot share filters of this list."), kind=Kind.FORBIDDEN)
    if on_dashboard and not page.has_widgets:
        raise Refused(_("Filters of this list are not shown on a dashboard."))


def _own(user: Any, pk: int) -> SavedFilter:
    found = SavedFilter.objects.filter(pk=pk, owner=user).first()
    if found is None:
        raise _unknown()
    return found


def _note(action: str, user: Any, saved: SavedFilter) -> None:
    shown = ", shared" if saved.is_shared else ""
    audit.record(action, actor=user, on=saved, detail=saved.page + shown)


def _unknown() -> Refused:
    return Refused(_("You have no such filter."), kind=Kind.NOT_FOUND)


def _hold(user: Any) -> None:
    """Lock the user's row, so that two requests at once cannot both pass a limit."""
    users = get_user_model()._default_manager.filter(pk=user.pk)
    users.select_for_update(no_key=True).values_list("pk").first()
