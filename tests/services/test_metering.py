"""Time awake is charged per started minute, exactly, and never more than there is."""

from __future__ import annotations

import pytest

from accounts.units import ledger
from hubsite.refusals import Kind, Refused
from services import lifecycle, metering, tasks
from services.models import InstanceEvent, Reason, ServiceInstance, State
from services.running import idle

pytestmark = pytest.mark.django_db


@pytest.fixture
def dear(world):
    world.price = 90  # 1.5 a minute
    return world


def test_a_start_is_reserved_and_costs_nothing_before_it_is_ready(dear):
    instance = dear.start()
    assert dear.reserved() == metering.charged_units(metering.BLOCK_MINUTES, 90) == 15
    lifecycle.stop(instance, actor="ann", reason=Reason.OWNER)
    assert (dear.reserved(), dear.charged()) == (0, 0)


@pytest.mark.parametrize(("seconds", "units"), [(1, 2), (59, 2), (61, 3), (600, 15), (3601, 92)])
def test_started_minutes_are_charged(dear, seconds, units):
    instance = dear.ready()
    for _ in range(10):
        dear.clock.pass_by(seconds=seconds / 10 - 0.05)
        idle._charge(dear.clock())
    lifecycle.stop(dear.again(instance), actor="ann", reason=Reason.OWNER)
    assert (dear.charged(), dear.reserved()) == (units, 0)
    assert dear.again(instance).minutes * 1.5 <= units


def test_a_worker_that_was_away_charges_what_it_missed(dear):
    instance = dear.ready()
    dear.clock.pass_by(minutes=95.5)
    idle._charge(dear.clock())
    lifecycle.stop(dear.again(instance), actor="ann", reason=Reason.OWNER)
    assert dear.again(instance).minutes == 96
    assert dear.charged() == metering.charged_units(96, 90)


def test_asleep_costs_nothing(dear):
    instance = dear.ready()
    dear.clock.pass_by(seconds=30)
    lifecycle.sleep(dear.again(instance), actor="hub")
    assert (dear.charged(), dear.reserved()) == (2, 0)
    dear.clock.pass_by(hours=5)
    lifecycle.wake(dear.again(instance), actor="edge", by="a page")
    assert dear.charged() == 2
    assert dear.reserved() == metering.charged_units(11, 90) - 2


def test_without_units_nothing_starts_or_wakes(dear):
    instance = dear.ready()
    lifecycle.sleep(dear.again(instance), actor="hub")
    ledger.override(dear.user, 0, key="nothing")
    with pytest.raises(Refused, match="processing units") as refused:
        lifecycle.wake(dear.again(instance), actor="edge", by="a page")
    assert refused.value.kind == Kind.TOO_EXPENSIVE
    assert dear.again(instance).state == State.ASLEEP
    with pytest.raises(Refused, match="processing units"):
        dear.start()


def test_it_is_warned_and_stopped_when_units_end(dear):
    ledger.override(dear.user, 20, key="few")
    instance = dear.ready()
    for _ in range(40):
        dear.clock.pass_by(seconds=30)
        idle._charge(dear.clock())
    tasks.sweep()
    dear.turn()
    instance = dear.again(instance)
    assert (instance.state, instance.reason) == (State.STOPPED, Reason.UNITS)
    assert dear.charged() <= 20
    assert dear.charged() == metering.charged_units(instance.minutes, 90)
    assert dear.reserved() == 0
    told = InstanceEvent.objects.filter(instance=instance, message__contains="soon be used up")
    assert told.count() == 1


def test_a_crash_is_not_charged_while_it_starts_again(dear):
    instance = dear.ready()
    dear.clock.pass_by(seconds=10)
    lifecycle.move(dear.again(instance), State.STARTING, actor="observer")
    dear.clock.pass_by(minutes=30)
    lifecycle.move(dear.again(instance), State.READY, actor="observer")
    dear.clock.pass_by(seconds=10)
    lifecycle.stop(dear.again(instance), actor="ann", reason=Reason.OWNER)
    assert dear.again(instance).minutes == 2
    assert (dear.charged(), dear.reserved()) == (3, 0)


def test_a_free_profile_writes_no_ledger(world):
    instance = world.ready()
    world.clock.pass_by(minutes=5)
    lifecycle.stop(world.again(instance), actor="ann", reason=Reason.OWNER)
    assert world.charged() == 0
    assert not world.user.ledger_entries.filter(reference__startswith=instance.instance_id)
    assert world.again(instance).minutes == 6


def test_a_process_with_an_old_row_ends_what_is_reserved_now(dear):
    """The owner's request read the row; then the worker opened the next block of minutes."""
    old = dear.ready()
    dear.clock.pass_by(minutes=25)
    idle._charge(dear.clock())
    lifecycle.stop(old, actor="ann", reason=Reason.OWNER)
    assert dear.reserved() == 0
    assert dear.charged() == metering.charged_units(dear.again(old).minutes, 90)
    assert dear.again(old).minutes == 26


def test_minutes_that_the_worker_was_late_for_are_charged_at_the_end(dear):
    instance = dear.ready()
    dear.clock.pass_by(minutes=32)
    lifecycle.stop(instance, actor="ann", reason=Reason.OWNER)
    assert dear.again(instance).minutes == 33
    assert (dear.charged(), dear.reserved()) == (metering.charged_units(33, 90), 0)


def test_the_minutes_of_a_free_service_are_counted_all(world):
    instance = world.ready()
    world.clock.pass_by(minutes=45)
    lifecycle.stop(world.again(instance), actor="ann", reason=Reason.OWNER)
    assert world.again(instance).minutes == 46


def test_a_row_that_was_read_before_a_crash_ends_what_is_reserved_after_it(dear):
    old = dear.ready()
    dear.clock.pass_by(seconds=30)
    lifecycle.move(dear.again(old), State.STARTING, actor="observer")
    lifecycle.move(dear.again(old), State.READY, actor="observer")
    dear.clock.pass_by(seconds=90)
    assert lifecycle.stop(old, actor="ann", reason=Reason.OWNER)
    assert dear.again(old).minutes == 3
    assert (dear.charged(), dear.reserved()) == (metering.charged_units(3, 90), 0)


def test_a_warning_comes_again_only_after_there_were_units(dear):
    ledger.override(dear.user, 20, key="few")
    instance = dear.ready()

    def warnings():
        dear.clock.pass_by(seconds=240)
        ServiceInstance.objects.filter(pk=instance.pk).update(last_used_at=dear.clock())
        idle._charge(dear.clock())
        told = InstanceEvent.objects.filter(instance=instance)
        return told.filter(message__contains="soon be used up").count()

    assert [warnings(), warnings()] == [0, 1]
    ledger.grant(dear.user, 100, key="more")
    assert [warnings(), warnings()] == [1, 1]
    ledger.override(dear.user, 30, key="few again")
    assert [warnings(), warnings(), warnings()][-1] == 2


@pytest.mark.parametrize("minute", [1, 7])
def test_what_is_not_due_costs_one_query(dear, django_assert_num_queries, minute):
    for _ in range(3):
        dear.ready()
    dear.clock.pass_by(minutes=minute)
    with django_assert_num_queries(1):
        idle._charge(dear.clock())
