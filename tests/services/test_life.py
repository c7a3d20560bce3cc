"""The life of services: starts, sleep, ends, and everything that can go wrong between."""

from __future__ import annotations

import pytest

from hubsite import switches
from hubsite.engines.facts import Phase
from hubsite.engines.outcomes import Applied, Outcome, Removal
from hubsite.refusals import Refused
from services import lifecycle, tasks
from services.models import InstanceEvent, Reason, ServiceInstance, State
from services.running import idle
from tests.services.factories import make_profile

pytestmark = pytest.mark.django_db


def states_of(instance: ServiceInstance) -> list[str]:
    return [e.to_state for e in instance.events.all() if e.to_state]


def test_a_service_starts_and_becomes_ready(world):
    instance = world.start()
    assert (instance.state, instance.is_live) == (State.REQUESTED, True)
    world.turn()
    instance = world.again(instance)
    assert instance.state == State.STARTING
    assert instance.applied_revision == instance.revision == 1
    assert instance.address.startswith("unix:")
    world.engine.start_all()
    world.look()
    instance = world.again(instance)
    assert (instance.state, instance.ready_since is None) == (State.READY, False)
    assert states_of(instance) == ["REQUESTED", "STARTING", "READY"]


def test_ticks_that_are_lost_or_repeated_change_nothing(world):
    instance = world.start()
    for _ in range(3):
        tasks.sweep()
    assert len(world.engine.applied) == 1
    world.engine.start_all()
    for _ in range(3):
        world.look()
        tasks.start_due()
    assert world.again(instance).state == State.READY
    assert len(world.engine.applied) == 1


def test_it_sleeps_when_nobody_uses_it_and_the_next_request_wakes_it(world):
    instance = world.ready()
    world.clock.pass_by(seconds=instance.profile.idle_s - 60)
    idle.look()
    assert world.again(instance).state == State.READY
    world.clock.pass_by(seconds=90)
    idle.look()
    instance = world.again(instance)
    assert (instance.state, instance.reason) == (State.ASLEEP, Reason.IDLE)
    tasks.start_due()
    assert world.engine.applied[-1].is_asleep
    assert lifecycle.wake(instance, actor="edge", by="a page")
    assert not lifecycle.wake(instance, actor="edge", by="a page")
    tasks.start_due()
    assert not world.engine.applied[-1].is_asleep
    world.engine.start_all()
    world.look()
    instance = world.again(instance)
    assert (instance.state, instance.last_used_by) == (State.READY, "a page")


def test_who_woke_it_before_the_row_knew_has_woken_it(world):
    """A decision made before it fell asleep lets a request through to the sleeping socket."""
    instance = world.ready()
    lifecycle.sleep(instance, actor="hub")
    tasks.start_due()
    world.engine.show(instance.instance_id, Phase.RUNNING)
    world.look()
    assert world.again(instance).state == State.STARTING
    tasks.start_due()
    world.look()
    assert world.again(instance).state == State.READY


def test_what_is_used_or_kept_stays_awake(world):
    used, kept = world.ready(), world.ready()
    ServiceInstance.objects.filter(pk=kept.pk).update(
        kept_until=world.clock() + 3 * (kept.stops_at - kept.created_at)
    )
    for _ in range(5):
        world.clock.pass_by(seconds=used.profile.idle_s / 2)
        ServiceInstance.objects.filter(pk=used.pk).update(last_used_at=world.clock())
        idle.look()
    assert world.again(used).state == State.READY
    world.clock.pass_by(seconds=used.profile.age_s)
    idle.look()
    assert world.again(kept).state == State.READY
    assert world.again(used).reason == Reason.AGE


def test_a_clock_that_was_a_day_ahead_keeps_nothing_awake_and_makes_nothing_free(world):
    world.price = 60
    world.clock.pass_by(days=1)
    instance = world.ready()
    ServiceInstance.objects.filter(pk=instance.pk).update(last_used_at=world.clock())
    world.clock.pass_by(days=-1)
    idle.look()
    world.clock.pass_by(minutes=15)
    idle.look()
    assert world.again(instance).minutes == 10
    world.clock.pass_by(seconds=instance.profile.idle_s)
    idle.look()
    assert world.again(instance).state == State.ASLEEP


def test_its_owner_is_warned_before_it_is_too_old(world):
    instance = world.ready()
    world.clock.pass_by(seconds=instance.profile.age_s - 1800)
    idle.look()
    idle.look()
    warnings = InstanceEvent.objects.filter(instance=instance, to_state="")
    assert [e.message[:22] for e in warnings] == ["It will be stopped at "]


