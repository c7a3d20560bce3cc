"""Check a workload and store it as the folder of a run; a second time it is the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import rundir
from .workload import WorkloadError, parse


def admit(root: Path, text: bytes, name: str | None, *, allow_standins: bool) -> dict[str, Any]:
    """Check a workload and store it once. `name`: the name that it must have, if any.

    Returns {"status": HTTP status, "name", and "state" or "message"}.
    """
    try:
        parts = parse(text, allow_standins=allow_standins)
        meta = parts["meta"] or {}
        if name is not None and meta["name"] != name:
            raise WorkloadError("name: is not the one in the address.")
    except (WorkloadError, UnicodeDecodeError) as error:
        return {"status": 400, "name": name, "message": str(error)[:2_000]}
    run = rundir.RunDir(root, meta["name"])
    if run.is_buried:
        return {"status": 200, "name": run.name, "state": "ended"}
    if rundir.create(root, parts):
        return {"status": 201, "name": run.name, "state": "created"}
    if (run.read("meta.json") or {}).get("attempt") == meta["attempt"]:
        return {"status": 200, "name": run.name, "state": "exists"}
    return {"status": 409, "name": run.name, "message": "A run of this name has another attempt."}
