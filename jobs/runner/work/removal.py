"""The answer to a removal: removes what a failed run wrote into a store of the hub.

Runs in an estimator process, because that has xcube and gets the stores that a request names.
"""

from __future__ import annotations

import traceback
from typing import Any

from ..record.failures import Failure, describe
from ..record.workload import WorkloadError, is_name
from ..system.process import say
from . import estimate


def answer(body: Any) -> dict[str, Any]:
    """{"status": "ok", "removed": bool} or an error as of an estimate.

    `body`: {"run": name, "output": {"store_id": "@…", "data_id"}, "stores": {…}}. A removal
    that takes too long is cut off; what was removed stays so, and the next one goes on.
    """
    from .outputs import take_back
    from .stores import NamedStores

    stores = NamedStores()
    try:
        _check_body(body)
        stores = NamedStores.from_dict(body["stores"])
        return {"status": "ok", "removed": take_back(body, stores)}
    except estimate.EstimateTimeout:
        return estimate.failed(Failure("store", 504, "The removal goes on with the next request."))
    except (estimate.EstimateTooLarge, MemoryError):
        return estimate.failed(Failure("store", 503, "The removal needs too much memory."))
    except Exception as error:  # noqa: BLE001 - any failure is an answer
        say("a removal failed:\n" + traceback.format_exc())
        failure = describe(error, store=stores.last_used)
        return estimate.failed(estimate.without_places(failure, body))
    finally:
        estimate.forget()


def _check_body(body: Any) -> None:
    if not isinstance(body, dict) or not is_name(body.get("run")):
        raise WorkloadError("run: must be the name of a run.")
    output, stores = body.get("output"), body.get("stores")
    if not isinstance(stores, dict):
        raise WorkloadError("stores: must be an object.")
    if not isinstance(output, dict) or set(output) != {"store_id", "data_id"}:
        raise WorkloadError("output: must hold store_id and data_id.")
    store_id, data_id = output["store_id"], output["data_id"]
    if not (isinstance(store_id, str) and store_id.startswith("@") and store_id[1:] in stores):
        raise WorkloadError("output.store_id: must name one of the stores.")
    if not (isinstance(data_id, str) and _is_below(data_id)):
        raise WorkloadError("output.data_id: must be the name of a dataset.")


def _is_below(data_id: str) -> bool:
    """Whether it names something below the root of its store, and not the root itself."""
    return all(part not in ("", ".", "..") for part in data_id.split("/")) and "\0" not in data_id
