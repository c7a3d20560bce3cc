"""Rows of numbers that are stored as bytes, column by column. Pure.

A process that reads a forecast needs two or three of its thousand rows. Reading the columns back
copies memory; a row is put together only when it is asked for.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

BYTE, SHORT, LONG, FLOAT = "b", "i", "q", "f"
"""Types of columns: whole numbers of 1, 4 and 8 bytes, and decimal ones of 4."""

Row = tuple[Any, ...]


class Table(Sequence[Row]):
    """Rows whose columns have the types in `types`, one letter each."""

    def __init__(self, types: str, rows: Iterable[Row] = ()) -> None:
        columns = list(zip(*rows, strict=True)) or [()] * len(types)
        self._columns = [array(kind, column) for kind, column in zip(types, columns, strict=True)]

    def __len__(self) -> int:
        return len(self._columns[0])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return tuple(column[index] for column in self._columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self._columns == other._columns

    __hash__ = None  # type: ignore[assignment]

    def column(self, number: int) -> array[Any]:
        return self._columns[number]

    def to_bytes(self) -> bytes:
        """All columns one after the other, the low byte of each number first."""
        return b"".join(_low_byte_first(column).tobytes() for column in self._columns)

    @classmethod
    def from_bytes(cls, types: str, stored: bytes | memoryview) -> Table:
        """The table that `to_bytes` stored. Raises ValueError if the bytes are no such table."""
        table = cls(types)
        sizes = [column.itemsize for column in table._columns]
        count, rest = divmod(len(stored), sum(sizes))
        if rest:
            raise ValueError(f"{len(stored)} bytes are no rows of {types!r}")
        at = 0
        for number, size in enumerate(sizes):
            column = array(types[number])
            column.frombytes(stored[at : at + count * size])
            table._columns[number] = _low_byte_first(column)
            at += count * size
        return table


def _low_byte_first(column: array[Any]) -> array[Any]:
    """The column with its bytes in the stored order, or back."""
    if sys.byteorder == "little":
        return column
    column = column[:]
    column.byteswap()
    return column
