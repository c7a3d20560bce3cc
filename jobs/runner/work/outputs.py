"""Marks a run's output in a store of the hub, so that it can be removed if the run failed.

Before its first byte, a run puts a small file, the *claim*, beside the output. It names the run.
After the last byte, and after its result is recorded, the run removes the claim. A pyramid beside
the cube (levels.py) has a claim of its own. So a claim that
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
from xcube.util.progress import observe_dask_progress, observe_progress

from ..record.rundir import WRITING, RunDir, insistently
from . import containment, levels
from .writing import cells_of

CLAIM_SUFFIX = ".xcube-hub"
CLAIM_BYTES = 4096
ADDING = frozenset({"append_dim", "group"})
"""Parameters that write into an existing dataset; such a write cannot be undone."""
TRIES = 5
CUBE_PART = 3
"""The cube is this many times the work of its pyramid, counted in values."""


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
        """The place of `output`; None if its store has no file system. Raises OutsideStore."""
        store = get_data_store_instance(
            output["store_id"], output.get("store_params") or {}, stores
        ).store
        fs, root = getattr(store, "fs", None), getattr(store, "root", None)
        if fs is None or root is None:
            return None
        containment.hold(store, output["data_id"])
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
        # A link is not followed: it may lead to anything.
        with open(self.claim, "w", encoding="utf-8", opener=_not_by_links) as stream:
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


def _not_by_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


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

    def __init__(
        self,
        request: dict[str, Any],
        stores: DataStorePool,
        run: RunDir,
        *,
        with_levels: bool = False,
    ) -> None:
        self._output = request.get("output_config") or {}
        self._stores = stores
        self._run = run
        self._with_levels = with_levels
        self._claimed: list[Place] = []

    def watch(self) -> None:
        """From now on xcube's writer announces itself."""
        writing = self

        class Writer(local_generator.CubeWriter):
            def write_cube(self, cube: Any, gm: Any) -> Any:
                writing._announce(cells_of(cube, gm, with_levels=writing._with_levels))
                if not writing._with_levels:
                    return super().write_cube(cube, gm)
                shape = levels.Shape.of_cube(cube, gm)
                with observe_progress("writing cube and pyramid", CUBE_PART + 1) as progress:
                    progress.will_work(CUBE_PART)
                    written = super().write_cube(cube, gm)
                    progress.will_work(1)
                    with observe_dask_progress("writing pyramid", 1):
                        params = self._output_config.write_params or {}
                        writing._write_levels(shape, gm, params)
                return written

        local_generator.CubeWriter = Writer

    def finished(self) -> None:
        """The output is complete, and the run's result says so."""
        for place in self._claimed:
            insistently(place.drop_claim, tries=TRIES)

    def _announce(self, cells: int) -> None:
        output = self._output
        adds = bool(ADDING & set(output.get("write_params") or ()))
        named = output.get("store_id") and output.get("data_id")
        place = Place.of(output, self._stores) if named else None
        pyramid = self._pyramid() if place is not None else None
        if place is not None and not adds and not output.get("replace"):
            if place.exists():
                return  # xcube will refuse to write: what is there is not this run's
            if pyramid is not None and self._with_levels and pyramid.exists():
                raise FileExistsError(f"output_config.data_id: {self._levels_id!r} exists")
        self._note(cells)
        if place is not None and not adds and output["store_id"].startswith("@"):
            for each in [place, pyramid] if pyramid and self._with_levels else [place]:
                each.put_claim(self._run.name)
                self._claimed.append(each)
        if pyramid is not None and self._is_outdated(pyramid):
            pyramid.remove()

    @property
    def _levels_id(self) -> str:
        return levels.name_of(self._output["data_id"])

    def _pyramid(self) -> Place | None:
        """The place of the pyramid beside the cube; None if it can have none."""
        if not self._output["data_id"].lower().endswith(levels.CUBE_ENDING):
            return None
        return Place.of({**self._output, "data_id": self._levels_id}, self._stores)

    def _is_outdated(self, pyramid: Place) -> bool:
        """Whether there is a pyramid of the cube that is about to be changed."""
        if self._with_levels:
            return pyramid.exists()
        is_changed = self._output.get("replace") or "append_dim" in (
            self._output.get("write_params") or ()
        )
        return bool(is_changed) and levels.links_to(
            pyramid.fs, pyramid.path, self._output["data_id"]
        )

    def _write_levels(self, shape: levels.Shape, gm: Any, params: dict[str, Any]) -> None:
        output = self._output
        store = get_data_store_instance(
            output["store_id"], output.get("store_params") or {}, self._stores
        ).store
        levels.write(store, output["data_id"], shape, gm, params=params)

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
    place = Place.of(output, stores)
    if place is None or place.claimed_by() != body["run"]:
        return False
    place.remove()
    place.drop_claim()
    return True
