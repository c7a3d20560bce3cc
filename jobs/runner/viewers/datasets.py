"""The datasets of a viewer, of which some may be broken without an effect on the others.

xcube 1.14 opens every dataset when it lists them, and fails as a whole if one cannot be opened,
or if one store cannot be listed. Here all are opened beforehand, at the same time and within a
limit. Those that fail are left out, and reported with the reason.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

import fsspec
from xcube.core.store import DataStoreConfig, DataStorePool
from xcube.server.api import ApiError, Context
from xcube.webapi.datasets.context import DatasetsContext

from ..record.failures import describe, without_roots
from ..system.process import say
from .inside import check_inside

OPENING_S = 5.0
"""So long a start waits for datasets that open slowly. They are shown as soon as they are open."""
AT_ONCE = 8
REASON_CHARS = 300
OPENING = "It is still being opened."


class TolerantDatasets(DatasetsContext):
    """Datasets that can be opened; `broken` names the others, each with the reason."""

    def __init__(self, server_ctx: Context):
        self.broken: dict[str, str] = {}
        self._opened: dict[str, dict[str, Any]] = {}
        self.changed: Callable[[], None] = lambda: None
        super().__init__(server_ctx)
        self._all_configs = list(self._dataset_configs)
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
        found = [dict(dataset) for dataset in config.get("Datasets", [])]
        _each(lambda name: found.extend(self._configs_of(pool, name)), pool.store_instance_ids)
        # Stores answer in any order; people see that of the configuration.
        order = {store.get("Identifier"): n for n, store in enumerate(config.get("DataStores", []))}
        found.sort(key=lambda dataset: order.get(dataset.get("StoreInstanceId"), -1))
        self._maybe_assign_store_instance_ids(found, pool, base_dir)
        groups = config.get("DatasetGroups", [])
        return pool, found, config.get("EntrypointDatasetId", ""), groups

    def _configs_of(self, pool: DataStorePool, name: str) -> list[dict[str, Any]]:
        self.broken[name] = OPENING
        alone = DataStorePool({name: pool.get_store_config(name)})
        try:
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
        """Open all datasets, for at most OPENING_S; the others go on opening by themselves."""
        names = [config["Identifier"] for config in self._all_configs]
        self.broken |= dict.fromkeys(names, OPENING)
        by_name = {config["Identifier"]: config for config in self._all_configs}
        _each(lambda name: self._open(by_name[name]), names)
        self._publish()

    def _open(self, config: dict[str, Any]) -> None:
        name = config["Identifier"]
        try:
            if store := config.get("StoreInstanceId"):
                check_inside(self.get_data_store_pool().get_store(store), config["Path"])
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


def _each(call: Callable[[str], None], names: list[str]) -> None:
    """Call for each name in a few daemon threads, and wait for at most OPENING_S.

    Daemon threads, because a store that does not answer must not delay the end of the process.
    """
    give_up = time.monotonic() + OPENING_S
    todo = list(reversed(names))
    done: list[Future[None]] = []

    def work(future: Future[None]) -> None:
        while todo:
            try:
                name = todo.pop()
            except IndexError:
                break
            call(name)
        future.set_result(None)

    for _ in range(min(AT_ONCE, len(names))):
        future: Future[None] = Future()
        done.append(future)
        threading.Thread(target=work, args=(future,), daemon=True).start()
    wait(done, timeout=max(0.0, give_up - time.monotonic()))
