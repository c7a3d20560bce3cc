"""Shows stores and their data sets as the API has them. Places and keys are never shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.models import User
from hubsite.api.serializers import time_text

from ..models import StoreListing
from ..request.accessors import format_of
from ..stores.store import Store
from .listing import Listing, is_fresh


def listings_of(user: User) -> dict[str, StoreListing]:
    """What is known of each store that this user sees, by the store's name: one query."""
    rows = StoreListing.objects.filter(scope__in=["", str(user.pk)])
    return {row.store: row for row in rows.order_by("scope")}


def store_shown(store: Store, row: StoreListing | None) -> dict[str, Any]:
    """A store in the list."""
    is_known = row is not None and bool(row.scope) == store.per_user
    return {
        "store_id": f"@{store.name}",
        "title": store.title or store.name,
        "description": store.description,
        "type": store.store_id,
        "access": {"read": store.readable, "write": store.writable, "per_user": store.per_user},
        "price": store.price.as_json() if store.price else None,
        "state": state_shown(row if is_known else None),
    }


def state_shown(row: StoreListing | None) -> dict[str, Any]:
    """Whether the store answered when it was last asked: `unknown`, `ok` or `unavailable`."""
    if row is None or (row.listed_at is None and not row.failures):
        return {
            "status": "unknown",
            "message": None,
            "checked_at": None,
            "data_sets": None,
            "is_complete": None,
            "is_stale": None,
        }
    has_listing = row.listed_at is not None
    return {
        "status": "unavailable" if row.failures else "ok",
        "message": row.problem or None,
        "checked_at": time_text(row.failed_at if row.failures else row.listed_at),
        "data_sets": row.total if has_listing else None,
        "is_complete": row.is_complete if has_listing else None,
        "is_stale": not is_fresh(row) if has_listing else None,
    }


def entries_shown(entries: Iterable[list[str]]) -> list[dict[str, Any]]:
    """Data sets in a list."""
    return [
        {"data_id": data_id, "data_type": data_type or None, "format": format_of(data_id)}
        for data_id, data_type in entries
    ]


def listing_headers(found: Listing) -> dict[str, str]:
    """When the list was made, and whether it may be out of date or cut off."""
    row = found.row
    return {
        "X-Listed-At": time_text(row.listed_at) or "",
        "X-Stale": "true" if found.is_stale else "false",
        "X-Complete": "true" if row.is_complete else "false",
    }
