"""Keeps what xcube opens, writes and removes inside the store that names it.

A store of a user (`per_user`) is a folder or prefix among those of others. What lies in it may
lead out of it: a data id with `..`, the level of a pyramid that is a link (`0.link` holds the path
of another data set), a Zarr key with `..`, and in local folders symbolic links, of a data set, of
an array or of one chunk. One rule for estimates, runs, removals and viewers: whatever is opened
below the root of a store must, with links resolved, lie below that root. Links within a root are
legal. The rule is applied at each access, because what was checked before may be changed.

It is no guard against users' own code, which is free to open files by itself.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path, PosixPath
from typing import Any

_local_roots: dict[str, str] = {}
"""Roots of the local stores in use, as they are named, and with links resolved."""
_root_of: dict[tuple[Any, str], str] = {}
"""By file system and path of a data set: the root of the store in which it was opened."""


class OutsideStore(Exception):
    """Something leads out of its store's root. No ValueError, which libraries wrap."""

    status_code = 400


def install() -> None:
    """Apply the rule to all stores of xcube that are file systems, from now on."""
    import zarr.storage
    import zarr.storage._fsspec
    from fsspec.implementations.local import LocalFileSystem
    from xcube.core.mldataset.fs import FsMultiLevelDataset
    from xcube.core.store.fs.store import BaseFsDataStore

    def at_store(original: Callable) -> Callable:
        def held(self: Any, data_id: str, *args: Any, **kwargs: Any) -> Any:
            hold(self, data_id)
            return original(self, data_id, *args, **kwargs)

        return held

    def written(self: Any, data: Any, data_id: str | None = None, **kwargs: Any) -> Any:
        if data_id is not None:
            hold(self, data_id)
        return write(self, data, data_id, **kwargs)

    def opened_level(cls: Any, pyramid: Any, level: Any, **kwargs: Any) -> Any:
        root = _root_of.get((getattr(pyramid, "fs", None), getattr(pyramid, "path", "")))
        if root is not None:
            is_local = isinstance(pyramid.fs, LocalFileSystem)
            _check(root, level.root, posixpath.basename(pyramid.path), is_local=is_local)
        return open_level(pyramid, level, **kwargs)

    def dereferenced(root: str, key: str) -> str:
        if ".." in key.split("/"):
            raise _outside(posixpath.basename(root))
        return dereference(root, key)

    def made(self: Any, root: Path | str, **kwargs: Any) -> None:
        make(self, _Held(root) if _roots_above(str(root)) else root, **kwargs)

    def at_file(original: Callable) -> Callable:
        def held(self: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
            for one in path if isinstance(path, list) else [path]:
                _check_local(str(one), str(one))
            return original(self, path, *args, **kwargs)

        return held

    open_level = FsMultiLevelDataset._open_level_dataset
    FsMultiLevelDataset._open_level_dataset = classmethod(opened_level)
    write, make = BaseFsDataStore.write_data, zarr.storage.LocalStore.__init__
    BaseFsDataStore.write_data = written
    BaseFsDataStore.open_data = at_store(BaseFsDataStore.open_data)
    BaseFsDataStore.delete_data = at_store(BaseFsDataStore.delete_data)
    zarr.storage.LocalStore.__init__ = made
    dereference = zarr.storage._fsspec._dereference_path
    zarr.storage._fsspec._dereference_path = dereferenced
    LocalFileSystem._open = at_file(LocalFileSystem._open)
    LocalFileSystem.rm = at_file(LocalFileSystem.rm)


class _Held(PosixPath):
    """The root of a local Zarr store. Each key that is joined to it is checked."""

    def __truediv__(self, key: Any) -> Path:
        path = Path(str(self), key)
        _check_local(str(self), str(path))
        return path


def hold(store: Any, data_id: str) -> None:
    """Check that a data set lies in its store, and remember the store's root.

    A store without a file system and a root is left alone. Raises OutsideStore.
    """
    file_system, root = getattr(store, "fs", None), getattr(store, "root", None)
    if file_system is None or not root:
        return
    path, is_local = f"{root}/{data_id}", getattr(store, "protocol", None) == "file"
    _check(root, path, data_id, is_local=is_local)
    if is_local:
        _local_roots[root] = os.path.realpath(root)
    _root_of[file_system, path] = root


def forget() -> None:
    """Forget the stores of one request, before another's."""
    _local_roots.clear()
    _root_of.clear()


def _check_local(named: str, path: str) -> None:
    """`named` is below the roots that count; `path` is what it leads to."""
    roots = _roots_above(named)
    if roots:
        real = os.path.realpath(path)
        if not any(_is_below(root, real) for root in roots.values()):
            raise _outside(path.removeprefix(f"{min(roots)}/"))


def _roots_above(path: str) -> dict[str, str]:
    known = list(_local_roots.items())
    return {root: real for root, real in known if _is_below(root, path)}


def _check(root: str, path: str, name: str, *, is_local: bool) -> None:
    if is_local:
        root, path = os.path.realpath(root), os.path.realpath(path)
    else:
        root, path = (posixpath.normpath(place).lstrip("/") for place in (root, path))
    if path == root or not _is_below(root, path):
        raise _outside(name)


def _is_below(root: str, path: str) -> bool:
    return path == root or path.startswith(f"{root.rstrip('/')}/")


def _outside(name: str) -> OutsideStore:
    return OutsideStore(f"{name!r} leads outside of its data store.")


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
