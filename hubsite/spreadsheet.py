"""CSV files that spreadsheets open."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator


def cell(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would take for a formula (OWASP)."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def csv_lines(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """CSV (RFC 4180), a line at a time: dates and times in ISO 8601, no cell a formula."""
    writer = csv.writer(_Line())
    yield writer.writerow(titles)
    for row in rows:
        texts = (value.isoformat() if hasattr(value, "isoformat") else value for value in row)
        yield writer.writerow([cell(text) for text in texts])


class _Line:
    """What csv's writer writes to: it gives the line back."""

    def write(self, text: str) -> str:
        return text
