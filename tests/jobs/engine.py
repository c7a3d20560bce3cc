"""An engine in memory that does as the test says.

Stands in for the real ones where a test needs an instant that no real engine can be held at
(an object seen, then gone; a refusal; an outage). The real local engine is tested with the
real runner in `test_local_engine.py` and `test_main_job.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.utils import timezone

from hubsite.engines.facts import Level, LogChunk, Phase, RunFact
from hubsite.engines.outcomes import MADE, Applied, EngineUnavailable, Outcome, Removal
from hubsite.engines.place import Place
from hubsite.engines.specs import Run


class ScriptedEngine(Place[Run, RunFact]):
    """Engine and place in one: `engine.runs is engine`."""

    name = "local"

    def __init__(self, places: int = 2) -> None:
        self._places = places
        self.runs = self
        self.objects: dict[str, RunFact] = {}
        self.launched: list[Run] = []
        self.deleted: list[str] = []
        self.stopped: list[str] = []
        self.ended: set[str] = set()
        self.refuses: str | None = None
        self.is_away = False
        self.logs: dict[str, list[LogChunk]] = {}
        self.has_logs_at_hand = True
        self.delete_is_lasting = True

    @property
    def capacity(self) -> int:
        return self._places

    def apply_one(self, spec: Run) -> Applied:
        self._check()
        if self.refuses:
            return Applied(Outcome.REFUSED, self.refuses)
        if spec.name in self.ended:
            return Applied(Outcome.ENDED)
        self.launched.append(spec)
        self.objects.setdefault(spec.name, RunFact(spec.name, Phase.PENDING, attempt=spec.attempt))
        return MADE

    def remove_one(self, name: str) -> Removal:
        self._check()
        self.deleted.append(name)
        self.objects.pop(name, None)
        return Removal.GONE if self.delete_is_lasting else Removal.MAY_STILL_APPEAR

    def stop(self, name: str) -> None:
        self._check()
        self.stopped.append(name)
        run = self.objects.get(name)
        if run is not None and not run.phase.is_final:
            self.objects[name] = replace(run, phase=Phase.FAILED, reason="STOPPED")

    def look(self, name: str) -> RunFact | None:
        self._check()
        return self.objects.get(name)

    def exists(self, name: str) -> bool:
        self._check()
        return name in self.objects

    def watch(self, *, wait_s: float) -> Iterator[Level[RunFact] | RunFact]:
        self._check()
        yield Level(list(self.objects.values()), asked_at=timezone.now())

    def level(self) -> Level[RunFact]:
        """What `watch` tells now."""
        (level,) = self.watch(wait_s=0)
        assert isinstance(level, Level)
        return level

    def log(self, name: str, *, most_lines: int, wait_s: float) -> Sequence[LogChunk]:
        return self.logs.get(name, []) if self.has_logs_at_hand or wait_s else []

    def show(self, name: str, phase: Phase, **facts: object) -> RunFact:
        """Have the engine say this of the object `name`."""
        self.objects[name] = RunFact(name, phase, attempt=1, **facts)
        return self.objects[name]

    def _check(self) -> None:
        if self.is_away:
            raise EngineUnavailable("the test took it away")
