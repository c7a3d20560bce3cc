"""Only some of a process's threads may wait for something outside."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from hubsite.refusals import Kind, Refused
from hubsite.web.waiting import most_of_one, most_waiting, place_to_wait
from tests.patience import PATIENCE_S


def refusal(who: str) -> Refused:
    with pytest.raises(Refused) as caught, place_to_wait(who):
        pass
    return caught.value


def test_one_caller_has_a_share_and_others_go_on():
    with ExitStack() as stack:
        for _ in range(most_of_one()):
            stack.enter_context(place_to_wait("ann"))
        refused = refusal("ann")
        assert (refused.kind, refused.retry_after_s) == (Kind.BUSY, 5)
        with place_to_wait("ben"):
            pass
    with place_to_wait("ann"):
        pass


def test_all_callers_together_leave_threads_for_others(settings):
    with ExitStack() as stack:
        for number in range(most_waiting()):
            stack.enter_context(place_to_wait(f"user-{number}"))
        assert refusal("another").kind is Kind.UNAVAILABLE
    assert most_waiting() < settings.HUB["XCUBE_HUB_WEB_THREADS"]


def test_what_fails_while_waiting_gives_its_place_back():
    for _ in range(3 * most_waiting()):
        with pytest.raises(KeyError), place_to_wait("ann"):
            raise KeyError


def test_no_more_than_the_share_get_in_at_once():
    in_here = threading.Semaphore(0)
    all_tried = threading.Event()

    def attempt(_: int) -> bool:
        try:
            with place_to_wait("ann"):
                in_here.release()
                return all_tried.wait(PATIENCE_S)
        except Refused:
            in_here.release()
            return False

    with ThreadPoolExecutor(40) as pool:
        tries = [pool.submit(attempt, number) for number in range(40)]
        for _ in tries:
            assert in_here.acquire(timeout=PATIENCE_S)
        all_tried.set()
        assert sum(one.result() for one in tries) == most_of_one()
