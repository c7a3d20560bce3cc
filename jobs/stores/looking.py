"""Checks whether stores of the catalogue are reachable: their folders, a dataset in each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from hubsite.refusals import Refused

from ..estimates import asking
from .store import Store

PROBE_WITHIN_S = 30.0


class Look(NamedTuple):
    """A remark about a store; `is_fault` if jobs that use the store would fail."""

    text: str
    is_fault: bool = False


def root_of(store: Store) -> Look | None:
    """A remark about the folder of a `file` store on this machine; None if all is well."""
    root = store.store_params.get("root")
    if store.store_id != "file" or not root:
        return None
    path = Path(str(root))
    if path.is_dir():
        return None
    if path.exists():
        return Look(f"its root {path} is no folder", is_fault=True)
    if store.writable:
        return Look(f"its root {path} does not exist; the first cube makes it")
    return Look(f"its root {path} does not exist", is_fault=True)


def probe(store: Store) -> Look:
    """Ask an estimator to open one dataset of the store; takes half a minute at most."""
    params: dict[str, Any] = {"store_id": store.store_id, "store_params": dict(store.store_params)}
    try:
        found = asking.probe(store.name, params, timeout_s=PROBE_WITHIN_S)
    except Refused as refusal:
        return Look(f"it cannot be opened: {refusal}", is_fault=True)
    if found["data_id"] is None and not found.get("has_root", True):
        return Look("its root does not exist", is_fault=not store.writable)
    if found["data_id"] is None:
        return Look("opened; it holds no dataset")
    sizes = ", ".join(f"{name} {size:,}" for name, size in found["dims"].items())
    return Look(f"opened {found['data_id']} ({found['variables']} variables; {sizes})")
