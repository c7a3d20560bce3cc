"""An engine in memory that keeps services as the test says.

Stands in for the real ones where a test needs an instant that no real engine can be held at. The
real local engine is tested with the real runner, the cluster with a real cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.utils import timezone

from hubsite.engines.facts import Level, LogChunk, Phase, ServiceFact
from hubsite.engines.outcomes import MADE, Applied, EngineUnavailable, Outcome, Removal
from hubsite.engines.place import ServicePlace
from hubsite.engines.specs import Service


class ScriptedServices(ServicePlace):
    """Engine and place in one: `engine.services is engine`."""

    name = "local"

    def __init__(self, places: int = 10) -> None:
        self._places = places
        self.services = self
        self.objects: dict[str, ServiceFact] = {}
        self.applied: list[Service] = []
        self.removed: list[str] = []
        self.refreshed: list[str] = []
        self.outcome: Applied | None = None
        self.is_away = False
        self.logs: dict[str, list[str]] = {}
        self.removal = Removal.GONE

    @property
    def capacity(self) -> int:
        return self._places

    def apply_one(self, spec: Service) -> Applied:
        self._check()
        if self.outcome is not None:
            return self.outcome
        self.applied.append(spec)
        present = self.objects.get(spec.name)
        if present is None or present.revision <= spec.revision:
            phase = Phase.ASLEEP if spec.is_asleep else Phase.PENDING
            if present and present.phase == Phase.RUNNING and not spec.is_asleep:
                phase = Phase.RUNNING  # a new configuration does not restart it
            address = f"unix:/run/{spec.name}/http.sock"
            self.objects[spec.name] = ServiceFact(
                spec.name, phase, revision=spec.revision, address=address
            )
        return MADE

    def remove_one(self, name: str) -> Removal:
        self._check()
        self.removed.append(name)
        self.objects.pop(name, None)
        return self.removal

    def look(self, name: str) -> ServiceFact | None:
        self._check()
        return self.objects.get(name)

    def exists(self, name: str) -> bool:
        self._check()
        return name in self.objects

    def refresh_one(self, name: str) -> None:
        self._check()
        self.refreshed.append(name)

    def watch(self, *, wait_s: float) -> Iterator[Level[ServiceFact]]:
        self._check()
        yield Level(list(self.objects.values()), asked_at=timezone.now())

    def level(self) -> Level[ServiceFact]:
        """What `watch` tells now."""
        (level,) = self.watch(wait_s=0)
        return level

    def log(self, name: str, *, most_lines: int, wait_s: float) -> Sequence[LogChunk]:
        self._check()
        lines = self.logs.get(name, [])[-most_lines:]
        return [LogChunk(0, lines)] if lines else []

    def show(self, name: str, phase: Phase, **changes: Any) -> ServiceFact:
        """Let the object be in this phase."""
        self.objects[name] = replace(self.objects[name], phase=phase, **changes)
        return self.objects[name]

    def start_all(self) -> None:
        """Whatever is pending becomes ready."""
        for name, fact in self.objects.items():
            if fact.phase == Phase.PENDING:
                self.objects[name] = replace(fact, phase=Phase.RUNNING)

    def refuse(self, message: str) -> None:
        self.outcome = Applied(Outcome.REFUSED, message)

    def _check(self) -> None:
        if self.is_away:
            raise EngineUnavailable("the engine is away")
