"""The engine that executes runs on this machine, through the runner's control socket."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.utils import timezone

from hubsite.engines.settings import hub

from ..base import (
    MADE,
    Applied,
    EngineUnavailable,
    Level,
    LogChunk,
    Outcome,
    Phase,
    Place,
    Removal,
    Run,
    RunFact,
    ServicePlace,
    usage_of,
)
from .connection import Reply, SocketUnavailable, call
from .paths import control_socket

CALL_TIMEOUT_S = 10.0
PASSING = (408, 500, 503, 507)
"""Statuses of a runner that cannot make a run now: it is too busy, or its disk is full."""


class LocalEngine:
    """The runner on this machine. It executes runs only."""

    name = "local"

    def __init__(self) -> None:
        self.runs = LocalRuns()
        self.services: ServicePlace | None = None


class LocalRuns(Place[Run, RunFact]):
    """Runs on this machine. It passes the payload of runs to the runner without reading it."""

    def __init__(self) -> None:
        self._version = 0

    @property
    def capacity(self) -> int:
        return hub.local_runs

    def apply_one(self, spec: Run) -> Applied:
        reply = _call("PUT", _url(spec.name), _to_wire(spec))
        if reply.status in PASSING:
            raise EngineUnavailable(_message(reply))
        if reply.status not in (200, 201):
            return Applied(Outcome.REFUSED, _message(reply))
        if reply.status == 200 and reply.body.get("state") == "ended":
            return Applied(Outcome.ENDED)
        return MADE

    def remove_one(self, name: str) -> Removal:
        """End and remove a run. The runner remembers unknown names, and refuses late launches."""
        reply = _call("DELETE", _url(name))
        if reply.status not in (200, 202, 404):
            raise EngineUnavailable(_message(reply))
        return Removal.ENDING if reply.status == 202 else Removal.GONE

    def stop(self, name: str) -> None:
        reply = _call("POST", f"{_url(name)}/stop")
        if reply.status not in (200, 202, 404):
            raise EngineUnavailable(_message(reply))

    def look(self, name: str) -> RunFact | None:
        reply = _call("GET", _url(name))
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise EngineUnavailable(_message(reply))
        return _from_wire(reply.body)

    def exists(self, name: str) -> bool:
        return _call("GET", _url(name)).status != 404

    def watch(self, *, wait_s: float) -> Iterator[Level[RunFact]]:
        asked_at = timezone.now()
        url = f"/runs?since={self._version}&wait={wait_s:g}"
        reply = _call("GET", url, timeout_s=CALL_TIMEOUT_S + wait_s)
        if reply.status != 200:
            raise EngineUnavailable(_message(reply))
        self._version = reply.body["version"]
        yield Level([_from_wire(run) for run in reply.body["runs"]], asked_at=asked_at)

    def stop_watching(self) -> None:
        self._version = 0

    def log(self, name: str, *, most_lines: int, wait_s: float) -> Sequence[LogChunk]:
        """The log from the runner, which keeps as many lines as the hub and answers at once."""
        reply = _call("GET", _url(name))
        if reply.status != 200:
            return []
        return [LogChunk(chunk["first_line"], chunk["lines"]) for chunk in reply.body["log"]]


def _url(name: str) -> str:
    return f"/runs/{quote(name, safe='')}"


def _call(method: str, url: str, body: Any = None, *, timeout_s: float = CALL_TIMEOUT_S) -> Reply:
    try:
        return call(control_socket(), method, url, body, timeout_s=timeout_s)
    except SocketUnavailable as error:
        raise EngineUnavailable(f"the runner does not answer ({error})") from error


def _to_wire(run: Run) -> dict[str, Any]:
    wire = {
        "name": run.name,
        "attempt": run.attempt,
        "payload": run.payload,
        "env": run.container.env,
        "deadline_s": run.deadline_s,
        "memory_bytes": run.container.memory_bytes,
        "report": {"url": run.report.url, "token": run.report.token} if run.report else None,
    }
    if run.code is not None:
        wire["code"] = base64.b64encode(run.code.archive).decode()
    return wire


def _from_wire(run: dict[str, Any]) -> RunFact:
    return RunFact(
        name=run["name"],
        attempt=run["attempt"],
        phase=Phase(run["phase"]),
        reason=run.get("reason"),
        message=run.get("message"),
        started_at=_time(run.get("started_at")),
        finished_at=_time(run.get("finished_at")),
        result=run.get("result"),
        wrote=run.get("wrote"),
        usage=usage_of(run),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _message(reply: Reply) -> str:
    body = reply.body if isinstance(reply.body, dict) else {}
    return str(body.get("error") or f"the runner answered {reply.status}")
