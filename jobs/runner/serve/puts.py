"""Workloads that are PUT: passed to the intake without parsing, because they may hold secrets."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..system.connections import Connection
from ..system.wire import Request, error_response
from .intake import Intake

MAX_SENDINGS = 3

Done = Callable[[Connection | None, dict[str, Any]], None]
"""Called with the connection that waits, and the intake's answer without its id."""


@dataclass
class _Put:
    connection: Connection
    order: dict[str, Any]
    done: Done
    sendings: int = 0


class Puts:
    """Orders to the intake that are not answered yet."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._open: dict[int, _Put] = {}
        self._last = 0

    def take(
        self,
        connection: Connection,
        request: Request,
        *,
        do: str,
        root: Path,
        name: str,
        done: Done,
    ) -> None:
        """Spool the body below `root`, and order the intake to `do` it. Raises OSError."""
        self._last += 1
        spool = root / ".incoming" / f"put-{self._last}"
        try:
            _spool(spool, request.body)
        except OSError:
            # The part that was written may hold a secret.
            spool.unlink(missing_ok=True)
            raise
        order = {"do": do, "id": self._last, "name": name, "spool": str(spool)}
        self._open[self._last] = _Put(connection, order, done)
        self._send(self._last)

    def _send(self, number: int) -> None:
        put = self._open[number]
        put.sendings += 1
        if put.sendings <= MAX_SENDINGS:
            # If the intake has just ended, the next one gets the order.
            self._intake.order(**put.order)
            return
        del self._open[number]
        Path(put.order["spool"]).unlink(missing_ok=True)
        put.connection.answer(error_response(503, "The runner could not take the workload in."))

    def answered(self, answer: dict[str, Any]) -> None:
        put = self._open.pop(answer.pop("id"), None)
        if put is not None:
            put.done(put.connection, answer)

    def restarted(self) -> None:
        """Send all open orders to the new process; an order sent twice has one effect."""
        for number in list(self._open):
            self._send(number)


def _spool(path: Path, body: bytearray) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb", buffering=0) as stream:
        view = memoryview(body)
        while view:
            view = view[stream.write(view) :]
