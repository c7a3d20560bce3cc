"""Queries that Django compiles to SQL only once, for statements of every request.

Compiling a query takes several times as long as running it in the database. A `CompiledQuery`
keeps the SQL, and fills in the parameters of each call:

    _JOB = CompiledQuery(
        lambda job_id, owner_id: Job.objects.filter(job_id=job_id, owner_id=owner_id).order_by(),
        job_id="<job id>",
        owner_id=-1,
    )
    job = _JOB.first(job_id="a1…", owner_id=7)

The example values must be of the right type, differ from each other and from every constant of
the query. A query of a model gives its instances, `values_list` gives tuples, both with the
conversions of Django's fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable

FETCHED_AT_ONCE = 20


@dataclass(frozen=True)
class _Statement:
    """SQL for one kind of database. `names` holds the parameter's name at its place, else None."""

    sql: str
    parameters: tuple[Any, ...]
    names: tuple[str | None, ...]
    converters: tuple[tuple[int, tuple[Any, ...], Any], ...]
    model: type[Model] | None
    attnames: tuple[str, ...]

    def bound(self, given: dict[str, Any]) -> list[Any]:
        pairs = zip(self.names, self.parameters, strict=True)
        return [value if name is None else given[name] for name, value in pairs]


class CompiledQuery:
    """A query that is compiled once per kind of database. Safe for threads."""

    def __init__(self, build: Callable[..., QuerySet], **examples: Any) -> None:
        self._build = build
        self._examples = examples
        self._statements: dict[str, _Statement] = {}

    def first(self, **given: Any) -> Any:
        """The first row, None if there is none. Order and limit the query so that one is read."""
        statement = self._statement()
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bound(given))
            row = cursor.fetchone()
        return None if row is None else _converted(statement, row)

    def rows(self, **given: Any) -> Iterator[Any]:
        """The rows, fetched as they are consumed."""
        statement = self._statement()
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bound(given))
            while rows := cursor.fetchmany(FETCHED_AT_ONCE):
                for row in rows:
                    yield _converted(statement, row)

    def _statement(self) -> _Statement:
        statement = self._statements.get(connection.vendor)
        if statement is None:
            statement = self._statements[connection.vendor] = self._compile()
        return statement

    def _compile(self) -> _Statement:
        rows = self._build(**self._examples)
        compiler = rows.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [column for column, *_ in compiler.select]
        names = tuple(self._name_of(value) for value in parameters)
        if missing := set(self._examples) - set(names):
            raise ValueError(f"The query does not use {', '.join(sorted(missing))}.")
        is_model = rows._iterable_class is ModelIterable
        return _Statement(
            sql=sql,
            parameters=tuple(parameters),
            names=names,
            converters=tuple(
                (index, tuple(converters), column)
                for index, (converters, column) in compiler.get_converters(columns).items()
            ),
            model=rows.model if is_model else None,
            attnames=tuple(column.target.attname for column in columns) if is_model else (),
        )

    def _name_of(self, value: Any) -> str | None:
        for name, example in self._examples.items():
            if type(value) is type(example) and value == example:
                return name
        return None


def _converted(statement: _Statement, row: tuple[Any, ...]) -> Any:
    values = list(row)
    for index, converters, column in statement.converters:
        for convert in converters:
            values[index] = convert(values[index], column, connection)
    if statement.model is None:
        return tuple(values)
    return statement.model.from_db(connection.alias, statement.attnames, values)
