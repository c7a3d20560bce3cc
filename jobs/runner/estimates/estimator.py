"""An estimator process: accepts a connection, answers the estimate, accepts the next.

It does one thing at a time and blocks. The zygote ends it if it is busy for too long, and
replaces it after it has answered many requests or has grown too large.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..record.workload import WorkloadError, loads
from ..system import linux
from ..system.busy import busy_ns, busy_s_since
from ..system.wire import CONTINUE, Request, RequestReader, WireError, error_response, response
from ..work import discovery, estimate, probe, removal, warm
from ..work.cubegen import versions

BODY_LIMIT = 1 << 20
READ_S = 10.0
MAX_REQUESTS = 100
MAX_RESIDENT_BYTES = 1 << 30
TOO_LARGE = signal.SIGUSR1
"""The zygote sends this signal if the estimate takes too much memory."""


OWN_STORE_LIMIT_S = 8.0
"""Limit for stores of the caller's own, because their servers may be slow on purpose.

What this machine takes to compute does not count.
"""
_SHORTEST_S = 0.01


_ANSWERS = {
    "/estimates": estimate.answer,
    "/removals": removal.answer,
    "/probes": probe.answer,
    "/stores": discovery.answer,
}
ENDPOINTS = ", ".join([*_ANSWERS, "/versions"])


class Estimator:
    def __init__(
        self,
        *,
        listener: socket.socket,
        root: Path,
        limit_s: float,
        busy: Any,
        rehearses: bool = True,
    ):
        """`busy` is called with the monotonic time when work begins, and with 0 when it ends."""
        self._listener = listener
        self._root = root
        self._limit_s = limit_s
        self._rehearses = rehearses
        self._busy = busy
        self._too_large = False
        self._is_late = False
        self._estimating = False
        self._limit = _Limit(limit_s)

    def run(self, zygote: int) -> int:
        linux.die_with_parent(zygote)
        self._busy(time.monotonic())
        os.umask(0o077)
        if self._rehearses:
            warm.rehearse()
        else:
            warm.without_threads()
        self._busy(0)
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.signal(TOO_LARGE, self._on_too_large)
        answered = 0
        while answered < MAX_REQUESTS and linux.resident_bytes() < MAX_RESIDENT_BYTES:
            connection, _ = self._listener.accept()
            with connection:
                answered += self._serve(connection)
            if self._is_late or self._too_large:
                break
        return 0

    def _on_alarm(self, number: int, frame: object) -> None:
        left = self._limit.left_s()
        if left > 0:
            signal.setitimer(signal.ITIMER_REAL, max(left, _SHORTEST_S))
            return
        self._is_late = True
        raise estimate.EstimateTimeout

    def _on_too_large(self, number: int, frame: object) -> None:
        self._too_large = True
        if self._estimating:
            self._estimating = False
            raise estimate.EstimateTooLarge

    def _serve(self, connection: socket.socket) -> bool:
        """Answer one connection; returns whether xcube was used."""
        asked = False
        try:
            request = _receive(connection)
            if request is None:
                return False
            asked = request.path in _ANSWERS
            data = self._respond(request)
        except WireError as error:
            data = error_response(error.status, error.message)
        except OSError:
            return False
        _send(connection, data)
        return asked

    def _respond(self, request: Request) -> bytes:
        if request.path == "/versions" and request.method == "GET":
            return response(200, {"versions": self._versions()})
        answer = _ANSWERS.get(request.path)
        if answer is None:
            raise WireError(404, f"There are only {ENDPOINTS}.")
        if request.method != "POST":
            raise WireError(405, "Only POST is possible here.")
        try:
            body = loads(request.body)
        except (WorkloadError, UnicodeDecodeError) as error:
            raise WireError(400, str(error)) from None
        return self._estimate(body, answer)

    def _estimate(self, body: Any, answer: Callable[[Any], dict[str, Any]]) -> bytes:
        self._busy(time.monotonic())
        self._is_late = False
        limit_s = self._limit_s
        if isinstance(body, dict) and isinstance(wanted := body.get("limit_s"), int | float):
            limit_s = max(0.1, min(limit_s, wanted))
        has_own = isinstance(body, dict) and bool(body.get("egress"))
        self._limit = _Limit(limit_s, waiting_s=OWN_STORE_LIMIT_S if has_own else None)
        signal.setitimer(signal.ITIMER_REAL, max(self._limit.left_s(), _SHORTEST_S))
        try:
            self._estimating = True
            result = answer(body)
            self._estimating = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            if result.get("status") == "error":
                # A library may have turned the interruption into an error of its own.
                if self._too_large:
                    result = estimate.too_large()
                elif self._is_late and result.get("status_code") != 504:
                    result = _too_late()
        except (estimate.EstimateTimeout, estimate.EstimateTooLarge):
            # The signal came just after `estimate.answer` had finished, or both came at once.
            result = estimate.too_large() if self._too_large else _too_late()
        finally:
            self._estimating = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._busy(0)
        return response(200, result)

    def _versions(self) -> dict[str, str]:
        give_up = time.monotonic() + 10
        while not (self._root / ".cache" / "versions.json").exists():
            if time.monotonic() > give_up:
                break
            time.sleep(0.05)
        return versions(self._root)


def _too_late() -> dict[str, Any]:
    text = "The estimate took too long."
    return {"status": "error", "status_code": 504, "message": text, "kind": "store"}


class _Limit:
    """How long an estimate may take in all, and may wait for others; it begins now."""

    def __init__(self, limit_s: float, *, waiting_s: float | None = None):
        self._began = time.monotonic()
        self._limit_s = limit_s
        self._waiting_s = waiting_s
        self._busy = busy_ns() if waiting_s is not None else {}

    def left_s(self) -> float:
        """So long it may go on at least."""
        passed = time.monotonic() - self._began
        left = self._limit_s - passed
        if self._waiting_s is None:
            return left
        waited = passed - busy_s_since(self._busy, busy_ns())
        return min(left, self._waiting_s - waited)


def _receive(connection: socket.socket) -> Request | None:
    """Read one request; None if the caller has closed the connection."""
    reader = RequestReader(body_limit=BODY_LIMIT)
    give_up = time.monotonic() + READ_S
    while True:
        connection.settimeout(max(0.001, give_up - time.monotonic()))
        try:
            data = connection.recv(1 << 16)
        except TimeoutError:
            raise WireError(408, "The request did not come in time.") from None
        if not data:
            return None
        request = reader.feed(data)
        if request is not None:
            return request
        if reader.wants_continue:
            reader.wants_continue = False
            connection.sendall(CONTINUE)


def _send(connection: socket.socket, data: bytes) -> None:
    """Answer so that the caller can read it, even if it has not sent everything yet."""
    try:
        connection.settimeout(READ_S)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.5)
        left = 4 << 20
        while left > 0 and (got := connection.recv(1 << 16)):
            left -= len(got)
    except OSError:
        pass
