"""An engine in memory that does as the test says.

Stands in for the real ones where a test needs an instant that no real engine can be held at
(an object seen, then gone; a refusal; an outage). The real local engine is tested with the
real runner in `test_local_engine.py` and `test_main_job.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils import timezone

from hubsite.engines.base import (
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


class ScriptedEngine(Engine):
    name = "local"

    def __init__(self, places: int = 2) -> None:
        self._places = places
        self.objects: dict[str, Observation] = {}
        self.launched: list[Workload] = []
        self.deleted: list[str] = []
        self.ended: set[str] = set()
        self.refuses: str | None = None
        self.is_away = False
        self.logs: dict[str, list[LogChunk]] = {}

    @property
    def places(self) -> int:
        return self._places

    def launch(self, workload: Workload) -> None:
        self._check()
        if self.refuses:
            raise LaunchRefused(self.refuses)
        if workload.name in self.ended:
            raise AlreadyEnded(workload.name)
        self.launched.append(workload)
        self.objects.setdefault(
            workload.name, Observation(workload.name, workload.attempt, Phase.PENDING)
        )

    def delete(self, name: str) -> None:
        self._check()
        self.deleted.append(name)
        self.objects.pop(name, None)

    def level(self) -> Level:
        self._check()
        return Level(list(self.objects.values()), asked_at=timezone.now())

    def exists(self, name: str) -> bool:
        self._check()
        return name in self.objects

    def watch(self, *, wait_s: float) -> Iterator[Level | Observation]:
        yield self.level()

    def log(self, name: str) -> Sequence[LogChunk]:
        return self.logs.get(name, [])

    def show(self, name: str, phase: Phase, **facts: object) -> Observation:
        """Have the engine say this of the object `name`."""
        self.objects[name] = Observation(name, 1, phase, **facts)
        return self.objects[name]

    def _check(self) -> None:
        if self.is_away:
            raise EngineUnavailable("the test took it away")
