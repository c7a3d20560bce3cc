"""Engines by name. A row of work carries the name of the engine that runs it."""

from __future__ import annotations

from functools import cache

from .base import Engine

NAMES = ("local", "kubernetes")


@cache
def get_engine(name: str) -> Engine:
    """The engine called `name`, one instance a process; its clients are made on first use."""
    if name == "local":
        from .local.engine import LocalEngine

        return LocalEngine()
    if name == "kubernetes":
        from .kubernetes.from_settings import make_engine

        return make_engine(name)
    raise LookupError(f"there is no engine called {name!r}")
