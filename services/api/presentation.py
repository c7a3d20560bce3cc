"""Presents instances, their events and profiles to users, as JSON."""

from __future__ import annotations

import re
from typing import Any

from hubsite.api.serializers import time_text

from .. import addresses
from ..metering import charged_units
from ..models import (
    InstanceDocument,
    InstanceEvent,
    Kind,
    Reason,
    ServiceInstance,
    ServiceProfile,
)
from ..running import idle
from ..xcube_server.condition import broken_datasets
from ..xcube_server.shown import dataset_ids

_USER_ID = re.compile(r"a[0-9a-f]{32}")


def instance_summary(instance: ServiceInstance) -> dict[str, Any]:
    """An instance in a list. Its `profile` must be loaded."""
    return {
        "id": instance.instance_id,
        "kind": instance.kind,
        "profile": instance.profile.name,
        "title": instance.title,
        "state": instance.state,
        "reason": instance.reason or None,
        "message": _message(instance),
        "server_url": addresses.server_url(instance),
        "viewer_url": addresses.viewer_url(instance) if _has_viewer(instance) else None,
        "created_at": time_text(instance.created_at),
        "ready_at": time_text(instance.ready_since),
        "finished_at": time_text(instance.finished_at),
        "last_used": _last_used(instance),
        "sleeps_at": time_text(idle.sleeps_at(instance)),
        "stops_at": None if instance.is_final else time_text(idle.ends_at(instance)),
        "kept_until": time_text(instance.kept_until),
        "units": {
            "per_hour": instance.units_per_hour,
            "minutes": instance.minutes,
            "charged": charged_units(instance.minutes, instance.units_per_hour),
        },
        "restarts": instance.restarts,
    }


def _has_viewer(instance: ServiceInstance) -> bool:
    return instance.kind == Kind.XCUBE_SERVER


def event(row: InstanceEvent, owner_id: str) -> dict[str, Any]:
    """One event for the owner, whose user id is `owner_id`: it names no other person."""
    return {
        "at": time_text(row.at),
        "from_state": row.from_state or None,
        "to_state": row.to_state or None,
        "reason": row.reason or None,
        "message": row.message or _words(row.reason),
        "by": _who(row.actor, owner_id),
    }


def profile(row: ServiceProfile, *, is_default: bool) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "title": row.title,
        "description": row.description,
        "is_default": is_default,
        "cpus": row.cpus,
        "memory_bytes": row.memory_bytes,
        "idle_s": row.idle_s,
        "age_s": row.age_s,
        "stores": row.stores,
        "units_per_hour": row.units_per_hour,
    }


def _message(instance: ServiceInstance) -> str:
    return instance.message or _words(instance.reason)


def _words(reason: str) -> str:
    return f"{Reason(reason).label}." if reason in Reason.values else ""


def _who(actor: str, owner_id: str) -> str:
    if actor == owner_id:
        return "owner"
    if actor.startswith(("command line", "user ")):
        return "operator"
    return "another user" if _USER_ID.fullmatch(actor) else actor


def _last_used(instance: ServiceInstance) -> dict[str, Any] | None:
    if instance.last_used_at is None:
        return None
    return {"at": time_text(instance.last_used_at), "by": instance.last_used_by}


def instance_detail(instance: ServiceInstance) -> dict[str, Any]:
    """One instance in full. Its `profile` and `document` should be loaded."""
    return {
        **instance_summary(instance),
        "datasets": dataset_ids(instance.document.configuration),
        "broken": [{"id": name, "message": why} for name, why in broken_datasets(instance).items()],
    }


def log_lines(instance: ServiceInstance, offset: int, limit: int) -> dict[str, Any]:
    """Lines of the log that was kept last, with their numbers."""
    text = InstanceDocument.objects.filter(instance=instance).values_list("log", flat=True).first()
    lines = (text.split("\n") if text else [])[offset : offset + limit]
    return {
        "lines": [{"line": number, "text": line} for number, line in enumerate(lines, offset)],
        "next_offset": offset + len(lines),
    }
