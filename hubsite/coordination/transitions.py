"""Steps of a row's life, each a guarded update: a repeated or late step changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import models, transaction


class IllegalTransition(Exception):
    """A step that the table does not hold: a fault in our code, never a user's."""


@contextmanager
def step(
    row: models.Model,
    to: str,
    *,
    table: Mapping[Any, Collection[Any]],
    fields: Mapping[str, Any],
    column: str = "state",
) -> Iterator[bool]:
    """Make the step from the state that `row` has to the state `to`, in a transaction.

    Gives False if the row has left its state meanwhile: then nothing is written. `fields` are
    further columns to set with the step. What the caller writes inside of the block, e.g. an
    event, belongs to the same transaction; `row` itself changes only if all of it succeeded.

        with step(job, State.RUNNING, table=TRANSITIONS, fields={"started_at": now}) as moved:
            if moved:
                JobEvent.objects.create(job=job, to_state=State.RUNNING)

    Raises IllegalTransition if `table` (from each state, to which others) does not hold it.
    """
    origin = getattr(row, column)
    if to not in table[origin]:
        raise IllegalTransition(f"{row}: {origin} → {to}")
    changes = {**fields, column: to}
    with transaction.atomic():
        rows = type(row)._default_manager.filter(pk=row.pk, **{column: origin})
        moved = rows.update(**changes) == 1
        yield moved
    if moved:
        for name, value in changes.items():
            setattr(row, name, value)
