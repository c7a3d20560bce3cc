"""What is called fair, on a few steps made by hand."""

from __future__ import annotations

from .shares import Step, filled, last_ends, shares

A, B = 1, 2


def steps(text: str) -> list[Step]:
    """`a1+` queued, `a1>` launched, `a1.` ended: job 1 of A, a second apart."""
    states = {"+": "QUEUED", ">": "LAUNCHED", ".": "SUCCEEDED"}
    owners = {"a": A, "b": B}
    return [
        Step(word[:-1], owners[word[0]], states[word[-1]], float(at))
        for at, word in enumerate(text.split())
    ]


QUEUED = "a1+ a2+ a3+ a4+ b1+ b2+ b3+ b4+ "


def test_one_each_in_turn_is_fair() -> None:
    found = shares(steps(QUEUED + "a1> b1> a1. a2> b1. b2>"), places=2)
    assert (found.most_placed, found.widest) == (2, 0)


def test_first_come_first_served_is_not() -> None:
    found = shares(steps(QUEUED + "a1> a2> a1. a3>"), places=2)
    assert (found.most_placed, found.widest) == (2, 2)
    assert found.held < 1


def test_a_place_just_freed_may_be_anyones_until_it_is_given() -> None:
    begun = QUEUED + "a1> b1> a2> b2> b1. b2. "
    assert shares(steps(begun), places=4).widest == 0
    assert shares(steps(begun + "a3> a4>"), places=4).widest == 2


def test_who_waits_for_nothing_is_not_compared() -> None:
    assert shares(steps("a1+ a2+ a3+ b1+ a1> b1> a2> b1."), places=3).widest == 0


def test_too_many_are_seen() -> None:
    assert shares(steps(QUEUED + "a1> b1> a2>"), places=2).most_placed == 3


def test_free_places_go_to_whoever_holds_fewest() -> None:
    assert filled([4, 1, 2], 2) == [2, 3, 4]
    assert filled([4, 1, 2], 9) == [4, 4, 4]


def test_the_last_end_of_each_is_counted_among_all() -> None:
    assert last_ends(steps("a1+ b1+ a2+ a1> b1> a2> b1. a1. a2.")) == {A: 3, B: 1}
