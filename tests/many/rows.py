"""Copies of rows by the database itself: as many as wanted of each model, ten or a million.

Copy number k of a row is the row, but for what must be unique: texts get the number, numbers grow
by it, days are so many months earlier, times hours, and a reference is to copy k of the other row.
Copies have the keys `FIRST + k`, so that references to them are known. So a new model is copied by
itself as soon as it has one row; `changes` says what copies have instead, in SQL of `k`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, models

FIRST = 5_000_000
APPS = ("accounts", "jobs", "services", "hubsite", "auth", "admin", "django_q")
NOT_COPIED = frozenset(
    {
        "auth.permission",
        "contenttypes.contenttype",
        "hubsite.heartbeat",
        "hubsite.lock",
        "hubsite.tick",
    }
)
"""Of these the code says how many there are."""

Changes = Mapping[str, Mapping[str, str]]
Counts = Callable[[type[models.Model]], int]


def copied_models() -> list[type[models.Model]]:
    """All models with a table of their own, those first to which others refer."""
    found = [
        model
        for label in APPS
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
        if model._meta.label_lower not in NOT_COPIED
    ]
    ordered: list[type[models.Model]] = []

    def put(model: type[models.Model], above: tuple[type[models.Model], ...] = ()) -> None:
        if model in ordered or model in above or model not in found:
            return
        for field in model._meta.concrete_fields:
            if field.remote_field:
                put(field.remote_field.model._meta.concrete_model, (*above, model))
        ordered.append(model)

    for model in found:
        put(model)
    return ordered


def empty_models() -> list[str]:
    """Models of which there is no row that could be copied."""
    return [m._meta.label_lower for m in copied_models() if not m._base_manager.exists()]


def multiply(counts: Counts, *, changes: Changes | None = None, after: int = 0) -> None:
    """Make the copies `after` + 1 to `counts(model)` of the first row of each model.

    Of rows that need another row each, there are as many as of those at most.
    """
    every = copied_models()
    made: dict[type[models.Model], int] = {}
    for model in every:
        changed = (changes or {}).get(model._meta.label_lower, {})
        needed = [
            made[field.remote_field.model]
            for field in _made_unique(model)
            if field.remote_field and field.name not in changed
        ]
        made[model] = min([counts(model), *needed])
        _copy(model, after, made[model], changed)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), every):
            cursor.execute(statement)


def _copy(model: type[models.Model], after: int, count: int, changes: Mapping[str, str]) -> None:
    first = model._base_manager.order_by("pk").values_list("pk", flat=True).first()
    if first is None or count <= after:
        return
    unique = _made_unique(model)
    fields = model._meta.concrete_fields
    columns = [(f, changes.get(f.name) or _value(f, unique)) for f in fields]
    quote = connection.ops.quote_name
    template = model._meta.pk
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)}"
            f" ({', '.join(quote(field.column) for field, _ in columns)})"
            " WITH RECURSIVE numbers(k) AS"
            " (SELECT CAST(%s AS bigint) UNION ALL SELECT k + 1 FROM numbers WHERE k < %s)"
            f" SELECT {', '.join(sql for _, sql in columns)}"
            f" FROM {quote(model._meta.db_table)} AS t, numbers"
            f" WHERE t.{quote(template.column)} = %s",
            [after + 1, count, template.get_db_prep_value(first, connection)],
        )


def _made_unique(model: type[models.Model]) -> dict[models.Field, bool]:
    """Fields whose values must differ between the copies, and whether also empty ones must.

    Of each constraint it is the last field that may take any value.
    """
    meta = model._meta
    chosen = {field: True for field in meta.concrete_fields if field.unique}
    groups: list[tuple[Iterable[str], bool]] = [
        (it.fields, it.condition is None)
        for it in meta.constraints
        if isinstance(it, models.UniqueConstraint) and it.fields
    ]
    for names, is_always in [*groups, *((names, True) for names in meta.unique_together)]:
        fields = [meta.get_field(name) for name in names]
        if not any(chosen.get(field) for field in fields):
            free = [field for field in fields if not field.choices and not _is_fixed(field)]
            plain = [field for field in free if not field.remote_field]
            chosen[(plain or free)[-1]] = is_always
    return chosen


def _is_fixed(field: models.Field) -> bool:
    """Whether it refers to rows that are not copied."""
    return bool(field.remote_field) and field.remote_field.model._meta.label_lower in NOT_COPIED


def _value(field: models.Field, made_unique: Mapping[models.Field, bool]) -> str:
    column = f"t.{connection.ops.quote_name(field.column)}"
    if field not in made_unique:
        return column
    if field.remote_field or isinstance(field, models.AutoField):
        return f"CASE WHEN {column} IS NULL THEN NULL ELSE {FIRST} + k END"
    if isinstance(field, models.IntegerField):
        return f"{column} + k"
    if isinstance(field, models.DateField):
        return _before(column, "hours" if isinstance(field, models.DateTimeField) else "months")
    if not isinstance(field, models.CharField | models.TextField):
        raise NotImplementedError(f"{field}: say in `changes` what copies have")
    numbered = _numbered(column, field.max_length)
    if made_unique[field]:
        return numbered
    return f"CASE WHEN {column} = '' THEN {column} ELSE {numbered} END"


def _before(column: str, unit: str) -> str:
    if connection.vendor == "sqlite":
        kind = "date" if unit == "months" else "datetime"
        return f"{kind}({column}, '-' || k || ' {unit}')"
    return f"{column} - k * interval '1 {unit}'"


def _numbered(column: str, longest: int | None) -> str:
    """A text with eight digits of the copy's number: at the end of ids, else before."""
    number = f"CAST({10_000_000} + k AS varchar(8))"
    kept = f"substr({column}, 1, {longest - 8})" if longest else column
    return (
        f"CASE WHEN length({column}) >= 16 AND {column} NOT LIKE '%%@%%'"
        f" THEN substr({column}, 1, length({column}) - 8) || {number}"
        f" ELSE {number} || {kept} END"
    )
