"""Entries of the ledger as CSV, for spreadsheets; a line at a time."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from hubsite.spreadsheet import csv_lines

from ..models import LedgerEntry

COLUMNS = {
    "time": "created_at",
    "kind": "kind",
    "units": "delta_total",
    "set_aside": "delta_reserved",
    "units_in_all_after": "total_after",
    "set_aside_after": "reserved_after",
    "for": "reference",
    "reason": "reason",
}


def lines(entries: QuerySet[LedgerEntry]) -> Iterator[str]:
    """CSV (RFC 4180); times in UTC. No cell is a formula, because reasons are typed by people."""
    return csv_lines(COLUMNS, entries.values_list(*COLUMNS.values()).iterator(chunk_size=2000))
