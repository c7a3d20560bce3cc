"""Services on this machine: processes that the runner forks, each at a socket of its own."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from django.utils import timezone

from hubsite.engines.settings import hub

from ..facts import Level, LogChunk, Phase, ServiceFact, broken_of
from ..outcomes import MADE, Applied, EngineUnavailable, Outcome, Removal
from ..place import ServicePlace
from ..specs import Service
from .paths import services_dir
from .runner_calls import CALL_TIMEOUT_S, PASSING, ask_runner, message_of

WORKSPACES = ".workspaces"
"""Where the runner keeps files of commands (`jobs/runner/viewers/command.py`)."""


class LocalServices(ServicePlace):
    """Services on this machine. A container's image and its share of processors are ignored."""

    def __init__(self) -> None:
        self._version = 0

    @property
    def capacity(self) -> int:
        return hub.local_services

    def apply_one(self, spec: Service) -> Applied:
        reply = ask_runner("PUT", _url(spec.name), _to_wire(spec))
        if reply.status in PASSING:
            raise EngineUnavailable(message_of(reply))
        if reply.status not in (200, 201):
            return Applied(Outcome.REFUSED, message_of(reply))
        with _understood():
            return Applied(Outcome.ENDED) if reply.body.get("state") == "ended" else MADE

    def remove_one(self, name: str) -> Removal:
        """End and remove a service. The runner remembers the name, and refuses late applies."""
        reply = ask_runner("DELETE", _url(name))
        if reply.status not in (200, 202, 404):
            raise EngineUnavailable(message_of(reply))
        return Removal.ENDING if reply.status == 202 else Removal.GONE

    def forget_files(self, keeps: str) -> str:
        """Delete them here: the runner has the same data folder, and keeps nothing of them."""
        shutil.rmtree(services_dir() / WORKSPACES / PurePath(keeps).name, ignore_errors=True)
        return ""

    def refresh_one(self, name: str) -> None:
        reply = ask_runner("POST", f"{_url(name)}/refresh")
        if reply.status not in (202, 404):
            raise EngineUnavailable(message_of(reply))

    def look(self, name: str) -> ServiceFact | None:
        reply = self._get(name)
        with _understood():
            return None if reply is None else _from_wire(reply)

    def exists(self, name: str) -> bool:
        return self._get(name) is not None

    def watch(self, *, wait_s: float) -> Iterator[Level[ServiceFact]]:
        asked_at = timezone.now()
        url = f"/services?since={self._version}&wait={wait_s:g}"
        reply = ask_runner("GET", url, timeout_s=CALL_TIMEOUT_S + wait_s)
        if reply.status != 200:
            raise EngineUnavailable(message_of(reply))
        with _understood():
            facts = [_from_wire(told) for told in reply.body["services"]]
            self._version = int(reply.body["version"])
        yield Level(facts, asked_at=asked_at)

    def stop_watching(self) -> None:
        self._version = 0

    def log(self, name: str, *, most_lines: int, wait_s: float) -> Sequence[LogChunk]:
        """The last lines from the runner, also of a service that sleeps or has failed."""
        told = self._get(name)
        if told is None:
            return []
        with _understood():
            chunks = [LogChunk(chunk["first_line"], chunk["lines"]) for chunk in told["log"]]
            return _last(chunks, most_lines)

    def _get(self, name: str) -> dict[str, Any] | None:
        reply = ask_runner("GET", _url(name))
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise EngineUnavailable(message_of(reply))
        if reply.body is None:
            raise EngineUnavailable("the runner's answer is empty")
        return reply.body


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """What the runner says in another shape, as one of another version might, is no answer."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise EngineUnavailable(f"the runner's answer is not understood ({error!r})") from error


def _last(chunks: Sequence[LogChunk], most_lines: int) -> list[LogChunk]:
    """The last `most_lines` lines of these chunks."""
    kept: list[LogChunk] = []
    for chunk in reversed(chunks):
        left_out = max(0, len(chunk.lines) - most_lines)
        if left_out < len(chunk.lines):
            kept.insert(0, LogChunk(chunk.first_line + left_out, chunk.lines[left_out:]))
        most_lines -= len(chunk.lines) - left_out
    return kept


def _url(name: str) -> str:
    return f"/services/{quote(name, safe='')}"


def _to_wire(spec: Service) -> dict[str, Any]:
    wire = {
        "name": spec.name,
        "revision": spec.revision,
        "payload": spec.payload,
        "path": spec.path,
        "probe": spec.probe,
        "env": dict(spec.container.env),
        "memory_bytes": spec.container.memory_bytes,
        "is_asleep": spec.is_asleep,
    }
    if (command := spec.container.command) is not None:
        wire["command"] = {
            "arguments": list(command.arguments),
            "env": dict(command.env),
            "keeps": command.keeps,
        }
    return wire


def _from_wire(told: dict[str, Any]) -> ServiceFact:
    ready = told.get("ready_since")
    return ServiceFact(
        name=told["name"],
        revision=told.get("revision") or 0,
        phase=Phase(told["phase"]),
        reason=told.get("reason"),
        message=told.get("message"),
        address=told.get("address") or "",
        ready_since=datetime.fromisoformat(ready) if ready else None,
        restarts=told.get("restarts") or 0,
        broken=broken_of(told.get("broken")),
    )
