"""The follower carries facts of any kind of work: here of ships, for a book in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from hubsite.coordination.lease import Lease
from hubsite.engines import following
from hubsite.engines.facts import Fact, Gone, Level, Phase
from hubsite.engines.following import Book, Follower, Recorded
from hubsite.engines.outcomes import Applied, EngineUnavailable, Removal
from hubsite.engines.place import Place

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class ShipFact(Fact):
    """A ship: it sails (RUNNING) or has landed (SUCCEEDED)."""


class Sea(Place[Any, ShipFact]):
    """Tells what the test says, one list at each look."""

    capacity = 9

    def __init__(self) -> None:
        self.looks: list[list[Level[ShipFact] | ShipFact | Gone] | Exception] = []
        self.is_watched = False

    def watch(self, *, wait_s: float) -> Iterator[Level[ShipFact] | ShipFact | Gone]:
        self.is_watched = True
        look = self.looks.pop(0) if self.looks else []
        if isinstance(look, Exception):
            raise look
        yield from look

    def stop_watching(self) -> None:
        self.is_watched = False

    def apply_one(self, spec: Any) -> Applied:
        raise NotImplementedError

    def remove_one(self, name: str) -> Removal:
        raise NotImplementedError

    def exists(self, name: str) -> bool:
        raise NotImplementedError

    def look(self, name: str) -> ShipFact | None:
        raise NotImplementedError

    def log(self, name: str, *, most_lines: int, wait_s: float) -> Sequence[Any]:
        raise NotImplementedError


class Harbour(Book[ShipFact]):
    """Knows some ships; one that has landed is of no further use."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.recorded: list[list[str]] = []
        self.lost: list[str] = []
        self.left: list[str] = []
        self.asked: list[tuple[list[str], bool]] = []
        self.is_busy = False
        self.errors: list[Exception] = []

    def record(self, facts: Sequence[ShipFact]) -> Recorded:
        if self.errors:
            raise self.errors.pop(0)
        self.recorded.append([fact.name for fact in facts])
        names = {fact.name for fact in facts}
        landed = {fact.name for fact in facts if fact.phase.is_final} & self.known
        return Recorded(useless=landed, unknown=names - self.known, has_freed=bool(landed))

    def absent(self, known: Collection[str], *, asked_at: datetime) -> Recorded:
        self.lost += sorted(self.known - set(known))
        return Recorded()

    def gone(self, gone: Sequence[Gone]) -> Recorded:
        self.left += [fact.name for fact in gone]
        return Recorded()

    def request_work(self, *, remove: Sequence[str], fill_places: bool) -> bool:
        if self.is_busy:
            return False
        self.asked.append((list(remove), fill_places))
        return True


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "ASK_EVERY_S", 0.0)


def follower(sea: Sea, harbour: Harbour) -> Follower[ShipFact]:
    return Follower(
        sea,
        harbour,
        name="sea",
        lease=Lease("follower-sea", seconds=15),
        is_stopping=lambda: not sea.looks,
    )


def sails(name: str, message: str | None = None) -> ShipFact:
    return ShipFact(name, Phase.RUNNING, message=message)


def landed(name: str) -> ShipFact:
    return ShipFact(name, Phase.SUCCEEDED)


def level(*facts: ShipFact) -> Level[ShipFact]:
    return Level(facts, asked_at=timezone.now())


def look(sea: Sea, watching: Follower[ShipFact], *facts: Any) -> None:
    sea.looks = [list(facts), []]  # one more, so that it is not stopping
    watching.look()
    sea.looks = []


def test_a_fact_goes_into_the_book_once_until_it_changes():
    sea, harbour = Sea(), Harbour("ann", "bea")
    watching = follower(sea, harbour)
    look(sea, watching, sails("ann"), sails("bea"))
    look(sea, watching, sails("ann"), sails("bea", "in fog"))
    look(sea, watching, sails("ann"))
    assert harbour.recorded == [["ann", "bea"], ["bea"]]
    look(sea, watching, Gone("ann", timezone.now()))
    look(sea, watching, sails("ann"))
    assert harbour.left == ["ann"]
    assert harbour.recorded[2:] == [["ann"]], "a new ship of that name"


def test_what_others_wait_for_does_not_wait_for_ends():
    sea, harbour = Sea(), Harbour()
    look(sea, follower(sea, harbour), landed("a"), sails("b"), landed("c"), sails("d"))
    assert harbour.recorded == [["b", "d", "a", "c"]]


def test_in_a_level_what_has_changed_comes_first():
    sea, harbour = Sea(), Harbour("a", "b", "c", "e")
    watching = follower(sea, harbour)
    look(sea, watching, sails("a"), sails("b"), sails("c"))
    look(sea, watching, level(sails("a"), sails("b", "in fog"), landed("c"), sails("d")))
    assert harbour.recorded[1] == ["b", "d", "c", "a"]
    assert harbour.lost == ["e"]


def test_many_facts_are_recorded_in_portions_and_the_worker_is_asked_in_between(monkeypatch):
    monkeypatch.setattr(following, "AT_ONCE", 2)
    sea, harbour = Sea(), Harbour(*"abcde")
    look(sea, follower(sea, harbour), *map(landed, "abcde"))
    assert harbour.recorded == [["a", "b"], ["c", "d"], ["e"]]
    assert [sorted(names) for names, _ in harbour.asked] == [["a", "b"], ["c", "d"], ["e"]]
    assert all(fill_places for _, fill_places in harbour.asked)


def test_the_worker_is_asked_again_only_after_a_while_and_later_if_it_is_busy(monkeypatch):
    sea, harbour = Sea(), Harbour("a")
    watching = follower(sea, harbour)
    harbour.is_busy = True
    look(sea, watching, level(landed("a")))
    harbour.is_busy = False
    look(sea, watching)
    look(sea, watching, level(landed("a")))
    assert [names for names, _ in harbour.asked if names] == [["a"]]
    monkeypatch.setattr(following, "ASK_AGAIN_S", -1.0)
    look(sea, watching, level(landed("a")))
    assert [names for names, _ in harbour.asked if names] == [["a"], ["a"]]


def test_an_object_without_a_row_is_useless_only_after_its_grace(monkeypatch):
    sea, harbour = Sea(), Harbour()
    watching = follower(sea, harbour)
    look(sea, watching, level(sails("stranger")))
    assert harbour.asked == []
    monkeypatch.setattr(following, "ORPHAN_GRACE_S", -1.0)
    look(sea, watching, level(sails("stranger")))
    assert harbour.asked == [(["stranger"], False)]


@pytest.mark.django_db(transaction=True)
def test_whatever_fails_is_tried_again_and_nothing_is_held_at_the_end(monkeypatch):
    sea, harbour = Sea(), Harbour("ann")
    pauses: list[str] = []
    monkeypatch.setattr(Follower, "_pause", lambda self, why: pauses.append(why))
    harbour.errors = [OperationalError("database is locked")]
    sea.looks = [EngineUnavailable("no wind"), [sails("ann")], [sails("ann")], []]
    follower(sea, harbour).run()
    assert pauses == ["sea: no wind", "database: database is locked"]
    assert harbour.recorded == [["ann"]], "what could not be recorded is not taken as known"
    assert not sea.is_watched