def test_an_earlier_warning_about_units_does_not_hide_the_one_about_age(world):
    instance = world.ready()
    ServiceInstance.objects.filter(pk=instance.pk).update(units_warned_at=world.clock())
    world.clock.pass_by(seconds=instance.profile.age_s - 1800)
    idle.look()
    idle.look()
    warnings = InstanceEvent.objects.filter(instance=instance, message__startswith="It will be")
    assert warnings.count() == 1


@pytest.mark.parametrize("moment", ["requested", "starting", "ready", "asleep"])
def test_it_is_stopped_at_any_moment(world, moment):
    instance = world.start()
    if moment != "requested":
        world.turn()
    if moment in ("ready", "asleep"):
        world.engine.start_all()
        world.look()
    instance = world.again(instance)
    if moment == "asleep":
        lifecycle.sleep(instance, actor="hub")
        tasks.start_due()
    assert lifecycle.stop(instance, actor="ann", reason=Reason.OWNER)
    assert not lifecycle.stop(instance, actor="ann", reason=Reason.OWNER)
    world.turn()
    instance = world.again(instance)
    assert (instance.state, instance.reason) == (State.STOPPED, Reason.OWNER)
    assert not instance.is_live
    assert not world.engine.objects
    assert instance.finished_at is not None


def test_a_stop_is_not_over_before_the_object_is_surely_gone(world):
    instance = world.ready()
    world.engine.removal = Removal.ENDING
    lifecycle.stop(instance, actor="ann", reason=Reason.OWNER)
    world.remove()
    assert world.again(instance).state == State.STOPPING
    world.engine.removal = Removal.MAY_STILL_APPEAR
    world.remove()
    assert world.again(instance).state == State.STOPPING
    world.clock.pass_by(minutes=2)
    world.remove()
    assert world.again(instance).state == State.STOPPED


@pytest.mark.parametrize(
    ("phase", "reason", "expected"),
    [
        (Phase.FAILED, "OUT_OF_MEMORY", Reason.OUT_OF_MEMORY),
        (Phase.FAILED, "CRASH_LOOP", Reason.CRASH_LOOP),
        (Phase.FAILED, None, Reason.CRASH_LOOP),
        (Phase.STUCK, "IMAGE", Reason.IMAGE),
        (Phase.STUCK, "UNSCHEDULABLE", Reason.UNSCHEDULABLE),
    ],
)
def test_a_failure_has_a_reason_and_keeps_its_last_log(world, phase, reason, expected):
    instance = world.start()
    world.turn()
    world.engine.logs[instance.instance_id] = ["starting", "MemoryError"]
    world.engine.show(instance.instance_id, phase, reason=reason, message="It ended.")
    world.look()
    world.turn()
    instance = world.again(instance)
    assert (instance.state, instance.reason) == (State.FAILED, expected)
    assert instance.message == "It ended."
    assert instance.document.log == "starting\nMemoryError"
    assert not instance.is_live
    assert not world.engine.objects


def test_what_the_engine_refuses_fails(world):
    world.engine.refuse("the quota is used up")
    instance = world.start()
    world.turn()
    instance = world.again(instance)
    assert (instance.state, instance.reason) == (State.FAILED, Reason.REJECTED)
    assert "quota" in instance.message


def test_an_engine_that_is_away_loses_nothing(world):
    world.engine.is_away = True
    instance = world.start()
    tasks.start_due()
    assert world.again(instance).state == State.STARTING
    world.engine.is_away = False
    tasks.start_due()
    assert not world.engine.applied  # the cool-down
    world.clock.pass_by(seconds=10)
    starting_cools_down()
    tasks.start_due()
    assert len(world.engine.applied) == 1


def starting_cools_down() -> None:
    """The database's clock does not follow the test's."""
    from services.running.starting import COOL_DOWN

    COOL_DOWN.end("local")


def test_what_waits_says_why(world):
    world.engine.outcome = Applied(Outcome.WAITS, "no room for more just now")
    instance = world.start()
    tasks.start_due()
    assert world.again(instance).message == "Waiting: no room for more just now."


def test_a_crash_is_seen_and_counted(world):
    instance = world.ready()
    world.engine.show(instance.instance_id, Phase.PENDING, restarts=1, message="It crashed.")
    world.look()
    instance = world.again(instance)
    assert (instance.state, instance.restarts) == (State.STARTING, 1)
    assert instance.ready_since is None
    world.engine.start_all()
    world.look()
    assert world.again(instance).state == State.READY


