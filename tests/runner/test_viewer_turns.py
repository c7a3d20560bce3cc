"""Few tiles are drawn at once, unless they wait for their store."""

from __future__ import annotations

import threading

import pytest

from jobs.runner.viewers.turns import Turns
from tests.patience import PATIENCE_S


class Counted:
    """Calls that note how many of them run."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running = self.most = 0
        self.order: list[int] = []
        self.threads: set[int] = set()

    def __call__(self, number: int) -> int:
        with self.lock:
            self.running += 1
            self.order.append(number)
            self.threads.add(threading.get_ident())
            self.most = max(self.most, self.running)
        threading.Event().wait(0.001)  # lets others run, if they may
        with self.lock:
            self.running -= 1
        if number % 10 == 9:
            raise LookupError(number)
        return number


@pytest.mark.parametrize("few", [1, 2, 3])
def test_no_more_than_few_run_while_each_is_quick(few):
    counted, turns = Counted(), Turns(few=few, most=6, moment_s=3600)
    called = [turns.submit(counted, number) for number in range(60)]
    ended = [call.exception(PATIENCE_S) or call.result() for call in called]
    assert counted.most <= few
    assert len(counted.threads) <= few, "each thread keeps memory"
    # Also those after a call that failed have had their turn, in the order in which they came.
    assert [it for it in ended if isinstance(it, int)] == [n for n in range(60) if n % 10 != 9]
    if few == 1:
        assert counted.order == [*range(60)]


def test_more_begin_when_the_first_ones_take_long():
    """Six calls wait for each other, as they would for a store; with two places none would end."""
    together = threading.Barrier(6, timeout=PATIENCE_S)
    turns = Turns(few=2, most=6, moment_s=0.01)
    called = [turns.submit(together.wait) for _ in range(6)]
    assert sorted(call.result(PATIENCE_S) for call in called) == [*range(6)]


def test_what_began_long_ago_keeps_no_one_from_their_turn():
    now, hold = [0.0], threading.Event()
    turns = Turns(few=2, most=4, moment_s=5.0, now=lambda: now[0])
    begun = [threading.Event() for _ in range(2)]

    def long(number: int) -> bool:
        begun[number].set()
        return hold.wait(PATIENCE_S)

    waiting = [turns.submit(long, number) for number in range(2)]
    assert all(event.wait(PATIENCE_S) for event in begun)
    now[0] = 5.0
    counted = Counted()
    assert [turns.submit(counted, n).result(PATIENCE_S) for n in range(5)] == [*range(5)]
    assert not any(call.done() for call in waiting)
    hold.set()
    assert all(call.result(PATIENCE_S) for call in waiting)


def test_what_nobody_waits_for_any_more_is_not_begun():
    turns, hold, begun = Turns(few=1, most=1), threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        hold.wait(PATIENCE_S)

    turns.submit(first)
    assert begun.wait(PATIENCE_S)
    counted = Counted()
    given_up, wanted = (turns.submit(counted, number) for number in (1, 2))
    assert given_up.cancel()
    hold.set()
    assert wanted.result(PATIENCE_S) == 2 and counted.order == [2]
