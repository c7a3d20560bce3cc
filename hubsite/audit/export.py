"""The audit as CSV, for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.db.models import QuerySet

from hubsite.spreadsheet import cell

from .entry import AuditEntry

MOST_ROWS = 100_000
COLUMNS = (
    "at",
    "actor_name",
    "acted_for_name",
    "via",
    "action",
    "kind",
    "object_id",
    "label",
    "detail",
    "request_id",
    "address",
)


class _Line:
    """What csv's writer writes to: it gives the line back."""

    def write(self, text: str) -> str:
        return text


def lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """CSV (RFC 4180) of the newest MOST_ROWS entries, a line at a time; times in UTC."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for row in entries.values_list(*COLUMNS)[:MOST_ROWS].iterator(chunk_size=2000):
        yield writer.writerow([cell(row[0].isoformat()), *map(cell, row[1:])])
