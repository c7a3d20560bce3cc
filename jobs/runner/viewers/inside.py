"""Checks that data sets of a viewer lie inside their stores, links of pyramids included.

A pyramid (`NAME.levels`) may have `0.link` instead of `0.zarr`: a text with the path of another
data set. Whoever can write into a store could so name data of other users. In folders of this
machine, symbolic links are resolved too.
"""

from __future__ import annotations

import os
import posixpath
from typing import Any

MOST_LINKS = 40
_LINK_BYTES = 4096
_OUTSIDE = "It lies outside of its data store."


class OutsideStore(ValueError):
    """A data set, or a level of it, leads out of the root of its store."""


def check_inside(store: Any, data_id: str) -> None:
    """Raises OutsideStore; a store without a file system and a root is left alone."""
    file_system, root = getattr(store, "fs", None), getattr(store, "root", None)
    if file_system is None or not root:
        return
    is_local = getattr(store, "protocol", None) == "file"
    path = posixpath.normpath(f"{root}/{data_id}")
    _check(str(root), path, is_local=is_local)
    if not data_id.endswith(".levels"):
        return
    for link in _links(file_system, path):
        with file_system.open(link, "rb") as file:
            text = file.read(_LINK_BYTES + 1)
        target = text.decode("utf-8", "replace")
        if len(text) > _LINK_BYTES or posixpath.isabs(target) or "\\" in target or "\0" in target:
            raise OutsideStore(_OUTSIDE)
        # xcube takes a target that begins with the pyramid's own path as it is.
        for place in (f"{path}/{target}", *([target] if target.startswith(path) else [])):
            _check(str(root), posixpath.normpath(place), is_local=is_local)


def _links(file_system: Any, path: str) -> list[str]:
    entries = file_system.ls(path, detail=False) if file_system.isdir(path) else []
    links = [str(entry) for entry in entries if str(entry).endswith(".link")]
    if len(links) > MOST_LINKS:
        raise OutsideStore(f"It has more than {MOST_LINKS} links.")
    return links


def _check(root: str, path: str, *, is_local: bool) -> None:
    if is_local:
        root, path = os.path.realpath(root), os.path.realpath(path)
    else:
        root = posixpath.normpath(root)
    if not path.startswith(f"{root.rstrip('/')}/"):
        raise OutsideStore(_OUTSIDE)
