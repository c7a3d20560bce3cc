"""The engine that runs workloads on this machine, through the runner's control socket."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.utils import timezone

from ..base import (
    AlreadyEnded,
    Engine,
    EngineUnavailable,
    LaunchRefused,
    Level,
    LogChunk,
    Observation,
    Phase,
    Workload,
)
from .connection import Reply, SocketUnavailable, call
from .paths import control_socket

CALL_TIMEOUT_S = 10.0
PASSING = (408, 500, 503, 507)
"""Answers of a runner that cannot just now: too busy, or its disk is full."""


class LocalEngine(Engine):
    """Knows the runner's socket, not what it runs."""

    name = "local"

    def __init__(self) -> None:
        self._version = 0

    @property
    def places(self) -> int:
        return settings.HUB["XCUBE_HUB_LOCAL_RUNS"]

    def launch(self, workload: Workload) -> None:
        reply = self._call("PUT", self._url(workload.name), _to_wire(workload))
        if reply.status == 200 and reply.body.get("state") == "ended":
            raise AlreadyEnded(workload.name)
        if reply.status in PASSING:
            raise EngineUnavailable(_message(reply))
        if reply.status not in (200, 201):
            raise LaunchRefused(_message(reply))

    def delete(self, name: str) -> None:
        reply = self._call("DELETE", self._url(name))
        if reply.status not in (200, 202, 404):
            raise EngineUnavailable(_message(reply))

    def level(self) -> Level:
        return self._level("/runs")

    def exists(self, name: str) -> bool:
        return self._call("GET", self._url(name)).status != 404

    def watch(self, *, wait_s: float) -> Iterator[Level]:
        yield self._level(f"/runs?since={self._version}&wait={wait_s:g}", extra_s=wait_s)

    def log(self, name: str) -> Sequence[LogChunk]:
        reply = self._call("GET", self._url(name))
        if reply.status != 200:
            return []
        return [LogChunk(chunk["first_line"], chunk["lines"]) for chunk in reply.body["log"]]

    def _level(self, url: str, *, extra_s: float = 0) -> Level:
        asked_at = timezone.now()
        reply = self._call("GET", url, timeout_s=CALL_TIMEOUT_S + extra_s)
        if reply.status != 200:
            raise EngineUnavailable(_message(reply))
        self._version = reply.body["version"]
        return Level([_from_wire(run) for run in reply.body["runs"]], asked_at=asked_at)

    @staticmethod
    def _url(name: str) -> str:
        return f"/runs/{quote(name, safe='')}"

    @staticmethod
    def _call(
        method: str, url: str, body: Any = None, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> Reply:
        try:
            return call(control_socket(), method, url, body, timeout_s=timeout_s)
        except SocketUnavailable as error:
            raise EngineUnavailable(f"the runner does not answer ({error})") from error


def _to_wire(workload: Workload) -> dict[str, Any]:
    report, code = workload.report, workload.code
    archive = None if code is None else base64.b64encode(code.archive).decode()
    return {
        "name": workload.name,
        "attempt": workload.attempt,
        "payload": {**workload.payload, "code": archive},
        "env": workload.env,
        "deadline_s": workload.deadline_s,
        "memory_bytes": workload.memory_bytes,
        "report": {"url": report.url, "token": report.token} if report else None,
    }


def _from_wire(run: dict[str, Any]) -> Observation:
    return Observation(
        name=run["name"],
        attempt=run["attempt"],
        phase=Phase(run["phase"]),
        reason=run.get("reason"),
        message=run.get("message"),
        started_at=_time(run.get("started_at")),
        finished_at=_time(run.get("finished_at")),
        result=run.get("result"),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _message(reply: Reply) -> str:
    body = reply.body if isinstance(reply.body, dict) else {}
    return str(body.get("error") or f"the runner answered {reply.status}")
