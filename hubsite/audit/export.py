"""The audit as CSV, for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from hubsite.spreadsheet import csv_lines

from .entry import AuditEntry

MOST_ROWS = 1_000_000
"""What a spreadsheet opens; an older part is chosen by its dates."""
COLUMNS = (
    "id",
    "at",
    "actor_name",
    "acted_for_name",
    "via",
    "action",
    "kind",
    "object_id",
    "label",
    "about__email",
    "detail",
    "request_id",
    "address",
)


def lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """CSV (RFC 4180) of the newest MOST_ROWS entries, a line at a time; times in UTC."""
    rows = entries.values_list(*COLUMNS)[:MOST_ROWS]
    titles = [name.replace("about__email", "about") for name in COLUMNS]
    return csv_lines(titles, rows.iterator(chunk_size=2000))
