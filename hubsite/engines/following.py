"""The follower: records facts from a place of an engine in the rows of a book.

It works on levels: it compares everything that the engine has with everything that the rows
expect, so the next look makes up for an event that was missed. Two followers at once are
harmless, because each step of a row is guarded; the lease only saves work.

The follower knows time and repetition; the book knows the rows. So a second kind of work needs
a second book, not a second follower.
"""

from __future__ import annotations

import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from hubsite.coordination.backoff import Backoff
from hubsite.coordination.lease import Lease
from hubsite.health.heartbeat import FollowerPulse

from .facts import Fact, FactT, Gone, Level
from .outcomes import EngineUnavailable
from .place import Place

logger = logging.getLogger(__name__)

WATCH_S = 2.0
STAND_BY_S = 2.0
ASK_EVERY_S = 0.2
"""The worker is asked at most five times a second, however many runs end."""
ASK_AGAIN_S = 10.0
"""The worker is asked again to remove an object that is still there after this time."""
ORPHAN_GRACE_S = 60.0
"""An object without a row is removed after this time, because its row may not be visible yet."""
AT_ONCE = 25
"""The number of facts recorded together. The worker is called after each portion."""
GONE_AT_ONCE = 500
"""The number of deleted objects handled together. Most rows need no change, only a query."""
BACKOFF = Backoff(first_s=0.5, longest_s=15.0, jitter=0.5)

T = TypeVar("T")


@dataclass(frozen=True)
class Recorded:
    """The result of recording facts: what the follower must do next."""

    useless: Collection[str] = ()
    """Names of objects that are no longer needed and shall be removed."""
    unknown: Collection[str] = ()
    """Names of objects without a row."""
    has_freed: bool = False
    """A place of the engine is free again."""


class Book(ABC, Generic[FactT]):
    """The rows of one kind of work, and how facts change them.

    All methods may be repeated with the same facts, by several followers at once: the second
    time they change nothing. They may raise database errors and EngineUnavailable; then the
    follower waits and looks again. One row that cannot be changed must not stop the others.

        class ShipBook(Book[ShipFact]):
            def record(self, facts):
                rows = {ship.name: ship for ship in Ship.objects.filter(name__in=...)}
                ...
                return Recorded(useless={"the names of ships that have landed"})
    """

    @abstractmethod
    def record(self, facts: Sequence[FactT]) -> Recorded:
        """Record these facts in their rows."""

    @abstractmethod
    def absent(self, known: Collection[str], *, asked_at: datetime) -> Recorded:
        """The engine had only the objects `known` at `asked_at`: handle rows without an object."""

    @abstractmethod
    def gone(self, gone: Sequence[Gone]) -> Recorded:
        """These objects were deleted, by the hub or by someone else."""

    @abstractmethod
    def request_work(self, *, remove: Sequence[str], fill_places: bool) -> bool:
        """Ask the worker to remove these objects, and to fill the places that are free.

        False if it cannot be asked now, for example because its queue is long.
        """


