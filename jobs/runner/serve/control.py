"""The control socket: launch, list, watch and remove runs over HTTP."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..record.failures import unwritten
from ..record.workload import is_name
from ..system.connections import Connection
from ..system.process import say
from ..system.wire import Request, WireError, error_response, response
from .intake import Intake
from .registry import Registry

MAX_WAIT_S = 60.0
MAX_SENDINGS = 3


@dataclass
class _Waiter:
    connection: Connection
    since: int
    until: float


@dataclass
class _Put:
    connection: Connection
    order: dict[str, Any]
    sendings: int = 0


class Control:
    def __init__(self, *, registry: Registry, intake: Intake, about: dict[str, Any]):
        self._registry = registry
        self._intake = intake
        self._about = about
        self._waiters: list[_Waiter] = []
        self._puts: dict[int, _Put] = {}
        self._next_put = 0

    def handle(self, connection: Connection, request: Request) -> None:
        """Answer now, or later when a run has changed or the intake has answered."""
        try:
            self._route(connection, request)
        except WireError as error:
            connection.answer(error_response(error.status, error.message))
        except OSError as error:
            say(f"{request.method} {request.path} failed: {error}")
            connection.answer(error_response(*unwritten(error)))
        except Exception as error:  # noqa: BLE001 - one request must not end all
            say(f"{request.method} {request.path} failed: {error!r}")
            connection.answer(error_response(500, "The runner could not do this."))
        finally:
            request.wipe()

    def _route(self, connection: Connection, request: Request) -> None:
        method, path = request.method, request.path
        if path == "/":
            self._require(method, "GET")
            about = {**self._about, "ready": True, "runs": len(self._registry.runs)}
            connection.answer(response(200, about))
        elif path == "/runs":
            self._require(method, "GET")
            self._list(connection, request.query)
        elif path.startswith("/runs/"):
            self._route_run(connection, request, path.removeprefix("/runs/"))
        else:
            raise WireError(404, "There are only / and /runs here.")

    def _route_run(self, connection: Connection, request: Request, name: str) -> None:
        name, slash, verb = name.partition("/")
        if slash and verb != "stop":
            raise WireError(404, "A run has only /stop below it.")
        if not is_name(name):
            raise WireError(400, "A run's name is of a-z, 0-9 and -, at most 63 characters.")
        if slash:
            self._require(request.method, "POST")
            self._answer_end(connection, self._registry.stop(name), "ended")
        elif request.method == "PUT":
            self._put(connection, request, name)
        elif request.method == "DELETE":
            self._answer_end(connection, self._registry.remove(name), "removed")
        else:
            self._require(request.method, "GET", "PUT", "DELETE")
            self._get(connection, name)

    def _answer_end(self, connection: Connection, status: int, state: str) -> None:
        known = status != 404
        content = {"state": "ending" if status == 202 else state} if known else None
        connection.answer(response(status, content or {"error": "There is no such run."}))

    def _require(self, method: str, *allowed: str) -> None:
        if method not in allowed:
            raise WireError(405, f"Only {', '.join(allowed)} is possible here.")

    def _get(self, connection: Connection, name: str) -> None:
        run = self._registry.runs.get(name)
        if run is None:
            raise WireError(404, "There is no such run.")
        log = run.folder.read("log.json", limit=16 << 20) or []
        connection.answer(response(200, {**run.as_dict(), "log": log}))

    def _list(self, connection: Connection, query: dict[str, str]) -> None:
        try:
            since = int(query["since"]) if "since" in query else None
            wait = min(MAX_WAIT_S, max(0.0, float(query.get("wait", 0))))
        except ValueError:
            raise WireError(400, "since and wait must be numbers.") from None
        if since == self._registry.version and wait > 0:
            self._waiters.append(_Waiter(connection, since, time.monotonic() + wait))
        else:
            connection.answer(self._listing())

    def _listing(self) -> bytes:
        runs = [run.as_dict() for run in self._registry.runs.values()]
        return response(200, {"version": self._registry.version, "runs": runs})

    def tick(self) -> None:
        """Answer the callers whose change has come, or who have waited long enough."""
        now, version = time.monotonic(), self._registry.version
        due = [w for w in self._waiters if w.since != version or w.until <= now]
        if due:
            listing = self._listing()
            for waiter in due:
                waiter.connection.answer(listing)
        self._waiters = [w for w in self._waiters if w not in due and w.connection.is_open]

    def next_wait_s(self) -> float:
        return min((w.until - time.monotonic() for w in self._waiters), default=1.0)

    def _put(self, connection: Connection, request: Request, name: str) -> None:
        """Pass the workload to the intake without parsing it, because it may hold secrets."""
        self._next_put += 1
        spool = self._registry.root / ".incoming" / f"put-{self._next_put}"
        try:
            _spool(spool, request.body)
        except OSError:
            # The part that was written may hold a secret.
            spool.unlink(missing_ok=True)
            raise
        order = {"do": "admit", "id": self._next_put, "name": name, "spool": str(spool)}
        self._puts[self._next_put] = _Put(connection, order)
        self._send_order(self._next_put)

    def _send_order(self, number: int) -> None:
        put = self._puts[number]
        put.sendings += 1
        if put.sendings <= MAX_SENDINGS:
            # If the intake has just ended, the next one gets the order.
            self._intake.order(**put.order)
            return
        del self._puts[number]
        Path(put.order["spool"]).unlink(missing_ok=True)
        put.connection.answer(error_response(503, "The runner could not take the run in."))

    def intake_answered(self, answer: dict[str, Any]) -> None:
        put = self._puts.pop(answer.pop("id"), None)
        status, name = answer.pop("status"), answer.get("name")
        if status in (200, 201):
            self._registry.admitted(name)
            run = self._registry.runs.get(name)
            content = {**run.as_dict(), "state": answer["state"]} if run else {"state": "ended"}
            status = status if run else 200
        else:
            content = {"error": answer.get("message")}
        if put is not None:
            put.connection.answer(response(status, content))

    def intake_restarted(self) -> None:
        """Send every open order again; taking in a workload twice makes one run."""
        for number in list(self._puts):
            self._send_order(number)


def _spool(path: Path, body: bytearray) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb", buffering=0) as stream:
        view = memoryview(body)
        while view:
            view = view[stream.write(view) :]
