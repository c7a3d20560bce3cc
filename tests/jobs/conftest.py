"""Fixtures of the jobs' tests."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import pytest
from django_q.models import OrmQ

from hubsite import engines

from .engine import ScriptedEngine


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    """The local engine replaced by one that does as the test says."""
    scripted = ScriptedEngine()
    for module in ("jobs.queue.launching", "jobs.running.removal"):
        monkeypatch.setattr(f"{module}.find_engine", lambda name: scripted)
    engines.get_engine.cache_clear()
    return scripted


class OddCube:
    """A copy of the demo cube, in `@demo`, whose last chunk is not what it should be."""

    def __init__(self, demo_cube: Path) -> None:
        self.name = f"odd-{uuid.uuid4().hex[:8]}.zarr"
        root = demo_cube.parent / self.name
        shutil.copytree(demo_cube, root)
        self.chunk = sorted((root / "chl").glob("[0-9]*"))[-1]
        self._content = self.chunk.read_bytes()
        self.chunk.unlink()

    def mend(self) -> None:
        self.chunk.unlink()
        self.chunk.write_bytes(self._content)


@pytest.fixture
def endless(demo_cube: Path) -> OddCube:
    """Reading its last chunk never ends: a run that has written all else goes on."""
    cube = OddCube(demo_cube)
    os.mkfifo(cube.chunk)
    return cube


@pytest.fixture
def broken(demo_cube: Path) -> OddCube:
    """Its last chunk cannot be decoded."""
    cube = OddCube(demo_cube)
    cube.chunk.write_bytes(b"no chunk")
    return cube


def queued_tasks() -> list[str]:
    """The names of the tasks in the worker's queue, oldest first."""
    return [str(row.task["func"]).rpartition(".")[2] for row in OrmQ.objects.order_by("id")]


def run_queued_tasks() -> None:
    """Do what the worker would do with its queue now."""
    while (row := OrmQ.objects.order_by("id").first()) is not None:
        task = row.task
        row.delete()
        function = task["func"]
        if isinstance(function, str):
            module, _, name = function.rpartition(".")
            function = getattr(__import__(module, fromlist=[name]), name)
        function(*task["args"], **task["kwargs"])
