"""Charts: a table of numbers, from which a script of the page draws.

The table is the truth: without a script it is all there is, and screen readers and keyboards get it
in any case. A view makes a `Chart`, and its template shows it:

    {% include "console/charts_head.html" %}          in the head of the page
    {% include "console/chart.html" with chart=chart %}

`static/charts.js` draws from any `<figure class="chart" data-kind="…">` with such a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Kind = Literal["lines", "bars", "area"]
Unit = Literal["", "duration", "size"]
Tone = Literal["", "accent", "good", "bad", "warn", "info", "muted"]


@dataclass(frozen=True)
class Column:
    """A series. `tone` is what its colour means; without one it gets the next of a palette."""

    title: str
    tone: Tone = ""


@dataclass(frozen=True)
class Row:
    """What the series were at one time, or for one name. None: there is no value."""

    at: datetime | date | str
    values: Sequence[float | None]

    @property
    def is_moment(self) -> bool:
        return isinstance(self.at, datetime)

    @property
    def is_day(self) -> bool:
        return isinstance(self.at, date) and not self.is_moment


@dataclass(frozen=True)
class Chart:
    """What a figure shows. Durations are in seconds, sizes in bytes.

    `is_stacked`: the bars or areas of a row stand on each other, so that the whole is seen.
    """

    title: str
    kind: Kind
    columns: Sequence[Column]
    rows: Sequence[Row] = field(default_factory=list)
    unit: Unit = ""
    is_stacked: bool = False
    first: str = ""
    """The title of the first column, such as "Day"."""

    @property
    def is_empty(self) -> bool:
        return not any(value for row in self.rows for value in row.values)
