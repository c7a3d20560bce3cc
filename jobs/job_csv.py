"""Jobs as CSV, for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.db.models import QuerySet

from hubsite.spreadsheet import cell

from .models import Job

MOST_ROWS = 100_000
COLUMNS = (
    "job_id",
    "owner__email",
    "state",
    "reason",
    "message",
    "units",
    "output_store",
    "output_data_id",
    "engine",
    "created_at",
    "launched_at",
    "started_at",
    "finished_at",
)


class _Line:
    """What csv's writer writes to: it gives the line back."""

    def write(self, text: str) -> str:
        return text


def lines(jobs: QuerySet[Job]) -> Iterator[str]:
    """CSV (RFC 4180) of at most MOST_ROWS jobs, a line at a time; times in UTC."""
    writer = csv.writer(_Line())
    yield writer.writerow([name.replace("owner__email", "owner") for name in COLUMNS])
    for row in jobs.values_list(*COLUMNS)[:MOST_ROWS].iterator(chunk_size=2000):
        texts = (value.isoformat() if hasattr(value, "isoformat") else value for value in row)
        yield writer.writerow([cell(text) for text in texts])
