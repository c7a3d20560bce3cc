"""Engines by name. Each row of work carries the name of the engine that runs it."""

from __future__ import annotations

import logging
from functools import cache

from .place import Engine

logger = logging.getLogger(__name__)

NAMES = ("local", "kubernetes")


@cache
def get_engine(name: str) -> Engine:
    """The engine of that name, one instance for each process; it connects on first use.

    Raises LookupError if this version does not know it, ValueError if its settings are wrong.
    """
    if name == "local":
        from .local.engine import LocalEngine

        return LocalEngine()
    if name == "kubernetes":
        from .kubernetes.from_settings import make_engine

        return make_engine(name)
    raise LookupError(f"this version knows no engine called {name!r}")


def find_engine(name: str) -> Engine | None:
    """As `get_engine`, but None if there is none: for loops over rows of many engines.

    Each name is logged once for each process. Its rows wait until a version that knows the
    engine runs, or an operator ends them.
    """
    try:
        return get_engine(name)
    except (LookupError, ValueError) as error:
        _warn_once(name, str(error))
        return None


def run_places(engine: Engine | None) -> int:
    """How many runs may be in the engine at once; 0 if this version does not know it."""
    return engine.runs.capacity if engine is not None else 0


@cache
def _warn_once(name: str, why: str) -> None:
    logger.warning("jobs of the engine %r wait: %s", name, why)
