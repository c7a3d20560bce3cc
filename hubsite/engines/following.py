"""The follower: it carries facts from a place of an engine into the rows of a book.

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

from .base import EngineUnavailable, Fact, FactT, Gone, Level, Place

logger = logging.getLogger(__name__)

WATCH_S = 2.0
STAND_BY_S = 2.0
ASK_EVERY_S = 0.2
"""The worker is asked at most five times a second, however many runs end."""
ASK_AGAIN_S = 10.0
"""The worker is asked again to remove an object that is still there after this time."""
ORPHAN_GRACE_S = 60.0
"""An object without a row is removed after this time: its row may be on its way."""
AT_ONCE = 25
"""Facts that are recorded together. Between two portions the worker is asked to go on."""
GONE_AT_ONCE = 500
"""Most objects that are gone were removed by the hub: their rows need nothing but a look."""
BACKOFF = Backoff(first_s=0.5, longest_s=15.0, jitter=0.5)

T = TypeVar("T")


@dataclass(frozen=True)
class Recorded:
    """What came out of recording facts, as far as the follower must act on it."""

    useless: Collection[str] = ()
    """Names of objects that are of no further use: they shall be removed."""
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
        """Bring these facts into their rows."""

    @abstractmethod
    def absent(self, known: Collection[str], *, asked_at: datetime) -> Recorded:
        """The engine had only the objects `known` at `asked_at`: find rows that miss theirs."""

    @abstractmethod
    def gone(self, gone: Sequence[Gone]) -> Recorded:
        """These objects are gone, because the hub or somebody else removed them."""

    @abstractmethod
    def request_work(self, *, remove: Sequence[str], fill_places: bool) -> bool:
        """Ask the worker to remove these objects, and to fill the places that are free.

        False if it cannot be asked now, for example because its queue is long.
        """


class Follower(Generic[FactT]):
    """Watches one place until it is told to stop.

    `every_turn` is called at each turn while this process holds the lease. `pulse` tells health
    that it turns, and whether the engine answers.
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
        """Watch, and never give up: what fails is tried again, with longer and longer pauses."""
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
                self._lease.give_back()  # otherwise the next follower waits until it runs out

    def look(self) -> None:
        """Wait for what the engine sees next, and bring it into the rows."""
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
        # Ends take the longest to record. What others wait for must not wait for them.
        self.record(sorted(facts, key=lambda fact: fact.phase.is_final))
        self.note_gone(gone)
        self._ask_worker()

    def compare(self, level: Level[FactT]) -> None:
        """Compare everything that exists with everything that should."""
        # What has changed first: others see it in the rows, and wait for it.
        self.record(sorted(level.facts, key=self._urgency))
        known = {fact.name for fact in level.facts}
        self._note(self._book.absent(known, asked_at=level.asked_at))
        self._ask_worker()
        self._unknown_since = {n: t for n, t in self._unknown_since.items() if n in known}
        self._fingerprints = {n: f for n, f in self._fingerprints.items() if n in known}

    def record(self, facts: Sequence[FactT]) -> None:
        """Bring facts into their rows, in portions."""
        for some in _portions(facts, AT_ONCE):
            self._note(self._book.record(some))
            self._fingerprints |= {fact.name: fact.fingerprint for fact in some}
            self._ask_worker()

    def note_gone(self, gone: Sequence[Gone]) -> None:
        """Tell the book which objects are gone."""
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
        """Whether a row may change by it: an object changes more often than its fact does."""
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
        """Have the worker fill free places and remove objects that are of no further use.

        For each object it is asked once in a while, and not while its queue is long.
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
