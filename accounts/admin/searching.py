"""Searching lists of the admin by indexed columns of their own table.

Django's own search joins the users' table and compares all columns with `OR`, so it reads every
row of a table that has millions. Here who is named is looked up first, in the small tables, and
the large one is asked for their keys.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Model, Q, QuerySet

MOST_KEYS = 500
"""Rows of another table that a text stands for, at most: more are too many to be meant."""
LONGEST = 254


def found(rows: QuerySet, fields: Iterable[str], text: str) -> QuerySet:
    """The `rows` with `text` in one of these fields (as `ModelAdmin.search_fields`)."""
    text = text.strip()[:LONGEST]
    if not text:
        return rows
    return rows.filter(_any_of(rows.model, fields, text))


def _any_of(model: type[Model], fields: Iterable[str], text: str) -> Q:
    matches = Q(pk__in=[])
    for field in fields:
        is_id = field.startswith("=")  # ids have one spelling, and an index of it
        step, _, further = field.removeprefix("=").partition("__")
        if not further:
            matches |= Q(**{step if is_id else f"{step}__icontains": text})
            continue
        other = model._meta.get_field(step).remote_field.model
        asked = _any_of(other, [f"={further}" if is_id else further], text)
        keys = other._base_manager.filter(asked).values_list("pk", flat=True)[:MOST_KEYS]
        matches |= Q(**{f"{step}__in": list(keys)})
    return matches
