"""Calls in parallel threads; stops after the first call that finds the system unreachable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
E = TypeVar("E", bound=Exception)


def each(
    call: Callable[[T], R], items: Sequence[T], *, at_once: int, stop_at: type[E]
) -> list[R | E]:
    """The result of `call` for each item, in their order, `at_once` of them in threads.

    The first call is made alone, so a system that is unreachable is asked only once. After a
    call raised `stop_at` no further one begins, and that error is the result of the rest. Other
    exceptions are raised here.
    """
    stopped_by: E | None = None

    def one(item: T) -> R | E:
        nonlocal stopped_by
        if stopped_by is not None:
            return stopped_by
        try:
            return call(item)
        except stop_at as error:
            stopped_by = error
            return error

    results = [one(item) for item in items[:1]]
    others = items[1:]
    if at_once < 2 or len(others) < 2 or stopped_by is not None:
        return results + [one(item) for item in others]
    with ThreadPoolExecutor(min(at_once, len(others))) as threads:
        return results + list(threads.map(one, others))
