"""What the apps register when they are ready can be run, each in the queue where it belongs."""

from __future__ import annotations

import pytest
from django.utils.module_loading import import_string

from hubsite.coordination import queues, ticks

LAUNCHING = {
    "jobs.tasks.sweep",
    "jobs.tasks.launch_due",
    "services.tasks.sweep",
    "services.tasks.start_due",
    "services.tasks.refresh_due",
}


@pytest.mark.parametrize("tick", ticks.registered(), ids=lambda tick: tick.task)
def test_each_tick_is_a_function(tick: ticks.Registered) -> None:
    assert callable(import_string(tick.task))


def test_only_launches_are_in_the_queue_of_launches() -> None:
    prompt = {tick.task for tick in ticks.registered() if tick.queue == queues.PROMPT}
    assert prompt == LAUNCHING


@pytest.mark.django_db
@pytest.mark.parametrize(
    "tick", [t for t in ticks.registered() if t.every_s is not None], ids=lambda tick: tick.task
)
def test_each_tick_may_be_repeated_when_there_is_nothing_to_do(tick: ticks.Registered) -> None:
    for _ in range(2):
        import_string(tick.task)()
