"""Numbers that other apps show beside each user in the list.

    user_counts.register("running", _("Running"), queryset_of_active_jobs)

The rows need a column `owner`. They are counted for the users of one page of the list only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.functional import Promise


@dataclass(frozen=True)
class Number:
    name: str
    title: str | Promise
    rows: Callable[[], QuerySet]


_numbers: dict[str, Number] = {}


def register(name: str, title: str | Promise, rows: Callable[[], QuerySet]) -> None:
    """Called when the app is ready. `rows` gives the rows that are counted."""
    _numbers[name] = Number(name, title, rows)


def registered() -> list[Number]:
    return list(_numbers.values())


def counted(users: QuerySet) -> QuerySet:
    """`users` with an attribute `count_<name>` for each number."""
    return users.annotate(**{f"count_{it.name}": _count(it.rows()) for it in registered()})


def _count(rows: QuerySet) -> Coalesce:
    of_user = rows.filter(owner=OuterRef("pk")).order_by().values("owner")
    count = Subquery(of_user.annotate(n=Count("pk")).values("n"), output_field=IntegerField())
    return Coalesce(count, 0)
