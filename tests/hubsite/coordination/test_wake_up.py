"""Asking the worker: soon, but no more than it can use."""

from __future__ import annotations

import pytest

from hubsite.coordination.queues import QUEUE_IS_LONG
from hubsite.coordination.wake_up import wake_up
from tests.jobs.conftest import queued_tasks

pytestmark = pytest.mark.django_db


def test_the_worker_is_woken_when_all_is_committed(django_capture_on_commit_callbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        wake_up("jobs.tasks.launch_due")
        assert queued_tasks() == []
    assert queued_tasks() == ["launch_due"]


def test_a_worker_that_is_away_comes_back_to_a_short_queue(
    django_capture_on_commit_callbacks,
) -> None:
    for _ in range(3 * QUEUE_IS_LONG):
        with django_capture_on_commit_callbacks(execute=True):
            wake_up("jobs.tasks.remove_objects", ["a"], "local")
    assert len(queued_tasks()) == QUEUE_IS_LONG


def test_a_launch_is_asked_for_once_however_many_submit(
    django_capture_on_commit_callbacks,
) -> None:
    for _ in range(5):
        with django_capture_on_commit_callbacks(execute=True):
            wake_up("jobs.tasks.launch_due")
    assert queued_tasks() == ["launch_due"]
