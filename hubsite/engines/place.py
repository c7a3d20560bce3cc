"""What an engine is: it runs work, and it is the only truth about what is running.

An engine has one `Place` for each kind of work. The hub applies specs there (a `Run`: what shall
run, under which name), watches facts (a `RunFact`: its state), and removes objects. All calls
are idempotent: applying a spec twice makes one object, and removing a name twice ends it once.

Facts flow one way: engine → `following.Follower` → `following.Book`.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from .facts import Described, FactT, Gone, Level, LogChunk, Note, RunFact, ServiceFact
from .outcomes import Applied, EngineUnavailable, Outcome, Removal
from .parallel import each
from .specs import Run, Service, SpecT

logger = logging.getLogger(__name__)


T = TypeVar("T")
R = TypeVar("R")


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
