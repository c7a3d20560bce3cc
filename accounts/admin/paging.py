"""Paging of long lists in the admin."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

from hubsite import bounded_count


class UncountedPaginator(Paginator):
    """Counts only up to a bound, and passes over rows without reading what they refer to."""

    bound = bounded_count.MOST

    @cached_property
    def count(self) -> int:
        return bounded_count.count_up_to(self.object_list, self.bound)

    def _get_page(self, *args: Any, **options: Any) -> Page:
        """Django's hook. The keys of the rows are chosen first: the database joins no others."""
        page = super()._get_page(*args, **options)
        if page.number > 1:
            keys = page.object_list.values("pk")
            page.object_list = self.object_list.filter(pk__in=keys)
        return page
