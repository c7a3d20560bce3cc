"""The control socket: launch, list, watch and remove runs over HTTP; services below it."""

from __future__ import annotations

from typing import Any

from ..record.failures import unwritten
from ..record.workload import is_name
from ..system.connections import Connection
from ..system.process import say
from ..system.wire import Request, WireError, error_response, response
from .intake import Intake
from .puts import Puts
from .registry import Registry
from .service_control import ServiceControl
from .services import Services
from .waiters import Waiters


class Control:
    def __init__(
        self,
        *,
        registry: Registry,
        services: Services | None,
        intake: Intake,
        about: dict[str, Any],
    ):
        self._registry = registry
        self._about = about
        self._puts = Puts(intake)
        self._waiters = Waiters(version=lambda: registry.version, listing=self._listing)
        self._services = ServiceControl(services=services, puts=self._puts) if services else None

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
            self._waiters.answer(connection, request.query)
        elif path.startswith("/runs/"):
            self._route_run(connection, request, path.removeprefix("/runs/"))
        elif self._services and (path == "/services" or path.startswith("/services/")):
            self._services.route(connection, request)
        else:
            raise WireError(404, "There are only /, /runs and, if it keeps them, /services here.")

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
            self._puts.take(
                connection,
                request,
                do="admit",
                root=self._registry.root,
                name=name,
                done=self._admitted,
            )
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

    def _listing(self) -> bytes:
        runs = [run.as_dict() for run in self._registry.runs.values()]
        return response(200, {"version": self._registry.version, "runs": runs})

    def tick(self) -> None:
        for waiters in self._all_waiters():
            waiters.tick()

    def next_wait_s(self) -> float:
        return min(waiters.next_wait_s() for waiters in self._all_waiters())

    def _all_waiters(self) -> list[Waiters]:
        return [self._waiters] + ([self._services.waiters] if self._services else [])

    def intake_answered(self, answer: dict[str, Any]) -> None:
        self._puts.answered(answer)

    def intake_restarted(self) -> None:
        self._puts.restarted()

    def _admitted(self, connection: Connection | None, answer: dict[str, Any]) -> None:
        status, name = answer["status"], answer["name"]
        if status in (200, 201):
            self._registry.admitted(name)
            run = self._registry.runs.get(name)
            content = {**run.as_dict(), "state": answer["state"]} if run else {"state": "ended"}
            status = status if run else 200
        else:
            content = {"error": answer.get("message")}
        if connection is not None:
            connection.answer(response(status, content))
