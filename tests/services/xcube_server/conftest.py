"""Stores for the tests of xcube servers: shared, one per user, and not to be shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.stores.catalogue import load_catalogue
from tests.accounts.factories import make_user

STORES = {
    "cubes": {"store_id": "file", "store_params": {"root": "cubes", "max_depth": 3}},
    "mine": {"store_id": "file", "store_params": {"root": "users"}, "per_user": True},
    "keys": {
        "store_id": "s3",
        "store_params": {"root": "bucket", "storage_options": {"key": "K", "secret": "S3CRET"}},
    },
    "drop": {"store_id": "file", "store_params": {"root": "drop"}, "readable": False},
    "ram": {"store_id": "memory", "store_params": {"root": "x"}},
    "sensor": {"store_id": "sensor-api", "store_params": {"url": "https://sensor.test"}},
}


@pytest.fixture
def stores(settings, tmp_path: Path):
    """The stores above in a stores file; call it with others to change the file."""
    path = tmp_path / "stores.json"
    written = 0

    def write(**changes):
        nonlocal written
        written += 1
        entries = {**STORES, **changes}
        text = json.dumps({name: entry for name, entry in entries.items() if entry is not None})
        path.write_text(text + " " * written)  # a new size: it is read again
        return load_catalogue()

    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": path}
    write()
    return write


@pytest.fixture
def ada(db):
    return make_user("ada@example.org")
