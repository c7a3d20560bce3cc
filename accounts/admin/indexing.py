"""Which columns of a list can be sorted without reading the whole table."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import models


@cache
def ordered_fields(model: type[models.Model]) -> frozenset[str]:
    """Fields that an index of all rows has in order; no references, which sort by other tables."""
    meta = model._meta
    names = {it.name for it in meta.concrete_fields if it.unique or it.db_index}
    unique = [it for it in meta.constraints if isinstance(it, models.UniqueConstraint)]
    for it in (*meta.indexes, *unique):
        # Rows that are equal in the column are shown by their key, so that must come next.
        if it.condition is None and it.fields and tuple(it.fields[1:2]) in ((), ("-id",), ("id",)):
            names.add(it.fields[0].removeprefix("-"))
    return frozenset(name for name in names if not meta.get_field(name).is_relation)


@cache
def finds(model: type[models.Model], name: str) -> bool:
    """Whether an index of all rows leads to those with one value of this field."""
    meta = model._meta
    field = meta.get_field(name)
    unique = [it for it in meta.constraints if isinstance(it, models.UniqueConstraint)]
    return bool(field.unique or field.db_index) or any(
        it.condition is None and it.fields and it.fields[0].removeprefix("-") == name
        for it in (*meta.indexes, *unique)
    )


def sorted_by(model_admin: Any, column: Any) -> str:
    """The field by which a column of the list is sorted; "" if by none of the table's own."""
    if isinstance(column, str) and column in {f.name for f in model_admin.model._meta.fields}:
        return column
    shown = column if callable(column) else getattr(model_admin, column, None)
    ordering = getattr(shown, "admin_order_field", "")
    return ordering.removeprefix("-") if isinstance(ordering, str) else ""
