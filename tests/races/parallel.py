"""Threads that keep their connections, and start together, trial after trial."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

from django.db import connection

from tests.patience import PATIENCE_S


class Threads:
    """`count` threads. `at_once` gives each at most one call; all calls start together."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count)

    def __enter__(self) -> Threads:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        gate = threading.Barrier(self.count)  # so that each thread gets one of these

        def close() -> None:
            gate.wait(timeout=PATIENCE_S)
            connection.close()

        for closed in [self._pool.submit(close) for _ in range(self.count)]:
            closed.result()
        self._pool.shutdown()

    def at_once(self, calls: list[Callable[[], Any]]) -> list[Any]:
        """Results, or exceptions, of `calls`, in their order."""
        gate = threading.Barrier(len(calls))

        def run(call: Callable[[], Any]) -> Any:
            gate.wait(timeout=PATIENCE_S)
            try:
                return call()
            except Exception as error:
                return error

        return list(self._pool.map(run, calls))
