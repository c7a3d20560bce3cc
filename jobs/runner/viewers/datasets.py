"""The datasets of a viewer, of which some may be broken without an effect on the others.

xcube 1.14 opens every dataset when it lists them, and fails as a whole if one cannot be opened,
or if one store cannot be listed. Here all are opened beforehand, at the same time. Those that
fail are left out, and reported with the reason.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import fsspec
from xcube.core.store import DataStoreConfig, DataStorePool
from xcube.server.api import ApiError, Context
from xcube.webapi.datasets.context import DEFAULT_VALUE_RANGE, DatasetsContext

from ..record.failures import describe, without_roots
from ..system.process import say
from .opening import each
from .ranges import ValueRanges

REASON_CHARS = 300
OPENING = "It is still being opened."


class TolerantDatasets(DatasetsContext):
    """Datasets that can be opened; `broken` names the others, each with the reason."""

    def __init__(
        self,
        server_ctx: Context,
        *,
        before: TolerantDatasets | None = None,
        check_store: Callable[[str, Any], None] = lambda name, params: None,
    ):
        """`before`: the datasets that are served until now. `check_store` raises for the name and
        the parameters of a store that must not be used."""
        self._check_store = check_store
        self.broken: dict[str, str] = {}
        self.changed: Callable[[], None] = lambda: None
        self._opened: dict[str, dict[str, Any]] = dict(before._opened) if before else {}
        self._needed = set(self._opened)
        self._needed_stores = {config.get("StoreInstanceId") for config in self._opened.values()}
        self._opened = {}
        self._ranges = ValueRanges()
        self._lock = threading.Lock()
        self._is_listed = False
        self._all_configs: list[dict[str, Any]] = []
        super().__init__(server_ctx)
        self._dataset_configs = []

    def _process_dataset_configs(self, config: Any, base_dir: str) -> Any:
        """As xcube does it, but each store by itself."""
        pool = DataStorePool()
        for store in config.get("DataStores", []):
            pool.add_store_config(
                store.get("Identifier"),
                DataStoreConfig(
                    store.get("StoreId"),
                    store_params=store.get("StoreParams", {}),
                    user_data=store.get("Datasets"),
                ),
            )
        self._all_configs = [dict(dataset) for dataset in config.get("Datasets", [])]
        self._maybe_assign_store_instance_ids(self._all_configs, pool, base_dir)
        # Stores answer in any order; people see that of the configuration.
        stores = [store.get("Identifier") for store in config.get("DataStores", [])]
        self._order = {name: number for number, name in enumerate(stores)}
        each(
            lambda name: self._list_store(pool, name),
            [[name] for name in pool.store_instance_ids],
            needed=self._needed_stores,
        )
        with self._lock:
            self._is_listed = True
        groups = config.get("DatasetGroups", [])
        return pool, self._all_configs, config.get("EntrypointDatasetId", ""), groups

    def _list_store(self, pool: DataStorePool, name: str) -> None:
        """Take the datasets of one store; if it is late, open them at once."""
        configs = self._configs_of(pool, name)
        with self._lock:
            self._all_configs = sorted([*self._all_configs, *configs], key=self._place)
            is_late = self._is_listed
        if is_late:
            for config in configs:
                self._open(config)
            self.changed()

    def _place(self, config: dict[str, Any]) -> int:
        return self._order.get(config.get("StoreInstanceId"), -1)

    def _configs_of(self, pool: DataStorePool, name: str) -> list[dict[str, Any]]:
        self.broken[name] = OPENING
        alone = DataStorePool({name: pool.get_store_config(name)})
        try:
            self._check_store(name, pool.get_store_config(name).store_params)
            found = [dict(one) for one in self.get_dataset_configs_from_stores(alone)]
            if not found:
                _check_root(alone.get_store(name))
        except Exception as error:  # noqa: BLE001 - one store must not hide the others
            self.broken[name] = self._why(error, store=name)
            say(f"store {name} is left out: {self.broken[name]}")
            return []
        del self.broken[name]
        return found

    def open_all(self) -> None:
        """Open all datasets; slow ones go on opening, and are shown as soon as they are open."""
        by_name = {config["Identifier"]: config for config in self._all_configs}
        self.broken |= dict.fromkeys(by_name, OPENING)
        stores: dict[Any, list[str]] = {}
        for name, config in by_name.items():
            stores.setdefault(config.get("StoreInstanceId"), []).append(name)
        each(lambda name: self._open(by_name[name]), stores.values(), needed=self._needed)
        self._publish()

    @property
    def is_opening(self) -> bool:
        return OPENING in self.broken.values()

    def _open(self, config: dict[str, Any]) -> None:
        name = config["Identifier"]
        try:
            dataset = self._open_ml_dataset(config)
            if not dataset.base_dataset.data_vars:
                raise ValueError("The dataset has no variables.")
            _ = dataset.grid_mapping.crs
        except Exception as error:  # noqa: BLE001 - one dataset must not hide the others
            self.broken[name] = self._why(error, store=config.get("StoreInstanceId"))
            say(f"dataset {name} is left out: {self.broken[name]}")
        else:
            self._set_dataset_entry((dataset, config))
            self._opened[name] = config
            self.broken.pop(name, None)
        self._publish()
        self.changed()

    def _publish(self) -> None:
        """Show the opened datasets in their order; readers see one list or the other."""
        opened = self._opened
        self._dataset_configs = [
            config for config in self._all_configs if config["Identifier"] in opened
        ]

    def _get_dataset_entry(self, ds_id: str) -> Any:
        """A dataset that was opened beforehand; requests open none."""
        try:
            return self._dataset_cache[ds_id]
        except KeyError:
            raise ApiError.NotFound(f'Dataset "{ds_id}" not found') from None

    def get_color_mapping(self, ds_id: str, var_name: str) -> Any:
        """As xcube does it, but where nothing says the range of values, it is looked for."""
        name, norm, limits = super().get_color_mapping(ds_id, var_name)
        style = (self.get_color_mappings(ds_id) or {}).get(var_name) or {}
        if "ValueRange" in style or "=" in var_name or tuple(limits) != DEFAULT_VALUE_RANGE:
            return name, norm, limits
        dataset = self.get_dataset(ds_id)
        if {"color_value_min", "color_value_max"} & set(dataset[var_name].attrs):
            return name, norm, limits
        return name, norm, self._ranges.of(dataset, var_name) or limits

    def _why(self, error: BaseException, *, store: str | None) -> str:
        stores = {
            one.get("Identifier"): {"store_params": one.get("StoreParams")}
            for one in self.config.get("DataStores", [])
        }
        return without_roots(describe(error, store=store).message, stores)[:REASON_CHARS]


def _check_root(store: Any) -> None:
    """Raise if the root of a store cannot be listed: xcube then lists nothing, and is silent."""
    file_system, root = getattr(store, "fs", None), getattr(store, "root", None)
    if file_system is not None and root:
        file_system.ls(root, refresh=True)


def forget_listings() -> None:
    """Forget what file systems remember of folders, so that new files are seen."""
    for kind in _kinds(fsspec.AbstractFileSystem):
        for system in list(getattr(kind, "_cache", {}).values()):
            system.invalidate_cache()
        kind.clear_instance_cache()


def _kinds(kind: type) -> list[type]:
    return [kind, *(found for below in kind.__subclasses__() for found in _kinds(below))]
