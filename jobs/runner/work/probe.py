"""The answer to a probe: whether a store of the hub can be opened, and a dataset in it.

Runs in an estimator process, because that has xcube, and reaches what estimates reach.
"""

from __future__ import annotations

import itertools
import traceback
from typing import Any

from ..record.failures import Failure, describe
from ..record.workload import WorkloadError
from ..system.process import say
from . import estimate

LOOKED_AT = 1000
"""The largest number of names that are searched for a dataset; a bucket may have millions."""


def answer(body: Any) -> dict[str, Any]:
    """{"status": "ok", "data_id", "dims", "variables"}, or an error as of an estimate.

    `body`: {"store": name, "stores": {name: {"store_id", "store_params"}}}. `data_id` is null if
    the store holds no dataset; `has_root` then tells whether its root exists.
    """
    from .stores import NamedStores

    stores = NamedStores()
    try:
        _check_body(body)
        stores = NamedStores.from_dict(body["stores"])
        return {"status": "ok", **_open_one(stores.get_store(body["store"]))}
    except estimate.EstimateTimeout:
        return estimate.failed(Failure("store", 504, "The data store did not answer in time."))
    except (estimate.EstimateTooLarge, MemoryError):
        return estimate.failed(Failure("store", 503, "Its dataset needs too much memory."))
    except Exception as error:  # noqa: BLE001 - any failure is an answer
        say("a probe failed:\n" + traceback.format_exc())
        failure = describe(error, store=stores.last_used)
        return estimate.failed(estimate.without_places(failure, body))
    finally:
        estimate.forget()


def _check_body(body: Any) -> None:
    if not isinstance(body, dict) or not isinstance(body.get("stores"), dict):
        raise WorkloadError("stores: must be an object.")
    if not isinstance(body.get("store"), str) or body["store"] not in body["stores"]:
        raise WorkloadError("store: must name one of the stores.")


def _open_one(store: Any) -> dict[str, Any]:
    """Open the first dataset that the store names; its data are not read."""
    for data_id in itertools.islice(store.get_data_ids(), LOOKED_AT):
        dataset = store.open_data(data_id)
        dataset = getattr(dataset, "base_dataset", dataset)  # of several levels, the finest
        return {
            "data_id": data_id,
            "dims": {str(name): int(size) for name, size in dataset.sizes.items()},
            "variables": len(dataset.data_vars),
        }
    return {"data_id": None, "dims": {}, "variables": 0, "has_root": has_root(store)}


def has_root(store: Any) -> bool:
    """Whether the root of a store without a dataset is there. Raises if it cannot be listed.

    xcube lists nothing, and raises nothing, if the host of a bucket cannot be reached.
    """
    file_system, root = getattr(store, "fs", None), getattr(store, "root", None)
    if file_system is None or not root:
        return True
    file_system.invalidate_cache()
    try:
        file_system.ls(root)
    except FileNotFoundError:
        return False
    return True
