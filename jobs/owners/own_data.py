"""A person's jobs, with their requests, for the download of their own data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accounts.models import User
from accounts.own_data import read

from ..models import Job

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
)


def rows(user: User) -> Iterator[dict[str, Any]]:
    """All jobs, oldest first; keys of stores are starred out in requests already."""
    return read(Job.objects.owned_by(user), *COLUMNS, request="document__request")
