"""The output of commands: tables, JSON and notes, the same for every command of the hub.

- On a terminal: a table that fits its width, with colours. Elsewhere: plain columns, one line for
  each row, so that `grep`, `awk` and `cut` work.
- With `--json`: one JSON value and nothing else on standard output.
- Text from outside is never taken as markup and cannot move the cursor (`terminal_text`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import OutputWrapper
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .terminal_text import one_line, some_lines

LEAST_WIDTH = 40
"""Tables are at least this wide, even if the terminal is narrower."""


@dataclass(frozen=True)
class Styled:
    """A cell with a style of rich; the style is used on a terminal only."""

    text: str
    style: str


Cell = str | int | bool | datetime | Styled | None


@dataclass(frozen=True)
class Column:
    """A column of a table, and how it fits the width of a terminal.

    `is_copied`: people copy the values, so they are never broken over lines.
    `is_cut`: what does not fit is cut off and marked by an ellipsis.
    `share`: the part of the width that a long column may take, relative to the others.
    """

    heading: str
    is_copied: bool = False
    is_cut: bool = False
    is_number: bool = False
    share: int | None = None


def cell_text(value: Cell) -> str:
    """A cell as text: times in ISO 8601 and UTC, "yes" and "no", nothing for None."""
    if isinstance(value, Styled):
        return value.text
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


class Output:
    """Standard output of a command, and its notes on standard error."""

    def __init__(self, stdout: OutputWrapper, stderr: OutputWrapper, *, has_colour: bool) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._has_colour = has_colour

    @property
    def is_terminal(self) -> bool:
        return bool(self._stdout.isatty())

    @property
    def width(self) -> int:
        """The width of the terminal in characters."""
        return max(shutil.get_terminal_size((120, 24)).columns, LEAST_WIDTH)

    def line(self, text: object = "") -> None:
        """Print a sentence, or several lines, for people."""
        self._stdout.write(some_lines(text))

    def note(self, text: object) -> None:
        """Print a warning or progress on standard error, because it is not the result."""
        self._stderr.write(some_lines(text), style_func=str)

    def raw(self, text: str, *, ending: str = "\n") -> None:
        """Print text that this program made itself (YAML, CSV, a token), as it is."""
        self._stdout.write(text, ending=ending)

    def json(self, value: Any) -> None:
        """Print one JSON value. Non-ASCII characters are escaped, so it is safe to look at."""
        self._stdout.write(json.dumps(value, indent=2, default=_json_default))

    def fields(self, values: Mapping[str, Cell]) -> None:
        """Print one line `name: value` for each member."""
        for name, value in values.items():
            self._stdout.write(f"{name}: {one_line(cell_text(value))}")

    def table(
        self,
        columns: Sequence[Column | str],
        rows: Iterable[Sequence[Cell]],
        *,
        title: str = "",
        empty: str = "",
    ) -> None:
        """Print a table. If there are no rows, print the sentence `empty` on standard error.

        The title goes to standard error too if the output is plain columns, because programs
        read these.
        """
        all_columns = [c if isinstance(c, Column) else Column(c) for c in columns]
        all_rows = [list(row) for row in rows]
        if not all_rows and empty:
            self.note(empty)
        elif self.is_terminal:
            self._rich_table(all_columns, all_rows, title)
        else:
            if title:
                self.note(title)
            self._plain_columns(all_columns, all_rows)

    def _rich_table(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], title: str
    ) -> None:
        console = Console(
            file=self._stdout,
            width=self.width,
            force_terminal=self._has_colour,
            no_color=not self._has_colour,
            highlight=False,
        )
        table = Table(
            title=Text(one_line(title)) if title else None,
            title_justify="left",
            box=None,
            pad_edge=False,
            expand=any(column.is_cut for column in columns),
        )
        for index, column in enumerate(columns):
            table.add_column(
                Text(column.heading),
                no_wrap=column.is_copied or column.is_cut,
                overflow="ellipsis" if column.is_cut else "fold",
                justify="right" if column.is_number else "left",
                ratio=1 if column.is_cut else column.share,
                min_width=_widest(rows, index) if column.is_copied else None,
            )
        for row in rows:
            table.add_row(*(_rich_cell(value) for value in row))
        console.print(table)

    def _plain_columns(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        texts = [[c.heading.upper().replace(" ", "_") for c in columns]]
        texts += [[one_line(cell_text(value)) or "-" for value in row] for row in rows]
        widths = [max(cell_len(row[i]) for row in texts) for i in range(len(columns))]
        for row in texts:
            cells = (
                " " * (width - cell_len(text)) + text
                if column.is_number
                else text + " " * (width - cell_len(text))
                for column, text, width in zip(columns, row, widths, strict=True)
            )
            self._stdout.write("  ".join(cells).rstrip())


def _widest(rows: Sequence[Sequence[Cell]], index: int) -> int:
    """The width in characters of the longest line in a column's cells."""
    lines = (line for row in rows for line in some_lines(cell_text(row[index])).splitlines())
    return max(map(cell_len, lines), default=0)


def _rich_cell(value: Cell) -> Text:
    style = value.style if isinstance(value, Styled) else ""
    return Text(some_lines(cell_text(value)), style=style)


def _json_default(value: Any) -> str:
    if isinstance(value, datetime):
        return cell_text(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
