"""A place makes and removes many objects at once, and stops when its engine is unreachable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hubsite.engines.outcomes import MADE, Applied, EngineFull, EngineUnavailable, Outcome, Removal
from hubsite.engines.place import Place
from hubsite.engines.specs import Container, Run
from tests.patience import PATIENCE_S


def run(name: str) -> Run:
    return Run(name, 1, Container("ann"), {}, 60)


class Somewhere(Place[Run, Any]):
    """Does with each name what the test says."""

    capacity = 9

    def __init__(self, do: Callable[[str], Any], *, at_once: int) -> None:
        self.calls_at_once = at_once
        self.asked: list[str] = []
        self._do = do

    def apply_one(self, spec: Run) -> Applied:
        self.asked.append(spec.name)
        return self._do(spec.name) or MADE

    def remove_one(self, name: str) -> Removal:
        self.asked.append(name)
        return self._do(name) or Removal.GONE

    def look(self, name: str) -> None:
        raise NotImplementedError

    def exists(self, name: str) -> bool:
        raise NotImplementedError

    def watch(self, *, wait_s: float) -> Iterator[Any]:
        raise NotImplementedError

    def log(self, name: str, *, most_lines: int, wait_s: float) -> list[Any]:
        raise NotImplementedError


def unreachable_at(*names: str) -> Callable[[str], None]:
    def do(name: str) -> None:
        if name in names:
            raise EngineFull(f"no room for {name}")

    return do


@pytest.mark.parametrize("at_once", [1, 4])
def test_an_engine_that_is_unreachable_is_asked_once(at_once):
    place = Somewhere(unreachable_at(*"abcdef"), at_once=at_once)
    outcomes = place.apply([run(name) for name in "abcdef"])
    assert place.asked == ["a"]
    assert {applied.outcome for applied in outcomes} == {Outcome.UNREACHABLE}
    assert (outcomes[5].message, outcomes[5].detail) == (EngineFull.shown, "no room for a")


def test_what_was_made_before_is_told():
    place = Somewhere(unreachable_at("c"), at_once=1)
    outcomes = place.apply([run(name) for name in "abcd"])
    assert place.asked == ["a", "b", "c"]
    assert [applied.outcome for applied in outcomes] == ["MADE", "MADE"] + 2 * ["UNREACHABLE"]


def test_the_others_are_made_at_the_same_time_and_told_in_their_order():
    together = threading.Barrier(4)

    def do(name: str) -> Applied | None:
        if name != "a":
            together.wait(PATIENCE_S)  # goes on only if four are here at once
        return Applied(Outcome.REFUSED, name) if name in "ce" else None

    outcomes = Somewhere(do, at_once=4).apply([run(name) for name in "abcde"])
    assert [(applied.outcome, applied.message) for applied in outcomes] == [
        ("MADE", ""),
        ("MADE", ""),
        ("REFUSED", "c"),
        ("MADE", ""),
        ("REFUSED", "e"),
    ]


@pytest.mark.parametrize("at_once", [1, 4])
def test_one_that_fails_in_an_unforeseen_way_hides_no_other(at_once, caplog):
    def do(name: str) -> None:
        if name == "b":
            raise KeyError(name)

    outcomes = Somewhere(do, at_once=at_once).apply([run(name) for name in "abc"])
    assert [applied.outcome for applied in outcomes] == ["MADE", "WAITS", "MADE"]
    assert "it will be tried again" in caplog.text


def test_removing_stops_at_the_first_failure_too():
    place = Somewhere(unreachable_at("b"), at_once=1)
    with pytest.raises(EngineUnavailable, match="no room for b"):
        place.remove(["a", "b", "c"])
    assert place.asked == ["a", "b"]
    place = Somewhere(lambda name: Removal.ENDING if name == "b" else None, at_once=4)
    assert place.remove(["a", "b", "c"]) == {"a": "GONE", "b": "ENDING", "c": "GONE"}


def test_nothing_asked_for_is_nothing_done():
    place = Somewhere(unreachable_at(), at_once=4)
    assert place.apply([]) == []
    assert place.remove([]) == {}
    assert place.asked == []
