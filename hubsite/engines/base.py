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
    """Where the engine's object is in its life.

    STUCK: it has not begun and, as the engine sees it, never will; yet the object exists, so
    that it may begin until it is deleted.
    """

    PENDING = "PENDING"
    STUCK = "STUCK"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in (Phase.SUCCEEDED, Phase.FAILED)


class EngineUnavailable(Exception):
    """The engine cannot do it now, for this and all others; the call may be repeated later.

    The message is for operators; `shown` is what users may see of it.
    """

    shown = "what runs the jobs cannot be reached just now"


class EngineFull(EngineUnavailable):
    """The engine has no room for more."""

    shown = "what runs the jobs has no room for more just now"


class NotYet(Exception):
    """The engine cannot do it now for this one alone; the call may be repeated later."""


class LaunchRefused(Exception):
    """The engine will never run this workload; the message says why."""


class AlreadyEnded(Exception):
    """A run of this name has ended and was removed; it will not run again."""


@dataclass(frozen=True)
class Report:
    """Where a run reports its progress and log, and the token that lets it."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Code:
    """Uploaded code of the owner's own: the zip, and where the run may fetch it by its token."""

    url: str
    archive: bytes = field(repr=False)


@dataclass(frozen=True)
class Program:
    """What understands a payload: a Python package as a zip, for engines that bring it along.

    `module` is run with `python -m`, by a Python that can import `requires`.
    """

    archive: bytes = field(repr=False)
    module: str
    requires: str


@dataclass(frozen=True)
class Workload:
    """What to run. `payload` is opaque to the engine: the program understands it.

    `owner` is the id of the user it is run for. `memory_bytes` is the most it may use,
    `expected_memory_bytes` what it will probably use. `is_untrusted`: it runs its owner's own
    code, and must get nothing that is not theirs.
    """

    name: str
    attempt: int
    owner: str
    payload: dict[str, Any] = field(repr=False)
    deadline_s: float
    memory_bytes: int | None = None
    expected_memory_bytes: int | None = None
    is_untrusted: bool = False
    env: dict[str, str] = field(default_factory=dict, repr=False)
    report: Report | None = None
    code: Code | None = None
    program: Program | None = None


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
class Gone:
    """The object of this name was there, and is no more since some moment before `at`."""

    name: str
    at: datetime


@dataclass(frozen=True)
class Level:
    """Every object of ours that exists: what is not in it did not exist at `asked_at`, or has
    been seen to go since."""

    observations: Sequence[Observation]
    asked_at: datetime


class Engine(ABC):
    """One place to run workloads; each row of work carries the `name` of its engine."""

    name: str
    log_is_cheap: bool = True
    """Whether `log` may be asked for each run at its end; else only for one that reported no line,
    by who need not hurry."""
    delete_is_lasting: bool = True
    """Whether a name that was deleted is not made by a launch that was already under way."""
    launches_at_once: int = 1
    """How many launches may be called at the same time, by threads of one process."""

    @property
    @abstractmethod
    def places(self) -> int:
        """How many workloads may be running at once."""

    @abstractmethod
    def launch(self, workload: Workload) -> None:
        """Make the object. Raises LaunchRefused, AlreadyEnded, NotYet or EngineUnavailable."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """End the run if it is running and remove the object; gone is success."""

    @abstractmethod
    def level(self) -> Level:
        """List everything. Raises EngineUnavailable."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether the object is there now; not from memory. Raises EngineUnavailable."""

    @abstractmethod
    def watch(self, *, wait_s: float) -> Iterator[Level | Observation | Gone]:
        """Yield what has changed, and the level now and then; after `wait_s` without, nothing.

        Raises EngineUnavailable when the engine is lost; the caller backs off and calls again.
        """

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give up what `watch` holds; nothing where it holds nothing."""

    @abstractmethod
    def log(self, name: str) -> Sequence[LogChunk]:
        """The output of a run as far as the engine kept it; empty if it did not, or if it
        cannot be had now: an end is worth more than its log."""
