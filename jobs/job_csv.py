"""Jobs as CSV, for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from hubsite.spreadsheet import csv_lines

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


def lines(jobs: QuerySet[Job]) -> Iterator[str]:
    """CSV (RFC 4180) of at most MOST_ROWS jobs, a line at a time; times in UTC."""
    titles = [name.replace("owner__email", "owner") for name in COLUMNS]
    return csv_lines(titles, jobs.values_list(*COLUMNS)[:MOST_ROWS].iterator(chunk_size=2000))
