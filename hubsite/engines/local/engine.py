"""The engine that executes runs on this machine, through the runner's control socket."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.utils import timezone

from hubsite.engines.settings import hub

from ..facts import Level, LogChunk, Phase, RunFact, usage_of
from ..outcomes import MADE, Applied, EngineUnavailable, Outcome, Removal
from ..place import Place, ServicePlace
from ..specs import Run
from .runner_calls import CALL_TIMEOUT_S, PASSING, ask_runner, message_of
from .services import LocalServices


class LocalEngine:
    """The runner on this machine. It executes runs, and keeps services."""

    name = "local"

    def __init__(self) -> None:
        self.runs = LocalRuns()
        self.services: ServicePlace | None = LocalServices()


class LocalRuns(Place[Run, RunFact]):
    """Runs on this machine. It passes the payload of runs to the runner without reading it."""

    def __init__(self) -> None:
        self._version = 0

    @property
    def capacity(self) -> int:
        return hub.local_runs

    def apply_one(self, spec: Run) -> Applied:
        reply = ask_runner("PUT", _url(spec.name), _to_wire(spec))
        if reply.status in PASSING:
            raise EngineUnavailable(message_of(reply))
        if reply.status not in (200, 201):
            return Applied(Outcome.REFUSED, message_of(reply))
        if reply.status == 200 and reply.body.get("state") == "ended":
            return Applied(Outcome.ENDED)
        return MADE

    def remove_one(self, name: str) -> Removal:
        """End and remove a run. The runner remembers unknown names, and refuses late launches."""
        reply = ask_runner("DELETE", _url(name))
        if reply.status not in (200, 202, 404):
            raise EngineUnavailable(message_of(reply))
        return Removal.ENDING if reply.status == 202 else Removal.GONE

    def stop(self, name: str) -> None:
        reply = ask_runner("POST", f"{_url(name)}/stop")
        if reply.status not in (200, 202, 404):
            raise EngineUnavailable(message_of(reply))

    def look(self, name: str) -> RunFact | None:
        reply = ask_runner("GET", _url(name))
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise EngineUnavailable(message_of(reply))
        return _from_wire(reply.body)

    def exists(self, name: str) -> bool:
        return ask_runner("GET", _url(name)).status != 404

    def watch(self, *, wait_s: float) -> Iterator[Level[RunFact]]:
        asked_at = timezone.now()
        url = f"/runs?since={self._version}&wait={wait_s:g}"
        reply = ask_runner("GET", url, timeout_s=CALL_TIMEOUT_S + wait_s)
        if reply.status != 200:
            raise EngineUnavailable(message_of(reply))
        self._version = reply.body["version"]
        yield Level([_from_wire(run) for run in reply.body["runs"]], asked_at=asked_at)

    def stop_watching(self) -> None:
        self._version = 0

    def log(self, name: str, *, most_lines: int, wait_s: float) -> Sequence[LogChunk]:
        """The log from the runner, which keeps as many lines as the hub and answers at once."""
        reply = ask_runner("GET", _url(name))
        if reply.status != 200:
            return []
        return [LogChunk(chunk["first_line"], chunk["lines"]) for chunk in reply.body["log"]]


def _url(name: str) -> str:
    return f"/runs/{quote(name, safe='')}"


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
