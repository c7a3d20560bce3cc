"""What an engine is: it runs work, and it is the only truth about what is running.

An engine knows nothing of jobs, users or xcube. It has one `Place` for each kind of work. The
hub applies specs there (a `Run`: what shall run, under which name), watches facts (a `RunFact`:
its state), and removes objects. All calls are idempotent: applying a spec twice makes one
object, and removing a name twice ends it once.

Facts flow one way: engine → `following.Follower` → `following.Book`.
"""

from __future__ import annotations

import enum
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from .parallel import each

logger = logging.getLogger(__name__)


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
    """It ended again and again, and is not started once more."""
    STOPPED = "STOPPED"
    """It was ended from outside, for example because its object was removed."""


class EngineUnavailable(Exception):
    """The engine can do nothing now, for no one. The call may be repeated later.

    The message is for operators; `shown` is what users may see.
    """

    shown = "what runs the jobs cannot be reached just now"


class EngineFull(EngineUnavailable):
    """The engine has no room for more, for no one."""

    shown = "what runs the jobs has no room for more just now"


# Specs: what shall run.


@dataclass(frozen=True)
class Program:
    """The program that understands a payload: a Python package as a zip file.

    An engine starts `python -m module` with a Python that can import `requires`.
    """

    archive: bytes = field(repr=False)
    module: str
    requires: str


@dataclass(frozen=True)
class Command:
    """A program that the image or this machine has itself, in place of a `Program`.

    In `arguments` and in the values of `env` the engine replaces `{address}` and `{port}` (where
    the program must listen), `{path}` (the path of all its URLs), and `{workspace}` (a folder of
    its owner that is kept between starts); on this machine also `{socket}`, the path of a unix
    socket that it may listen at in place of a port. No shell is involved. `keeps` names the
    folder; two services of the same name share it. `workspace` is where the folder is in an
    image, and `settings` is the folder in its home that is kept as well, such as `.cate`.
    """

    arguments: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    keeps: str = ""
    workspace: str = "/workspace"
    settings: str = ""


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with each `{name}` that `values` has replaced, once; others stay as they are."""
    names = "|".join(map(re.escape, values))
    return re.sub(rf"\{{({names})\}}", lambda found: values[found[1]], text)


@dataclass(frozen=True)
class Container:
    """The process of a run or of a service, and what it may use: a `program`, or a `command`.

    `owner` is the id of the user for whom it runs. `memory_bytes` is the most that it may use,
    `expected_memory_bytes` is what it will probably use; `cpus` is the most processor time that
    it may use, in cores. `is_untrusted`: it executes code of its owner, so it must get nothing
    that does not belong to its owner. `image` is an image other than the engine's own; an engine
    without images ignores it.
    """

    owner: str
    program: Program | None = None
    command: Command | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    memory_bytes: int | None = None
    expected_memory_bytes: int | None = None
    is_untrusted: bool = False
    cpus: float | None = None
    image: str = ""


@dataclass(frozen=True)
class Report:
    """Where a run reports its progress and its log, and the token that allows it."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Code:
    """Code that the owner uploaded: the zip file, and where the run can fetch it by its token."""

    url: str
    archive: bytes = field(repr=False)


@dataclass(frozen=True)
class Run:
    """The spec of a run, which begins once and ends by itself.

    `payload` is opaque to the engine: only the program understands it. `attempt` belongs to the
    identity: an object of another attempt is another run. Today every job has one attempt.
    """

    name: str
    attempt: int
    container: Container
    payload: Mapping[str, Any] = field(repr=False)
    deadline_s: float
    report: Report | None = None
    code: Code | None = None


@dataclass(frozen=True)
class Service:
    """The spec of a service, which runs until it is removed and answers HTTP.

    Applying a spec with a higher `revision` changes the object; one with a lower revision is
    ignored. `payload` is opaque to the engine: only the program understands it. `path` is the
    path of all its URLs, without a slash at its end ("" if it has an origin of its own); `probe`
    is the path below it that answers 200 when the service is ready. `port` is where it listens,
    if the engine gives it an address of its own. `is_asleep`: it shall have no process, but keep
    its address.
    """

    name: str
    revision: int
    container: Container
    payload: Mapping[str, Any] = field(repr=False)
    path: str = ""
    probe: str = "/"
    port: int = 8080
    is_asleep: bool = False


# Outcomes: what came back from a call.


class Outcome(enum.StrEnum):
    """What `apply` did with a spec."""

    MADE = "MADE"
    """The object exists completely, now or since an earlier call."""
    WAITS = "WAITS"
    """Not now, but only for a reason of this one; apply it again later."""
    REFUSED = "REFUSED"
    """The engine will never accept this spec."""
    ENDED = "ENDED"
    """An object of this name has ended and was removed; it will not be made again."""
    UNREACHABLE = "UNREACHABLE"
    """The engine cannot do it now, neither this one nor others; apply all of them again later."""


@dataclass(frozen=True)
class Applied:
    """The outcome for one spec. `message` is for its owner, `detail` is for operators."""

    outcome: Outcome
    message: str = ""
    detail: str = ""


MADE = Applied(Outcome.MADE)


class Removal(enum.StrEnum):
    """What `remove` did with a name."""

    GONE = "GONE"
    """There is no such object, and an apply that began before will not make it."""
    ENDING = "ENDING"
    """The object is being ended; a fact will tell when it is gone."""
    MAY_STILL_APPEAR = "MAY_STILL_APPEAR"
    """There is no such object now, but an apply that began before may still make it."""


