"""Fixtures of the jobs' tests."""

from __future__ import annotations

import pytest
from django_q.models import OrmQ

from hubsite import engines

from .engine import ScriptedEngine


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    """The local engine replaced by one that does as the test says."""
    scripted = ScriptedEngine()
    for module in ("jobs.launching", "jobs.removal"):
        monkeypatch.setattr(f"{module}.find_engine", lambda name: scripted)
    engines.get_engine.cache_clear()
    return scripted


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
