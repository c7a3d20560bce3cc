"""What a run records about the cube that it has made: description, area, files.

It is asked for after the result is recorded and the claim is gone, so nothing that happens here
makes a run fail: what cannot be found out, or not within the time, is left out.

The *digest* stands for all files of a data set in a local store: the SHA-256 of the list that

    find . -type f | LC_ALL=C sort | xargs -d '\\n' sha256sum

prints in the folder of the data set. Of a data set that is one file it is the SHA-256 of that
file. Whoever has a copy of the cube can make the same.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from ..system import strictjson
from .footprint import footprint
from .outputs import Place

RECORD_BYTES = 40_000
"""The last report of a run has 60,000 bytes for its whole result."""
WITHIN_S = 10.0
"""For all together. A run waits for it, and holds its place in the engine meanwhile."""
DIGEST_S = 4.0
"""About two gigabytes from memory: what was just written is still there."""
MOST_FILES = 200_000
_PIECE = 1 << 20
_PLAIN = re.compile(rb"[^\\\n\r]+").fullmatch
"""Names that `sha256sum` prints as they are."""


def record(request: dict[str, Any], stores: Any, *, data_id: str) -> dict[str, Any]:
    """{"description", "footprint", "files"} of the cube `data_id`; each only if it is known.

    Takes WITHIN_S at most: a store may be slow, and what reads it cannot always be interrupted.
    The process of a run ends with os._exit, which a thread left behind does not delay.
    """
    known: dict[str, Any] = {}
    give_up = time.monotonic() + WITHIN_S
    output = {**request["output_config"], "data_id": data_id}

    def find_out() -> None:
        _note(known, "description", lambda: _description(output, stores))
        _note(known, "footprint", lambda: _footprint(known["description"]))
        _note(known, "files", lambda: _files(Place.of(output, stores), give_up=give_up))

    thread = threading.Thread(target=find_out, daemon=True)
    thread.start()
    thread.join(WITHIN_S)
    if thread.is_alive():
        print("The cube could not be described completely in time; it is not affected.")
    return _that_fits({name: value for name, value in [*known.items()] if value is not None})


def _note(known: dict[str, Any], name: str, find: Callable[[], Any]) -> None:
    try:
        known[name] = strictjson.clean(find())
    except KeyError:
        if name != "footprint":  # which needs the description
            traceback.print_exc()
    except Exception:  # noqa: BLE001 - stores and data raise what they like
        traceback.print_exc()


def _description(output: dict[str, Any], stores: Any) -> dict[str, Any]:
    from xcube.core.store.storepool import get_data_store_instance

    from .description import describe

    store = get_data_store_instance(
        output["store_id"], output.get("store_params") or {}, stores
    ).store
    return describe(store.open_data(output["data_id"]), data_id=output["data_id"])


def _footprint(description: dict[str, Any]) -> dict[str, Any] | None:
    crs, bbox = description.get("crs"), description.get("bbox")
    return footprint(crs, bbox) if crs and bbox else None


def _files(place: Place | None, *, give_up: float) -> dict[str, Any] | None:
    """{"count", "size_bytes", "sha256"} of a data set; None if its store has no files.

    Without "sha256" if they lie on another machine, are too many, or take too long to read.
    """
    if place is None:
        return None
    place.fs.invalidate_cache()
    if not place.is_local:
        found = place.fs.find(place.path, detail=True).values()
        sizes = [int(entry.get("size") or 0) for entry in found if entry.get("type") == "file"]
        return {"count": len(sizes), "size_bytes": sum(sizes)}
    return _local_files(os.path.realpath(place.path), min(give_up, time.monotonic() + DIGEST_S))


def _local_files(path: str, give_up: float) -> dict[str, Any]:
    if not os.path.isdir(path):
        files = {"count": 1, "size_bytes": os.lstat(path).st_size}
        found = _sha256(path, give_up)
        return {**files, "sha256": found} if found else files
    digest = hashlib.sha256()
    is_whole = True
    count = size_bytes = 0
    for name in sorted(_names(path)):
        file = os.path.join(path, os.fsdecode(name))
        count, size_bytes = count + 1, size_bytes + os.lstat(file).st_size
        if is_whole:
            found = _sha256(file, give_up) if count <= MOST_FILES and _PLAIN(name) else None
            is_whole = found is not None
            digest.update(f"{found}  ./".encode() + name + b"\n")
    files = {"count": count, "size_bytes": size_bytes}
    return {**files, "sha256": digest.hexdigest()} if is_whole else files


def _names(path: str) -> Iterator[bytes]:
    """The names of all regular files below the folder, relative to it; links are left out."""
    root = os.fsencode(path)
    for folder, _, files in os.walk(root, onerror=_raise):
        for name in files:
            file = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(file).st_mode):
                yield os.path.relpath(file, root)


def _raise(error: OSError) -> None:
    raise error


def _sha256(path: str, give_up: float) -> str | None:
    """The SHA-256 of a file; None if it cannot be read in time."""
    found = hashlib.sha256()
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(fd, "rb", buffering=0) as stream:
        while piece := stream.read(_PIECE):
            found.update(piece)
            if time.monotonic() > give_up:
                return None
    return found.hexdigest()


def _that_fits(known: dict[str, Any]) -> dict[str, Any]:
    """`known` in RECORD_BYTES, without attributes, coordinates, description if needed."""
    description = known.get("description")
    for left_out in ("attributes", "coords", None):
        if len(strictjson.dumps(known)) <= RECORD_BYTES:
            return known
        if left_out and isinstance(description, dict):
            description = {k: v for k, v in description.items() if k != left_out}
            known = {**known, "description": description}
        else:
            known = {k: v for k, v in known.items() if k != "description"}
    return known
