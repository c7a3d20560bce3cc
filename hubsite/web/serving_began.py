"""What apps do in each process that serves requests, and in no other.

serving_began.call(last_use.begin)      # in `AppConfig.ready`
"""

from __future__ import annotations

from collections.abc import Callable

_functions: list[Callable[[], None]] = []


def call(function: Callable[[], None]) -> None:
    """Call it when the process begins to serve requests."""
    _functions.append(function)


def began() -> None:
    for function in _functions:
        function()
