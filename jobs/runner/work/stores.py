"""The data stores of one request for xcube; remembers which store was used last.

An error can then name the store that could not be reached.
"""

from __future__ import annotations

from typing import Any

from xcube.core.store import DataStorePool
from xcube.core.store.storepool import DataStoreInstance, get_data_store_instance


class NamedStores(DataStorePool):
    """A store pool that remembers the last requested store."""

    last_used: str | None = None

    def get_store_instance(self, store_instance_id: str) -> DataStoreInstance:
        self.last_used = store_instance_id
        return super().get_store_instance(store_instance_id)


def output_exists(output_config: dict[str, Any] | None, stores: NamedStores) -> bool | None:
    """Whether something lies where the cube would be written; None if that is not known yet.

    A store's own has_data() sees only what it takes for a whole data set; a
    partly written cube must count too, so file-system stores are looked into.
    """
    config = output_config or {}
    store_id, data_id = config.get("store_id"), config.get("data_id")
    if not store_id or not data_id:
        return None
    instance = get_data_store_instance(store_id, config.get("store_params") or {}, stores)
    store = instance.store
    file_system, root = getattr(store, "fs", None), getattr(store, "root", None)
    if file_system is None or root is None:
        return bool(store.has_data(data_id))
    file_system.invalidate_cache()
    return bool(file_system.exists(f"{root}/{data_id}" if root else data_id))
