"""Members of a configuration may also be spelled as `data_stores`; xcube says `DataStores`."""

from __future__ import annotations

import re
from typing import Any


def snake(name: str) -> str:
    """`DatasetChunkCacheSize` → `dataset_chunk_cache_size`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def respelled(value: Any, schema: dict[str, Any]) -> Any:
    """A copy of `value` whose members have the names of `schema`.

    A member that is given in both spellings keeps both, so that the second is reported as unknown.
    The depth of `value` is bounded before.
    """
    if isinstance(value, list):
        items = schema.get("items", {})
        return [respelled(item, items) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    names = {snake(name): name for name in known} if "refused" in schema else {}
    others = schema.get("additionalProperties") or {}
    copy = {}
    for key, item in value.items():
        name = names.get(key, key)
        if name != key and name in value:
            name = key
        copy[name] = respelled(item, known.get(name, others))
    return copy
