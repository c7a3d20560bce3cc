"""Check the workload of a service and store it; an older revision changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..record.workload import WorkloadError
from .folder import ServiceDir, names
from .workload import parse

MOST_SERVICES = 1_000


def admit(root: Path, text: bytes, name: str) -> dict[str, Any]:
    """Returns {"status": HTTP status, "name", and "state" or "message"}. Raises OSError."""
    try:
        parts = parse(text)
        if parts["meta"]["name"] != name:
            raise WorkloadError("name: is not the one in the address.")
    except (WorkloadError, UnicodeDecodeError) as error:
        return {"status": 400, "name": name, "message": str(error)[:2_000]}
    folder = ServiceDir(root, name)
    if folder.is_buried:
        return {"status": 200, "name": name, "state": "ended"}
    known = folder.read("meta.json")
    if known is None and len(names(root)) >= MOST_SERVICES:
        return {"status": 503, "name": name, "message": "The runner keeps no more services."}
    if known is not None and parts["meta"]["revision"] <= known["revision"]:
        return {"status": 200, "name": name, "state": "exists"}
    folder.store(parts)
    state = "created" if known is None else "changed"
    return {"status": 201 if known is None else 200, "name": name, "state": state}
