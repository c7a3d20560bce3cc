"""The simulated launches follow the rules of launching."""

from __future__ import annotations

import pytest

from jobs.prediction.queue_order import NEWEST, QueueOrder, Range, order_of
from jobs.prediction.simulation import Queue, Running, Waiting, simulate

MINUTE = {"": [60.0]}
"""Each job takes exactly a minute, so nothing is left to chance."""


def queue(waiting, running=(), *, capacity=1, limit=0, durations=MINUTE) -> Queue:
    """`waiting` are owners in the order of submission, or (owner, priority)."""
    jobs = []
    for pk, told in enumerate(waiting, 1):
        owner, priority = told if isinstance(told, tuple) else (told, 1)
        jobs.append(Waiting(pk, owner, "", priority))
    return Queue(capacity, limit, jobs, [Running(o, "", s) for o, s in running], durations)


def starts(a_queue: Queue) -> dict[int, float]:
    return simulate(a_queue)[0].starts


def test_places_are_given_one_after_the_other():
    assert starts(queue([1, 1, 1])) == {1: 0, 2: 60, 3: 120}
    assert starts(queue([1, 1, 1], capacity=2)) == {1: 0, 2: 0, 3: 60}


def test_a_run_in_progress_holds_its_place_for_what_it_still_takes():
    assert starts(queue([1], [(2, 45.0)])) == {1: 15}
    late = starts(queue([1], [(2, 100.0)]))[1]
    assert 0 <= late <= 50, "it took longer than all before, so it may end any moment"


def test_users_take_turns():
    assert starts(queue([1, 1, 1, 2, 2], capacity=2)) == {1: 0, 4: 0, 2: 60, 5: 60, 3: 120}
    two_places = starts(queue([1, 1, 1, 1, 2], [(1, 0.0)], capacity=2))
    assert two_places[5] == 0, "who has nothing that runs comes first"


def test_the_limit_of_one_user_leaves_places_free():
    assert starts(queue([1, 1, 1, 2], capacity=4, limit=1)) == {1: 0, 4: 0, 2: 60, 3: 120}


def test_urgent_jobs_come_first_and_later_ones_last():
    assert starts(queue([(1, 2), (2, 1), (3, 0)])) == {3: 0, 2: 60, 1: 120}


def test_a_queue_that_no_place_serves_has_no_starts():
    assert starts(queue([1], capacity=0)) == {}


@pytest.mark.parametrize("count", [3, 400, 6_000])
def test_the_order_of_a_queue_fits_into_one_row(count):
    """Of 6,000 jobs a thousand are kept, and a job between them is found within 1 %."""
    order = order_of(queue([pk % 50 for pk in range(count)], capacity=4))
    again = QueueOrder.from_row(**order.as_row())
    assert len(again.marks) <= 1_000 and again.waiting == count
    assert again == order or count > 490 or again.marks[0].key == order.marks[0].key
    for index in range(0, count, max(1, count // 97)):
        found = again.find((False, 1, index // 50 + 1, index + 1))
        assert abs(found.place - (index + 1)) <= 0.01 * count
        assert found.is_exact or index >= 500


def test_a_job_far_behind_starts_by_its_place():
    order = order_of(queue([1] * 4_000, capacity=10))
    last = order.find((False, 1, 4_000, 4_000))
    assert last.place == 4_000
    assert last.start.middle == pytest.approx(60 * 4_000 / 10, rel=0.05)


def test_a_job_that_is_not_submitted_yet_has_a_place_behind_those_of_its_turn():
    order = order_of(queue([1, 1, 1, 2], [(3, 0.0), (3, 0.0)], capacity=2))
    newcomer = order.find((False, 1, 1, NEWEST))
    assert newcomer.place == 4, "behind the first jobs of both, and one that is older than it"
    assert newcomer.start.middle == 120
    fourth_of_one = order.find((False, 1, 4, NEWEST))
    assert fourth_of_one.place == 5 and fourth_of_one.start.middle > 120


def test_one_place_alone_is_given_in_the_order_of_submission():
    """No one has a run then when it is free, so turns do not matter."""
    order = order_of(queue([1, 1, 1, 2], [(3, 0.0)]))
    assert [m.key[3] for m in sorted(order.marks, key=lambda m: m.place)][:4] == [1, 2, 3, 4]
    assert order.find((False, 1, 1, NEWEST)).place == 5


def test_without_learnt_durations_there_are_places_and_no_starts():
    order = order_of(queue([1, 2], durations={}))
    assert [mark.place for mark in order.marks] == [1, 2]
    assert order.find((False, 1, 1, 2)).start is None


def test_what_is_stored_is_what_was_found():
    order = order_of(queue([1, 2, 1], [(3, 10.0)]))
    assert QueueOrder.from_row(**order.as_row()) == order
    assert order.marks[0].start == Range(50, 50, 50)
