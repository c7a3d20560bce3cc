"""The open and write parameters of a store that requests may have, as JSON Schema.

For stores that are file systems the closed table of jobs/request/parameters.py says which; the
store need not be asked. For others xcube's own schema, without what would lead elsewhere.
"""

from __future__ import annotations

import time
from typing import Any

from hubsite.web.waiting import place_to_wait
from jobs.settings import hub

from ..request.accessors import FORMATS_FROM_CALLERS, REDIRECTING_PARAMS
from ..request.parameters import OPEN_PARAMS, WRITE_PARAMS, Kind, object_schema
from ..stores.store import FILE_SYSTEM_TYPES, Store
from . import asking, listing
from .slots import slots
from .stores import View, view_of

WAIT_S = 8.0
MOST_KEPT = 200

_kept: dict[str, tuple[float, dict[str, Any]]] = {}
"""Of stores that are no file systems, by fingerprint: this process asks them once in a while."""


def parameters_of(store: Store, user: Any) -> dict[str, Any]:
    """{"openers": [{"opener_id", "format", "schema"}], "writers": [{"writer_id", …}]}.

    Raises Refused if the store must be asked and does not answer.
    """
    if store.store_id in FILE_SYSTEM_TYPES:
        return {
            "openers": _of_files("opener_id", store, OPEN_PARAMS) if store.readable else [],
            "writers": _of_files("writer_id", store, WRITE_PARAMS) if store.writable else [],
        }
    if store.store_id == "reference":
        zarr = {name: OPEN_PARAMS[name] for name in FORMATS_FROM_CALLERS[:1]}
        return {"openers": _of_files("opener_id", store, zarr), "writers": []}
    found = _asked(view_of(store, user))
    return {
        "openers": [_shown("opener_id", opener) for opener in found.get("openers", ())],
        "writers": [_shown("writer_id", writer) for writer in found.get("writers", ())]
        if store.writable
        else [],
    }


def _of_files(
    member: str, store: Store, tables: dict[str, dict[str, Kind]]
) -> list[dict[str, Any]]:
    return [
        {
            member: f"dataset:{format_id}:{store.store_id}",
            "format": format_id,
            "schema": object_schema(table),
        }
        for format_id, table in tables.items()
    ]


def _asked(view: View) -> dict[str, Any]:
    known = _kept.get(view.fingerprint)
    if known is not None and time.monotonic() - known[0] < hub.stores_fresh_s:
        return known[1]
    row = listing.find(view) or listing.make_row(view)
    listing.check_cool_down(view, row)
    waiting = place_to_wait(f"store @{view.store.name}")
    slot = slots(view.store.name, is_suspect=row.failures > 0, wait_s=listing.OTHERS_WAIT_S)
    with waiting, slot:
        try:
            found = asking.parameters(view, limit_s=WAIT_S)
        except asking.StoreDown as error:
            listing.failed(row, error)
            raise
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[view.fingerprint] = (time.monotonic(), found)
    return found


def _shown(member: str, accessor: dict[str, Any]) -> dict[str, Any]:
    schema = dict(accessor.get("schema") or {})
    properties = schema.get("properties")
    if isinstance(properties, dict):
        known = {n: s for n, s in properties.items() if n.lower() not in REDIRECTING_PARAMS}
        schema["properties"] = known
        if isinstance(schema.get("required"), list):
            schema["required"] = [name for name in schema["required"] if name in known]
    parts = str(accessor.get("id", "")).split(":")
    return {
        member: str(accessor.get("id", "")),
        "format": parts[1] if len(parts) == 3 else "",
        "schema": schema,
    }
