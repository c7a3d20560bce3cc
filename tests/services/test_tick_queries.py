"""The sweep takes as many queries for many services as for few, if nothing of them is due."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from services import tasks
from services.models import ServiceInstance, State
from tests.services.factories import make_instance, make_profile

pytestmark = pytest.mark.django_db


def queries_of_a_sweep() -> int:
    with CaptureQueriesContext(connection) as captured:
        tasks.sweep()
    return len(captured)


def test_services_of_which_nothing_is_due_add_no_query(world):
    world.price = 60
    world.ready()
    few = queries_of_a_sweep()
    profile = make_profile(units_per_hour=60)
    for state in (State.READY, State.STARTING, State.ASLEEP, State.STOPPED):
        for _ in range(8):
            made = make_instance(
                world.user, profile=profile, state=state, applied_revision=1, block_minutes=10
            )
            if state == State.READY:
                ServiceInstance.objects.filter(pk=made.pk).update(metered_until=made.ready_since)
    assert queries_of_a_sweep() == few


def test_a_look_of_the_follower_adds_no_query_for_a_fact_that_changes_nothing(world):
    def queries() -> int:
        level = world.engine.level()
        with CaptureQueriesContext(connection) as captured:
            world.follower.compare(level)
        return len(captured)

    world.ready()
    few = queries()
    for _ in range(2):
        world.ready()
    world.look()
    assert queries() == few
