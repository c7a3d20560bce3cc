"""A person's services, with their configuration, for the download of their own data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accounts.models import User
from accounts.own_data import CHUNK

from .models import ServiceInstance

COLUMNS = (
    "instance_id",
    "kind",
    "title",
    "state",
    "minutes",
    "created_at",
    "finished_at",
    "document__configuration",
)


def rows(user: User) -> Iterator[dict[str, Any]]:
    """All services, oldest first."""
    found = ServiceInstance.objects.owned_by(user).order_by("pk").values(*COLUMNS)
    for row in found.iterator(chunk_size=CHUNK):
        row["configuration"] = row.pop("document__configuration")
        yield row
