"""Facts: what an engine sees of its objects, such as the phase of a run and why it failed."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Generic, TypeVar


class Phase(enum.StrEnum):
    """Where an object is in its life.

    STUCK: it has not begun and, as far as the engine can tell, never will. But the object exists,
    so it may still begin until it is removed. A service is PENDING until it answers, then RUNNING;
    ASLEEP if it has no process on purpose; FAILED if the engine does not start it again. It never
    SUCCEEDED.
    """

    PENDING = "PENDING"
    ASLEEP = "ASLEEP"
    STUCK = "STUCK"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in (Phase.SUCCEEDED, Phase.FAILED)


class Reason(enum.StrEnum):
    """Why something failed or waits, as far as an engine can tell by itself.

    This is the only place where these are declared. A program has reasons of its own, which it
    reports itself; the app that owns the program declares those.
    """

    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    DEADLINE = "DEADLINE"
    EVICTED = "EVICTED"
    IMAGE = "IMAGE"
    UNSCHEDULABLE = "UNSCHEDULABLE"
    REJECTED = "REJECTED"
    LOST = "LOST"
    LAUNCH = "LAUNCH"
    CRASH_LOOP = "CRASH_LOOP"
    """It ended several times in a row, so it is not started again."""
    STOPPED = "STOPPED"
    """It was ended from outside, for example because its object was removed."""


@dataclass(frozen=True)
class Fact:
    """The state of one object, as the engine sees it now.

    `reason` is a `Reason`, or one that the program gave itself, or None. A failure without a
    reason is the program's own failure.
    """

    name: str
    phase: Phase
    reason: str | None = None
    message: str | None = None

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Equal for two facts that would change a row in the same way."""
        return (self.phase, self.message, self.reason)


@dataclass(frozen=True, kw_only=True)
class RunFact(Fact):
    """The state of one run. `result` is what the program reported at its end; `wrote` says
    whether it had begun to write its output, None if no one knows; `usage` holds numbers that
    its supervisor measured, such as `peak_memory_bytes`, by name."""

    attempt: int
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: dict[str, Any] | None = None
    wrote: bool | None = None
    usage: Mapping[str, int] = field(default_factory=dict)

    @property
    def fingerprint(self) -> tuple[object, ...]:
        end = (self.reason, self.result) if self.phase.is_final else ()
        return (self.attempt, self.phase, self.message, *end)


USAGE = ("peak_memory_bytes", "written_cells")
"""The numbers that a supervisor may report: memory at its peak, values in what was written."""


def usage_of(told: Mapping[str, Any]) -> dict[str, int]:
    """The numbers named in USAGE that `told` holds; others and what is no number are left out."""
    return {
        name: value
        for name in USAGE
        if isinstance(value := told.get(name), int)
        and not isinstance(value, bool)
        and 0 <= value < 2**62
    }


@dataclass(frozen=True, kw_only=True)
class ServiceFact(Fact):
    """The state of one service. `revision` is that of the spec that the object has now.

    `address` is where the edge reaches it: `http://host:port`, or `unix:/path` of a socket; ""
    as long as it has none. It stays while the service is asleep. `restarts` counts how often its
    process ended and was started again. `broken` names parts of it that do not work while the
    rest does, each with the reason; `None` if the engine cannot know them.
    """

    revision: int
    address: str = ""
    ready_since: datetime | None = None
    restarts: int = 0
    broken: Mapping[str, str] | None = None

    @property
    def fingerprint(self) -> tuple[object, ...]:
        state = (self.phase, self.reason, self.message)
        broken = None if self.broken is None else tuple(sorted(self.broken.items()))
        return (self.revision, *state, self.address, self.ready_since, self.restarts, broken)


MOST_BROKEN = 20
"""A fact names at most so many broken parts."""


def broken_of(told: object) -> dict[str, str]:
    """The broken parts that a program reported, bounded; what is no text is left out."""
    if not isinstance(told, Mapping):
        return {}
    texts = ((name, why) for name, why in told.items() if isinstance(why, str))
    return {str(name)[:300]: why[:300] for name, why in islice(texts, MOST_BROKEN)}


FactT = TypeVar("FactT", bound=Fact)


@dataclass(frozen=True)
class Gone:
    """The object of this name existed. Since some moment before `at` it does not."""

    name: str
    at: datetime


@dataclass(frozen=True)
class Level(Generic[FactT]):
    """A fact about every object of ours that exists.

    An object that is not in it did not exist at `asked_at`, or was deleted since.
    """

    facts: Sequence[FactT]
    asked_at: datetime


@dataclass(frozen=True)
class LogChunk:
    """Consecutive lines of a run's output. `first_line` is the number of the first, from 0."""

    first_line: int
    lines: Sequence[str]


@dataclass(frozen=True)
class Note:
    """Something that the engine noted about an object, such as an event of Kubernetes."""

    text: str
    at: datetime | None = None
    count: int = 1


@dataclass(frozen=True)
class Described:
    """One object as operators see it: what it is, how it stands, and what was noted about it."""

    kind: str
    name: str
    state: str
    since: datetime | None = None
    notes: Sequence[Note] = ()
