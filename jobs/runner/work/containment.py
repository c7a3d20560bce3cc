"""Checks that data ids stay inside their local stores, with symbolic links resolved.

It only reads the file system. It checks `file` stores only, because others have no local files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any


class OutsideStore(ValueError):
    """A data id leads out of its store's root."""

    status_code = 400


def check(request: dict[str, Any], stores: dict[str, Any]) -> None:
    """Raises OutsideStore with the field's name."""
    for field, config in _configs(request):
        root = _local_root(config, stores)
        data_id = config.get("data_id")
        if root is None or not isinstance(data_id, str):
            accessor = str(config.get("opener_id") or config.get("writer_id") or "")
            if not config.get("store_id") and accessor.endswith(":file"):
                raise OutsideStore(f"{field}: files can only be used through a data store.")
            continue
        if not _is_inside(root, data_id):
            raise OutsideStore(f"{field}.data_id: {data_id!r} lies outside of its data store.")


def check_levels(
    request: dict[str, Any], stores: dict[str, Any], name_of: Callable[[str], str]
) -> None:
    """The same for the pyramid beside the output. Raises OutsideStore."""
    output = request["output_config"]
    beside = {**output, "data_id": name_of(output["data_id"])}
    check({"output_config": beside}, stores)


def _configs(request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    inputs = request.get("input_configs")
    pairs = [("input_config", request.get("input_config"))]
    if isinstance(inputs, list):
        pairs += [(f"input_configs[{i}]", config) for i, config in enumerate(inputs)]
    pairs.append(("output_config", request.get("output_config")))
    return ((field, config) for field, config in pairs if isinstance(config, dict))


def _local_root(config: dict[str, Any], stores: dict[str, Any]) -> str | None:
    store_id = config.get("store_id")
    params = config.get("store_params")
    if isinstance(store_id, str) and store_id.startswith("@"):
        store = stores.get(store_id[1:])
        store = store if isinstance(store, dict) else {}
        store_id, params = store.get("store_id"), store.get("store_params")
    if store_id != "file":
        return None
    root = params.get("root") if isinstance(params, dict) else None
    return os.path.realpath(str(root or "."))


def _is_inside(root: str, data_id: str) -> bool:
    if "\0" in data_id:
        return False
    # xcube joins by "/", so that an absolute data id too stays below the root.
    path = os.path.realpath(f"{root}/{data_id}")
    return path != root and os.path.commonpath([root, path]) == root
