"""Reads values from Kubernetes' JSON safely: a value of the wrong type counts as empty."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


def condition(status: Json, kind: str) -> Json:
    conditions = map(object_of, list_of(status.get("conditions")))
    return next((c for c in conditions if c.get("type") == kind), {})


def true_condition(status: Json, *kinds: str) -> Json:
    """The first of these conditions whose status is "True"; {} if there is none."""
    found = (condition(status, kind) for kind in kinds)
    return next((c for c in found if c.get("status") == "True"), {})


def time_of(text: Any) -> datetime | None:
    """A time in Kubernetes' form (RFC 3339, UTC if it names no zone); None if it is invalid."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is None or moment.tzinfo is None:
            return moment and moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def object_of(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""
