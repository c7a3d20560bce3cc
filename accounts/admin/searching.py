"""Searching lists of the admin: ids and people in all rows, parts of names in the newest ones.

Django's own search joins the users' table and compares all columns with `OR`, so it reads every
row of a table that has millions. Here who is named is looked up first, in the small tables, and
the large one is asked for their keys. An id is found by an index. No index has parts of names, so
these are looked for in the newest rows only; the list says how many (`base.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext

from hubsite.console.quantities import number

MOST_KEYS = 500
"""Rows of another table that a text stands for, at most: more are too many to be meant."""
LONGEST = 254
NEWEST = 10_000
"""So many of the newest rows are searched for a part of a name."""


def found(rows: QuerySet, fields: Iterable[str], text: str, *, is_short: bool = False) -> QuerySet:
    """The `rows` with `text` in one of these fields (as `ModelAdmin.search_fields`).

    `is_short`: the table has so few rows that all are searched for parts of names, too.
    """
    text = text.strip()[:LONGEST]
    if not text:
        return rows
    fields = list(fields)
    within = Q() if is_short or not has_parts(fields) else among_newest(rows.model)
    return rows.filter(_any_of(rows.model, fields, text, within))


def has_parts(fields: Iterable[str]) -> bool:
    """Whether one of the fields is of the rows themselves, and a part of it is searched for."""
    return any(not field.startswith("=") and "__" not in field for field in fields)


def what_is_searched() -> str:
    """What a list with `has_parts` says below the field for the text."""
    newest = {"n": number(NEWEST)}
    return gettext("Parts of names are looked for in the newest %(n)s rows.") % newest


def among_newest(model: type[Model]) -> Q:
    """The condition for the newest rows. One query: with a number the database plans well."""
    last = model._base_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
    return Q(pk__gt=last - NEWEST)


def _any_of(model: type[Model], fields: Iterable[str], text: str, within: Q) -> Q:
    """`within` is the condition for the rows that are searched for parts of names."""
    matches = Q(pk__in=[])
    for field in fields:
        is_id = field.startswith("=")  # ids have one spelling, and an index of it
        step, _, further = field.removeprefix("=").partition("__")
        if not further:
            matches |= Q(**{step: text}) if is_id else within & Q(**{f"{step}__icontains": text})
            continue
        other = model._meta.get_field(step).remote_field.model
        asked = _any_of(other, [f"={further}" if is_id else further], text, Q())
        keys = other._base_manager.filter(asked).values_list("pk", flat=True)[:MOST_KEYS]
        matches |= Q(**{f"{step}__in": list(keys)})
    return matches
