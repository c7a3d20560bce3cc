"""Paging of long lists in the admin."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.utils.functional import cached_property

from hubsite import bounded_count


class UncountedPaginator(Paginator):
    """Counts only up to a bound."""

    bound = bounded_count.MOST

    @cached_property
    def count(self) -> int:
        return bounded_count.count_up_to(self.object_list, self.bound)
