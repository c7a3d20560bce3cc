"""A request to begin with, of stores that this hub has: for the pages that teach."""

from __future__ import annotations

import json
from functools import lru_cache

from hubsite.configuration.reading import BASE_DIR

from ..models import StoreListing
from ..stores.catalogue import load_catalogue
from ..stores.store import Store
from ..stores.stores_file import StoresFileError

DEMO = "demo", "cubes"
"""The stores that the shipped example names."""
SOME_DATASET = "some-dataset.zarr"
OUTPUT = "my-first-cube.zarr"


def example_request() -> str:
    """The JSON text of a request; "" if the hub has no store to read from, or none to write to."""
    try:
        stores = list(load_catalogue())
    except StoresFileError:
        return ""
    names = {store.name for store in stores}
    if names >= set(DEMO):
        return _shipped()
    source = next((store for store in stores if store.readable and not store.per_user), None)
    target = next((store for store in stores if store.writable), None)
    if source is None or target is None:
        return ""
    document = {
        "input_config": {"store_id": f"@{source.name}", "data_id": _dataset_of(source)},
        "output_config": {"store_id": f"@{target.name}", "data_id": OUTPUT},
    }
    return json.dumps(document, indent=2)


def _dataset_of(store: Store) -> str:
    """A data set that the store was found to hold; a word in its place if it is not known."""
    listing = StoreListing.objects.filter(store=store.name, scope="").first()
    part = listing.parts.order_by("number").first() if listing else None
    entries = json.loads(part.entries) if part else []
    return entries[0][0] if entries else SOME_DATASET


@lru_cache(maxsize=1)
def _shipped() -> str:
    return (BASE_DIR / "templates" / "request.json").read_text(encoding="utf-8").strip()
