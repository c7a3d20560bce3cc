"""What an engine is: the place where workloads run, and the only truth about what is running.

An engine knows nothing of jobs, users or xcube. It is told to launch a `Workload` under a
name, tells back `Observation`s of every object of ours, and deletes objects. All calls are
idempotent: a repeated launch of a name is one run, a repeated delete is one end.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class Phase(enum.StrEnum):
    """Where the engine's object is in its life."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in (Phase.SUCCEEDED, Phase.FAILED)


class EngineUnavailable(Exception):
    """The engine cannot be reached now; the same call may be repeated later."""


class LaunchRefused(Exception):
    """The engine will never run this workload; the message says why."""


class AlreadyEnded(Exception):
    """A run of this name has ended and was removed; it will not run again."""


@dataclass(frozen=True)
class Report:
    """Where a run reports its progress and log, and the token that lets it."""

    url: str
    token: str


@dataclass(frozen=True)
class Workload:
    """What to run. `payload` is opaque to the engine: the runner understands it."""

    name: str
    attempt: int
    payload: dict[str, Any]
    deadline_s: float
    memory_bytes: int | None = None
    env: dict[str, str] = field(default_factory=dict)
    report: Report | None = None


@dataclass(frozen=True)
class LogChunk:
    """Consecutive lines of a run's output, the first numbered `first_line` (from 0)."""

    first_line: int
    lines: Sequence[str]


@dataclass(frozen=True)
class Observation:
    """A fact about one object, as the engine sees it now."""

    name: str
    attempt: int
    phase: Phase
    reason: str | None = None
    message: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: dict[str, Any] | None = None


@dataclass(frozen=True)
class Level:
    """Every object of ours that exists: what is not in it does not exist."""

    observations: Sequence[Observation]


class Engine(ABC):
    """One place to run workloads; each row of work carries the `name` of its engine."""

    name: str

    @property
    @abstractmethod
    def places(self) -> int:
        """How many workloads may be running at once."""

    @abstractmethod
    def launch(self, workload: Workload) -> None:
        """Make the object. Raises LaunchRefused, AlreadyEnded or EngineUnavailable."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """End the run if it is running and remove the object; gone is success."""

    @abstractmethod
    def level(self) -> Level:
        """List everything. Raises EngineUnavailable."""

    @abstractmethod
    def watch(self, *, wait_s: float) -> Iterator[Level | Observation]:
        """Yield the level, then changes as they come, until nothing came for `wait_s`.

        Raises EngineUnavailable when the engine is lost; the caller backs off and calls again.
        """

    @abstractmethod
    def log(self, name: str) -> Sequence[LogChunk]:
        """The output of a run as far as the engine kept it; empty if it did not."""
