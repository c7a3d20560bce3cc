"""Lets few tiles be drawn at once, so that the first ones of a map come early.

A map asks for as many tiles at once as its browser has connections. Threads that all compute take
the interpreter from each other, so all of these tiles came late, and together. Here a tile has its
turn, in the order of the requests. What takes longer than a moment waits for its store, and then
does not keep others from theirs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

FEW = 2
MOST = 8
MOMENT_S = 0.1


class Turns(ThreadPoolExecutor):
    """Runs at most FEW calls that have begun within MOMENT_S, and at most MOST in all."""

    def __init__(
        self,
        *,
        few: int = FEW,
        most: int = MOST,
        moment_s: float = MOMENT_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(most, thread_name_prefix="turns")
        self._few = few
        self._moment_s = moment_s
        self._now = now
        self._begun: list[float] = []
        """When each call began that runs now; the latest one is the last."""
        self._change = threading.Condition()

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(self._in_turn, call, args, kwargs)

    def _in_turn(
        self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        with self._change:
            while (wait_s := self._wait_s()) > 0:
                self._change.wait(wait_s)
            began = self._now()
            self._begun.append(began)
        try:
            return call(*args, **kwargs)
        finally:
            with self._change:
                self._begun.remove(began)
                self._change.notify()

    def _wait_s(self) -> float:
        """How long a call must wait, if none of those that run ends before; 0 if it may begin."""
        if len(self._begun) < self._few:
            return 0.0
        return self._begun[-self._few] + self._moment_s - self._now()
