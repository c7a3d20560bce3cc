"""The data stores that users may name as `@name`: those of the stores file, read when it changes.

A run gets only `store_id` and `store_params` of the stores that its request names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from jobs.settings import hub

from .store import Store
from .stores_file import StoresFileError, read_stores_file


class StoreCatalogue:
    """The stores of the file, in its order."""

    def __init__(self, stores: Mapping[str, Store] | None = None):
        self._stores = dict(stores or {})

    @classmethod
    def from_file(
        cls, path: str | os.PathLike, environ: Mapping[str, str] | None = None
    ) -> StoreCatalogue:
        """The stores of the file `path`. Raises StoresFileError with every fault."""
        return cls(read_stores_file(path, environ))

    def get(self, name: str) -> Store | None:
        return self._stores.get(name)

    def __iter__(self) -> Iterator[Store]:
        return iter(self._stores.values())

    def __len__(self) -> int:
        return len(self._stores)

    def __contains__(self, name: object) -> bool:
        return name in self._stores


def load_catalogue() -> StoreCatalogue:
    """The catalogue of the setting XCUBE_HUB_STORES, read again when the file changes.

    If the setting has its default, the file may be missing.
    """
    from django.conf import settings

    path = hub.stores
    if path is None:
        return StoreCatalogue()
    try:
        status = Path(path).stat()
    except OSError as error:
        is_absent = isinstance(error, FileNotFoundError)
        if is_absent and "XCUBE_HUB_STORES" not in settings.HUB_GIVEN:
            return StoreCatalogue()
        raise StoresFileError(path, [f"It cannot be read: {error.strerror}."]) from None
    return _load(os.fspath(path), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)
def _load(path: str, mtime_ns: int, size: int) -> StoreCatalogue:
    return StoreCatalogue.from_file(path)
