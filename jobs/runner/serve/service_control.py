"""The part `/services` of the control socket: apply, list, watch, refresh and remove services."""

from __future__ import annotations

from typing import Any

from ..record.workload import is_name
from ..system.connections import Connection
from ..system.wire import Request, WireError, error_response, response
from .puts import Puts
from .services import Services
from .waiters import Waiters

UNKNOWN = "There is no such service."


class ServiceControl:
    def __init__(self, *, services: Services, puts: Puts):
        self._services = services
        self._puts = puts
        self.waiters = Waiters(version=lambda: services.version, listing=self._listing)

    def route(self, connection: Connection, request: Request) -> None:
        """Answer a request to /services or below. Raises WireError and OSError."""
        name, _, verb = request.path.removeprefix("/services").removeprefix("/").partition("/")
        if not name:
            _require(request.method, "GET")
            self.waiters.answer(connection, request.query)
            return
        if verb not in ("", "refresh"):
            raise WireError(404, "A service has only /refresh below it.")
        if not is_name(name):
            raise WireError(400, "A service's name is of a-z, 0-9 and -, at most 63 characters.")
        if verb:
            _require(request.method, "POST")
            status = self._services.refresh(name)
            _answer(connection, status, "refreshing")
        elif request.method == "PUT":
            self._puts.take(
                connection,
                request,
                do="admit_service",
                root=self._services.root,
                name=name,
                done=self._admitted,
            )
        elif request.method == "DELETE":
            status = self._services.remove(name)
            _answer(connection, status, "ending" if status == 202 else "removed")
        else:
            _require(request.method, "GET", "PUT", "DELETE")
            self._get(connection, name)

    def _get(self, connection: Connection, name: str) -> None:
        service = self._services.services.get(name)
        if service is None:
            raise WireError(404, UNKNOWN)
        log = service.folder.read("log.json", limit=16 << 20) or []
        connection.answer(response(200, {**service.as_dict(), "log": log}))

    def _listing(self) -> bytes:
        services = [service.as_dict() for service in self._services.services.values()]
        return response(200, {"version": self._services.version, "services": services})

    def _admitted(self, connection: Connection | None, answer: dict[str, Any]) -> None:
        status, name = answer["status"], answer["name"]
        if status in (200, 201):
            self._services.admitted(name)
            service = self._services.services.get(name)
            state = answer["state"] if service else "ended"
            content = {**(service.as_dict() if service else {}), "state": state}
        else:
            content = {"error": answer.get("message")}
        if connection is not None:
            connection.answer(response(status, content))


def _answer(connection: Connection, status: int, state: str) -> None:
    if status == 404:
        connection.answer(error_response(404, UNKNOWN))
    else:
        connection.answer(response(status, {"state": state}))


def _require(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise WireError(405, f"Only {', '.join(allowed)} is possible here.")