def test_an_object_deleted_behind_our_back_is_made_again_a_few_times(world):
    instance = world.ready()
    for _ in range(3):
        world.clock.pass_by(seconds=5)
        world.engine.objects.clear()
        world.look()
        world.turn()
        world.engine.start_all()
        world.look()
        assert world.again(instance).state == State.READY
    world.clock.pass_by(seconds=5)
    world.engine.objects.clear()
    world.look()
    instance = world.again(instance)
    assert (instance.state, instance.reason) == (State.FAILED, Reason.LOST)


def test_an_object_that_was_edited_is_applied_again(world):
    instance = world.ready()
    world.engine.show(instance.instance_id, Phase.RUNNING, revision=0)
    world.look()
    tasks.start_due()
    assert len(world.engine.applied) == 2
    world.look()
    assert world.engine.objects[instance.instance_id].revision == 1
    assert world.again(instance).state == State.READY


def test_an_object_without_a_row_is_removed(world, monkeypatch):
    asked = []
    monkeypatch.setattr("services.running.book.ask", lambda *task: asked.append(task) or True)
    monkeypatch.setattr("hubsite.engines.following.ORPHAN_GRACE_S", 0)
    instance = world.ready()
    ServiceInstance.objects.filter(pk=instance.pk).delete()
    world.look()
    world.look()
    assert (lifecycle.REMOVE_TASK, [instance.instance_id], "local") in asked


def test_an_account_that_is_switched_off_has_no_services(world):
    instance = world.ready()
    world.user.is_active = False
    world.user.save()
    world.turn()
    instance = world.again(instance)
    assert (instance.state, instance.reason) == (State.STOPPED, Reason.ACCOUNT)


def test_no_more_than_the_engine_has_places_for(world, settings):
    world.engine._places = 2
    made = [world.start() for _ in range(3)]
    world.turn()
    assert [world.again(i).state for i in made] == ["STARTING", "STARTING", "REQUESTED"]
    assert world.again(made[2]).message == "Waiting for a free place."
    lifecycle.stop(world.again(made[0]), actor="ann", reason=Reason.OWNER)
    world.turn()
    tasks.start_due()
    assert world.again(made[2]).state == State.STARTING


class TestAdmission:
    def test_a_user_has_only_so_many(self, world, settings):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 2}
        first, _ = world.start(), world.start()
        with pytest.raises(Refused, match="Too many services"):
            world.start()
        lifecycle.stop(first, actor="ann", reason=Reason.OWNER)
        world.start()

    def test_the_same_slot_is_the_same_service(self, world):
        first = world.start(slot="main")
        other = {"Datasets": []}
        again = world.start(slot="main", configuration=other)
        assert again.pk == first.pk
        assert again.revision == 2
        assert world.again(first).document.configuration == other
        assert world.start(slot="main", configuration=other).revision == 2
        lifecycle.stop(world.again(first), actor="ann", reason=Reason.OWNER)
        assert world.start(slot="main").pk != first.pk

    def test_a_new_configuration_wakes_it(self, world):
        instance = world.ready(slot="main")
        lifecycle.sleep(instance, actor="hub")
        woken = world.start(slot="main", configuration={"Datasets": []})
        assert (woken.pk, woken.state) == (instance.pk, State.STARTING)

    def test_a_profile_that_is_not_offered_is_refused(self, world):
        profile = make_profile("closed", is_enabled=False)
        from services.submission import admission

        with pytest.raises(Refused, match="profile"):
            admission.start(world.user, profile=profile, configuration={}, actor="ann")
        assert not ServiceInstance.objects.exists()


def test_a_service_that_sleeps_though_it_should_not_is_started_again(world):
    """As after a restart of its machine, or of a program that ended what nobody looked after."""
    instance = world.ready()
    world.engine.show(instance.instance_id, Phase.ASLEEP)
    world.look()
    instance = world.again(instance)
    assert (instance.state, instance.revision) == (State.STARTING, 2)
    world.turn()
    world.engine.start_all()
    world.look()
    assert world.again(instance).state == State.READY


def test_losses_that_are_far_apart_do_not_add_up(world):
    instance = world.ready()
    for _ in range(6):
        world.clock.pass_by(hours=2)
        ServiceInstance.objects.filter(pk=instance.pk).update(last_used_at=world.clock())
        world.engine.objects.clear()
        world.look()
        world.turn()
        world.engine.start_all()
        world.look()
    assert world.again(instance).state == State.READY


def test_a_suspended_service_is_not_woken(world):
    instance = world.ready()
    lifecycle.sleep(instance, actor="hub")
    switches.suspend("xcube_serve", message="Until 14:00.", actor="op")
    with pytest.raises(Refused, match="Until 14:00"):
        lifecycle.wake(world.again(instance), actor="edge", by="a page")
    assert world.again(instance).state == State.ASLEEP
