"""Callers that wait for a change of a list."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..system.connections import Connection
from ..system.wire import WireError

MAX_WAIT_S = 60.0


@dataclass
class _Waiter:
    connection: Connection
    since: int
    until: float


class Waiters:
    """`version` gives the version of the list, `listing` the answer that shows it."""

    def __init__(self, *, version: Callable[[], int], listing: Callable[[], bytes]):
        self._version = version
        self._listing = listing
        self._waiters: list[_Waiter] = []

    def answer(self, connection: Connection, query: dict[str, str]) -> None:
        """Answer now, or when the list is no longer of the version `since`. Raises WireError."""
        try:
            since = int(query["since"]) if "since" in query else None
            wait = min(MAX_WAIT_S, max(0.0, float(query.get("wait", 0))))
        except ValueError:
            raise WireError(400, "since and wait must be numbers.") from None
        if since == self._version() and wait > 0:
            self._waiters.append(_Waiter(connection, since, time.monotonic() + wait))
        else:
            connection.answer(self._listing())

    def tick(self) -> None:
        """Answer the callers whose change has come, or who have waited long enough."""
        now, version = time.monotonic(), self._version()
        due = [w for w in self._waiters if w.since != version or w.until <= now]
        if due:
            listing = self._listing()
            for waiter in due:
                waiter.connection.answer(listing)
        self._waiters = [w for w in self._waiters if w not in due and w.connection.is_open]

    def next_wait_s(self) -> float:
        return min((w.until - time.monotonic() for w in self._waiters), default=1.0)