@dataclass(frozen=True)
class LogChunk:
    """Consecutive lines of a run's output. `first_line` is the number of the first, from 0."""

    first_line: int
    lines: Sequence[str]


# Facts: what an engine sees.


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


class Spec(Protocol):
    """What all specs have."""

    @property
    def name(self) -> str: ...

    @property
    def container(self) -> Container: ...


SpecT = TypeVar("SpecT", bound=Spec)
FactT = TypeVar("FactT", bound=Fact)
T = TypeVar("T")
R = TypeVar("R")


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


class Place(ABC, Generic[SpecT, FactT]):
    """Where an engine keeps the objects of one kind of work.

    A subclass says how to apply and remove one object; this class does many, in parallel, and
    stops at the first call that finds the engine unreachable:

        class MyRuns(Place[Run, RunFact]):
            calls_at_once = 8

            def apply_one(self, spec: Run) -> Applied:
                status = put(spec)               # raises EngineUnavailable
                return MADE if status == 201 else Applied(Outcome.REFUSED, f"status {status}")
    """

    calls_at_once: int = 1
    """How many calls the engine takes at the same time from one process."""

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many objects may exist at once."""

    def apply(self, specs: Sequence[SpecT]) -> list[Applied]:
        """Make these objects. Gives one outcome for each spec, in their order.

        Raises nothing: what was made must be recorded, also if the engine became unreachable
        in between. Then all that were not made, and those not tried, are UNREACHABLE.
        """
        return [_applied(result) for result in self._each(self._try, specs)]

    def remove(self, names: Sequence[str]) -> dict[str, Removal]:
        """End these objects and remove them. Raises EngineUnavailable; then call it again."""
        results = self._each(self.remove_one, names)
        done: dict[str, Removal] = {}
        for name, result in zip(names, results, strict=True):
            if isinstance(result, EngineUnavailable):
                raise result
            done[name] = result
        return done

    @abstractmethod
    def apply_one(self, spec: SpecT) -> Applied:
        """Make one object. May run in a thread without a database. Raises EngineUnavailable."""

    @abstractmethod
    def remove_one(self, name: str) -> Removal:
        """End and remove one object; may run in a thread. Raises EngineUnavailable."""

    def stop(self, name: str) -> None:
        """End one object. Raises EngineUnavailable.

        If the engine can do so, the ended object stays, and shows how it ended, until it is
        removed.
        """
        self.remove_one(name)

    @abstractmethod
    def look(self, name: str) -> FactT | None:
        """Ask the engine itself for the present fact; None if the object does not exist.

        Raises EngineUnavailable.
        """

    def describe(self, name: str) -> list[Described]:
        """What the engine itself shows of these objects, for operators. Empty if there is none.

        Raises EngineUnavailable.
        """
        fact = self.look(name)
        if fact is None:
            return []
        told = ": ".join(filter(None, (fact.reason, fact.message)))
        return [Described("run", name, str(fact.phase), notes=[Note(told)] if told else [])]

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Ask the engine itself whether the object exists now. Raises EngineUnavailable."""

    @abstractmethod
    def watch(self, *, wait_s: float) -> Iterator[Level[FactT] | FactT | Gone]:
        """Give the facts that changed, and sometimes the level. Gives nothing after `wait_s`.

        Call it again and again. Raises EngineUnavailable; then wait before calling it again.
        """

    def stop_watching(self) -> None:  # noqa: B027 - most hold nothing
        """Release what `watch` keeps between two calls. The next `watch` starts again."""

    @abstractmethod
    def log(self, name: str, *, most_lines: int, wait_s: float) -> Sequence[LogChunk]:
        """The last lines of an object's log, as far as the engine has them.

        `wait_s`: how long to wait for another machine; with 0 only lines that the engine has
        itself. Empty if there is none or it cannot be read now. Raises EngineUnavailable.
        """

    def _each(self, call: Callable[[T], R], items: Sequence[T]) -> list[R | EngineUnavailable]:
        return each(call, items, at_once=self.calls_at_once, stop_at=EngineUnavailable)

    def _try(self, spec: SpecT) -> Applied:
        try:
            return self.apply_one(spec)
        except EngineUnavailable:
            raise
        except Exception:
            # An unexpected error for one spec must not hide the outcomes of the others.
            logger.exception("%s could not be applied; it will be tried again", spec.name)
            return Applied(Outcome.WAITS)


def _applied(result: Applied | EngineUnavailable) -> Applied:
    if isinstance(result, EngineUnavailable):
        return Applied(Outcome.UNREACHABLE, result.shown, str(result))
    return result


class ServicePlace(Place[Service, ServiceFact]):
    """Where an engine keeps services. `apply` also changes those that exist: see `Service`."""

    def refresh(self, names: Sequence[str]) -> None:
        """Tell these services that data which they show has changed, so that they read it anew.

        A service that is asleep or unknown is left alone. Raises EngineUnavailable.
        """
        for result in self._each(self.refresh_one, names):
            if isinstance(result, EngineUnavailable):
                raise result

    def forget_files(self, keeps: str) -> str:
        """Delete the files that commands kept under this name (`Command.keeps`).

        No service of that name may exist. Returns what operators must do themselves; "" if
        nothing is left.
        """
        return ""

    @abstractmethod
    def refresh_one(self, name: str) -> None:
        """Refresh one service; may run in a thread. Raises EngineUnavailable."""


class Engine(Protocol):
    """One engine under its name, which each row of work carries: one place for each kind of work.

    `services` is None if the engine cannot keep services.
    """

    name: str
    runs: Place[Run, RunFact]
    services: ServicePlace | None
