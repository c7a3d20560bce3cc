"""Marks a run's output in a store of the hub, so that it can be removed if the run failed.

Before its first byte, a run puts a small file, the *claim*, beside the output. It names the run.
After the last byte, and after its result is recorded, the run removes the claim. So a claim that
is found later proves that the output belongs to that run and is unfinished, even if the run, its
machine or the hub died. Without a claim nothing is removed, because the run did not begin to
write, or finished, or another run owns the place now.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from typing import Any

from xcube.core.gen2.local import generator as local_generator
from xcube.core.store.storepool import DataStorePool, get_data_store_instance

from ..record.rundir import WRITING, RunDir, insistently
from . import containment
from .writing import cells_of

CLAIM_SUFFIX = ".xcube-hub"
CLAIM_BYTES = 4096
ADDING = frozenset({"append_dim", "group"})
"""Parameters that write into an existing dataset; such a write cannot be undone."""
TRIES = 5


@dataclass(frozen=True)
class Place:
    """A place in a file-system store. `path` and `claim` are paths of `fs`."""

    fs: Any
    path: str

    @property
    def claim(self) -> str:
        folder, _, name = self.path.rpartition("/")
        return f"{folder}/.{name}{CLAIM_SUFFIX}" if folder else f".{name}{CLAIM_SUFFIX}"

    @property
    def is_local(self) -> bool:
        return "file" in _protocols(self.fs)

    @classmethod
    def of(cls, output: dict[str, Any], stores: DataStorePool) -> Place | None:
        """The place of `output`; None if its store has no file system."""
        store = get_data_store_instance(
            output["store_id"], output.get("store_params") or {}, stores
        ).store
        fs, root = getattr(store, "fs", None), getattr(store, "root", None)
        if fs is None or root is None:
            return None
        return cls(fs, f"{root}/{output['data_id']}" if root else output["data_id"])

    def exists(self) -> bool:
        self.fs.invalidate_cache()
        return bool(self.fs.exists(self.path))

    def claimed_by(self) -> str | None:
        """The name of the run in the claim, if there is a claim."""
        self.fs.invalidate_cache()
        try:
            text = self.fs.cat_file(self.claim, end=CLAIM_BYTES)
        except FileNotFoundError:
            return None
        with contextlib.suppress(ValueError, AttributeError):
            name = json.loads(text).get("run")
            return name if isinstance(name, str) else None
        return None

    def put_claim(self, name: str) -> None:
        """Write the claim; on a local disk it is synced, so it survives a power failure."""
        text = json.dumps({"run": name, "note": "The dataset beside this is being written."})
        if not self.is_local:
            self.fs.pipe_file(self.claim, text.encode())
            return
        os.makedirs(os.path.dirname(self.claim), exist_ok=True)
        with open(self.claim, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())

    def drop_claim(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(self.claim)

    def remove(self) -> None:
        """Remove the dataset. If this is interrupted, it can be continued later."""
        if self.is_local:
            _remove_local(self.path)
            return
        for folder, _, files in self.fs.walk(self.path):
            if files:
                self.fs.rm([f"{folder}/{name}" for name in files])
        self.fs.invalidate_cache()
        if self.fs.exists(self.path):  # a single file, or empty folders
            self.fs.rm(self.path, recursive=True)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _remove_local(path: str) -> None:
    """Links inside are removed, never followed."""
    real = os.path.realpath(path)
    try:
        if os.path.isdir(real):
            shutil.rmtree(real)
        else:
            os.unlink(real)
    except FileNotFoundError:
        pass
    if os.path.islink(path):
        os.unlink(path)


class Writing:
    """Writes the claim of a run before its output. Used once, in the process of the run."""

    def __init__(self, request: dict[str, Any], stores: DataStorePool, run: RunDir) -> None:
        self._output = request.get("output_config") or {}
        self._stores = stores
        self._run = run
        self._place: Place | None = None

    def watch(self) -> None:
        """From now on xcube's writer announces itself."""
        announce = self._announce

        class Writer(local_generator.CubeWriter):
            def write_cube(self, cube: Any, gm: Any) -> Any:
                announce(cells_of(cube, gm))
                return super().write_cube(cube, gm)

        local_generator.CubeWriter = Writer

    def finished(self) -> None:
        """The output is complete, and the run's result says so."""
        if self._place is not None:
            insistently(self._place.drop_claim, tries=TRIES)

    def _announce(self, cells: int) -> None:
        output = self._output
        adds = bool(ADDING & set(output.get("write_params") or ()))
        named = output.get("store_id") and output.get("data_id")
        place = Place.of(output, self._stores) if named else None
        if place is not None and not adds and not output.get("replace") and place.exists():
            return  # xcube will refuse to write: what is there is not this run's
        self._note(cells)
        if place is not None and not adds and output["store_id"].startswith("@"):
            place.put_claim(self._run.name)
            self._place = place

    def _note(self, cells: int) -> None:
        umask = os.umask(0o077)
        try:
            self._run.write_once(WRITING, {"at": time.time(), "cells": cells})
        finally:
            os.umask(umask)


def take_back(body: dict[str, Any], stores: DataStorePool) -> bool:
    """Remove what the run `body["run"]` left at `body["output"]`; whether anything was.

    Repeating it is harmless. The claim goes last, so that a removal that was cut off is
    completed by the next. Raises OutsideStore if the place lies outside of its store.
    """
    output = body["output"]
    containment.check({"output_config": output}, body["stores"])
    place = Place.of(output, stores)
    if place is None or place.claimed_by() != body["run"]:
        return False
    place.remove()
    place.drop_claim()
    return True