class Follower(Generic[FactT]):
    """Watches one place until it is stopped.

    `every_turn` is called in each turn while this process holds the lease. `pulse` writes the
    heartbeats: that the follower works, and whether the engine answers.
    """

    def __init__(
        self,
        place: Place[Any, FactT],
        book: Book[FactT],
        *,
        name: str,
        lease: Lease,
        is_stopping: Callable[[], bool],
        every_turn: Callable[[], object] = lambda: None,
        pulse: FollowerPulse | None = None,
    ) -> None:
        self.name = name
        self._place = place
        self._book = book
        self._lease = lease
        self._is_stopping = is_stopping
        self._every_turn = every_turn
        self._pulse = pulse
        self._failures = 0
        self._fingerprints: dict[str, tuple[object, ...]] = {}
        self._unknown_since: dict[str, float] = {}
        self._useless: dict[str, None] = {}
        self._asked_to_remove: dict[str, float] = {}
        self._has_freed = False
        self._next_ask = 0.0

    def run(self) -> None:
        """Watch until stopped. After a failure it tries again, with back-off."""
        try:
            while not self._is_stopping():
                try:
                    self._turn()
                    self._failures = 0
                except EngineUnavailable as error:
                    if self._pulse:
                        self._pulse.engine_fails(error.shown)
                    self._pause(f"{self.name}: {error}")
                except (DatabaseError, InterfaceError) as error:
                    connection.close()
                    self._pause(f"database: {error}")
        finally:
            self._place.stop_watching()
            with contextlib.suppress(DatabaseError, InterfaceError):
                self._lease.give_back()  # otherwise the next follower waits until it expires

    def look(self) -> None:
        """Wait for the engine's next facts, and record them."""
        facts: list[FactT] = []
        gone: list[Gone] = []
        wait_s = ASK_EVERY_S if self._has_freed or self._useless else WATCH_S
        for seen in self._place.watch(wait_s=wait_s):
            if isinstance(seen, Level):
                self.compare(seen)
            elif isinstance(seen, Gone):
                gone.append(seen)
            elif self._is_new(seen):
                facts.append(seen)
            if self._is_stopping():
                return
        # Record ends last, because they take longest, and others wait for the rest.
        self.record(sorted(facts, key=lambda fact: fact.phase.is_final))
        self.note_gone(gone)
        self._ask_worker()

    def compare(self, level: Level[FactT]) -> None:
        """Compare everything that exists with everything that should."""
        # Record changed facts first, because users wait to see them.
        self.record(sorted(level.facts, key=self._urgency))
        known = {fact.name for fact in level.facts}
        self._note(self._book.absent(known, asked_at=level.asked_at))
        self._ask_worker()
        self._unknown_since = {n: t for n, t in self._unknown_since.items() if n in known}
        self._fingerprints = {n: f for n, f in self._fingerprints.items() if n in known}

    def record(self, facts: Sequence[FactT]) -> None:
        """Record facts in their rows, in portions."""
        for some in _portions(facts, AT_ONCE):
            self._note(self._book.record(some))
            self._fingerprints |= {fact.name: fact.fingerprint for fact in some}
            self._ask_worker()

    def note_gone(self, gone: Sequence[Gone]) -> None:
        """Report deleted objects to the book."""
        for some in _portions(gone, GONE_AT_ONCE):
            for fact in some:
                self._fingerprints.pop(fact.name, None)
            self._note(self._book.gone(some))
        self._ask_worker()

    def _turn(self) -> None:
        close_old_connections()
        if not self._lease.hold():
            time.sleep(STAND_BY_S)
            return
        if self._pulse:
            self._pulse.turn()
        self._every_turn()
        self.look()
        if self._pulse:
            self._pulse.engine_answers()

    def _pause(self, why: str) -> None:
        self._failures += 1
        if self._failures in (1, 4) or self._failures % 20 == 0:
            logger.warning("%s; trying again", why)
        deadline = time.monotonic() + BACKOFF.pause_s(self._failures)
        while time.monotonic() < deadline and not self._is_stopping():
            time.sleep(0.1)

    def _is_new(self, fact: Fact) -> bool:
        """Whether the fact is new, because an object changes more often than its fact."""
        return self._fingerprints.get(fact.name) != fact.fingerprint

    def _urgency(self, fact: Fact) -> tuple[bool, bool]:
        return (not self._is_new(fact), fact.phase.is_final)

    def _note(self, recorded: Recorded) -> None:
        self._useless |= dict.fromkeys(recorded.useless)
        now = time.monotonic()
        for name in recorded.unknown:
            if now - self._unknown_since.setdefault(name, now) > ORPHAN_GRACE_S:
                self._useless[name] = None
        self._has_freed |= recorded.has_freed

    def _ask_worker(self) -> None:
        """Ask the worker to fill free places and to remove objects that are no longer needed.

        It asks for each object only once in a while, and not while the worker's queue is long.
        """
        now = time.monotonic()
        if not (self._has_freed or self._useless) or now < self._next_ask:
            return
        self._next_ask = now + ASK_EVERY_S
        self._asked_to_remove = {
            n: t for n, t in self._asked_to_remove.items() if now - t < ASK_AGAIN_S
        }
        names = [name for name in self._useless if name not in self._asked_to_remove]
        if self._book.request_work(remove=names, fill_places=self._has_freed):
            self._has_freed = False
            self._useless.clear()
            self._asked_to_remove |= dict.fromkeys(names, now)


def _portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
