"""Lets few tiles be drawn at once, by the same few threads.

A map asks for as many tiles at once as its browser has connections. Threads that all compute take
the interpreter from each other, so all of these tiles came late, and together. And each thread
that has drawn tiles keeps about 9 MB. So two threads draw what comes, in this order. What takes
longer than a moment waits for its store; then others help.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

FEW = 2
MOST = 6
MOMENT_S = 0.1


class Turns(Executor):
    """FEW threads run calls; up to MOST do if the newest FEW calls have run for MOMENT_S.

    Its threads end with the process.
    """

    def __init__(
        self,
        *,
        few: int = FEW,
        most: int = MOST,
        moment_s: float = MOMENT_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._few = few
        self._most = most
        self._moment_s = moment_s
        self._now = now
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._begun: list[float] = []
        """When each call began that runs now, in this order."""
        self._busy: set[int] = set()
        """The numbers of the threads that run a call."""
        self._threads = 0
        self._change = threading.Condition()

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._change:
            self._waiting.append((future, partial(call, *args, **kwargs)))
            self._have_threads()
            self._change.notify_all()
        return future

    def _have_threads(self) -> None:
        """Start a thread if none waits for a call; one more than FEW waits for a long moment."""
        if len(self._busy) == self._threads < self._most:
            work = partial(self._work, self._threads)
            threading.Thread(target=work, name="turns", daemon=True).start()
            self._threads += 1

    def _work(self, number: int) -> None:
        while True:
            with self._change:
                while (wait_s := self._wait_s(number)) is None or wait_s > 0:
                    self._change.wait(wait_s)
                future, call = self._waiting.popleft()
                began = self._now()
                self._begun.append(began)
                self._busy.add(number)
                if self._waiting:
                    self._have_threads()
            _run(future, call)
            del future, call
            with self._change:
                self._begun.remove(began)
                self._busy.discard(number)
                self._change.notify_all()

    def _wait_s(self, number: int) -> float | None:
        """How long this thread waits for what may change by itself; None: for a notification."""
        if not self._waiting:
            return None
        if number < self._few:
            return 0.0
        if len(self._busy & set(range(self._few))) < self._few:
            return None  # one of the first threads takes it
        return self._begun[-self._few] + self._moment_s - self._now()


def _run(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is for who waits for the result
        future.set_exception(error)
    else:
        future.set_result(result)
