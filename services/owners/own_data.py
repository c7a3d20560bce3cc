"""A person's services, with their configuration, for the download of their own data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accounts.models import User
from accounts.own_data import read

from ..models import ServiceInstance

COLUMNS = (
    "instance_id",
    "kind",
    "title",
    "state",
    "minutes",
    "created_at",
    "finished_at",
)


def rows(user: User) -> Iterator[dict[str, Any]]:
    """All services, oldest first."""
    return read(
        ServiceInstance.objects.owned_by(user), *COLUMNS, configuration="document__configuration"
    )
