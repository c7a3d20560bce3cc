"""Keys of rows that a browser sends: Django's admin asks the database for whatever it gets.

A text that is no key fails in Python, and a number beyond 64 bits in the driver.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.http import QueryDict

MOST = 2**63 - 1


class KnownKeysSelect(AutocompleteSelect):
    """Shows the chosen row again, and nothing for what cannot be the key of one."""

    def optgroups(self, name: str, value: list[str], attr: Any = None) -> Any:
        return super().optgroups(name, [key for key in value if self._may_be_key(key)], attr)

    def _may_be_key(self, text: str) -> bool:
        try:
            self.choices.queryset.model._meta.pk.clean(text, None)
        except ValidationError:
            return False
        return True


def check_filters(query: QueryDict, filters: Iterable[Any]) -> None:
    """Raise IncorrectLookupParameters if a filter of a list is a number that no row has.

    `filters` are those of the list. Filters that are classes check their values themselves.
    """
    own = {one.parameter_name for one in filters if hasattr(one, "parameter_name")}
    for name in query.keys() - own - {"q"}:
        for value in query.getlist(name):
            if value.isdecimal() and (len(value) > len(str(MOST)) or int(value) > MOST):
                raise IncorrectLookupParameters(f"{name}: no row has this number")
