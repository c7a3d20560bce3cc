"""A person's jobs, with their requests, for the download of their own data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accounts.models import User
from accounts.own_data import CHUNK

from .models import Job

COLUMNS = (
    "job_id",
    "state",
    "reason",
    "message",
    "units",
    "output_store",
    "output_data_id",
    "created_at",
    "started_at",
    "finished_at",
    "document__request",
)


def rows(user: User) -> Iterator[dict[str, Any]]:
    """All jobs, oldest first; keys of stores are starred out in requests already."""
    found = Job.objects.owned_by(user).order_by("pk").values(*COLUMNS)
    for row in found.iterator(chunk_size=CHUNK):
        row["request"] = row.pop("document__request")
        yield row
