"""The data stores of one request, as xcube sees them; remembers which was used last.

So that an error can name the store that could not be reached.
"""

from __future__ import annotations

from typing import Any

from xcube.core.store import DataStorePool
from xcube.core.store.storepool import DataStoreInstance, get_data_store_instance


class NamedStores(DataStorePool):
    """A store pool that notes who was asked for."""

    last_used: str | None = None

    def get_store_instance(self, store_instance_id: str) -> DataStoreInstance:
        self.last_used = store_instance_id
        return super().get_store_instance(store_instance_id)


def input_times(request: dict[str, Any], stores: NamedStores) -> int | None:
    """How many time steps the inputs really have in the asked time range, the most of any.

    xcube's estimate counts by `time_period` instead, but its generator does not resample in
    time: the whole cube is written. None where no input can be opened cheaply, for only
    file-system stores describe their data by opening it, as done here once for both.
    """
    config = request.get("cube_config") or {}
    inputs = request.get("input_configs") or [request.get("input_config")]
    counts = [_times_of(item, config.get("time_range"), stores) for item in inputs if item]
    return max((count for count in counts if count is not None), default=None)


def _times_of(config: dict[str, Any], time_range: Any, stores: NamedStores) -> int | None:
    from xcube.core.select import select_temporal_subset
    from xcube.core.store import DatasetDescriptor, new_data_descriptor

    store_id, data_id = config.get("store_id"), config.get("data_id")
    if not store_id or not data_id:
        return None
    instance = get_data_store_instance(store_id, config.get("store_params") or {}, stores)
    store = instance.store
    if getattr(store, "fs", None) is None:
        return None
    store.get_data_types_for_data(data_id)  # raises if there is none of that name
    dataset = store.open_data(data_id)
    descriptor = new_data_descriptor(data_id, dataset, require=True)
    if not isinstance(descriptor, DatasetDescriptor):
        return None
    store.describe_data = _Described(store.describe_data, data_id, descriptor)
    dataset = getattr(dataset, "base_dataset", dataset)
    if "time" not in dataset.dims:
        return None
    if time_range and "time" in dataset.coords:
        dataset = select_temporal_subset(dataset, time_range=time_range)
    return int(dataset.sizes["time"])


class _Described:
    """A store's `describe_data` that knows the answer for one data set."""

    def __init__(self, describe: Any, data_id: str, descriptor: Any):
        self._describe, self._data_id, self._descriptor = describe, data_id, descriptor

    def __call__(self, data_id: str, data_type: Any = None) -> Any:
        if data_id == self._data_id:
            return self._descriptor
        return self._describe(data_id, data_type=data_type)


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
