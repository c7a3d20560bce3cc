"""What services register with the site: health, metrics, switches, deletion of persons."""

from __future__ import annotations

import pytest

from accounts.deletion import StillBusy, forget_person
from accounts.models import Share
from hubsite import switches
from hubsite.health import parts
from hubsite.health.heartbeat import beat
from hubsite.refusals import Refused
from services import lifecycle, metrics, tasks
from services.access import decisions, entering
from services.models import EdgeSession, InstanceDocument, Reason, ServiceInstance, State
from tests.accounts.factories import make_user
from tests.services import sharing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh():
    parts.forget()
    yield
    parts.forget()


def status() -> tuple[str, str]:
    parts.forget()
    found = next(s for s in parts.look().services if s.name == "xcube_serve")
    return found.status, found.message


def test_services_are_ready_while_edge_and_follower_are_heard():
    assert status()[0] == "Error"
    beat("edge")
    assert "follower" in status()[1]
    beat("service follower", "local")
    assert status() == ("Ready", "Viewers can be opened.")
    beat("service engine", "local", problem="the runner does not answer")
    assert "the runner does not answer" in status()[1]


def test_operators_suspend_them(world):
    running = world.ready()
    switches.suspend("xcube_serve", message="Until 14:00.", actor="op")
    with pytest.raises(Refused, match="Until 14:00"):
        world.start()
    world.turn()
    assert world.again(running).state == State.READY
    assert switches.suspend("xcube_serve", message="Now.", actor="op", end_work=True) == 1
    world.turn()
    stopped = world.again(running)
    assert (stopped.state, stopped.reason) == (State.STOPPED, Reason.OPERATOR)
    assert "Now." in stopped.message
    switches.resume("xcube_serve", actor="op")
    assert world.ready().state == State.READY


def test_a_service_requested_before_waits_until_it_is_resumed(world):
    instance = world.start()
    switches.suspend("xcube_serve", message="Until 14:00.", actor="op")
    world.turn()
    assert world.again(instance).state == State.REQUESTED
    switches.resume("xcube_serve", actor="op")
    world.turn()
    assert world.again(instance).state == State.STARTING


def test_each_state_is_counted(world):
    world.ready()
    world.start()
    (states, _) = metrics.of_services()
    found = {sample.labels["state"]: sample.value for sample in states.samples}
    assert found == {**dict.fromkeys(State, 0), "READY": 1, "REQUESTED": 1}


def test_a_person_who_is_deleted_leaves_numbers_only(world):
    instance = world.ready(title="Ann's sea")
    guest = make_user()
    sharing.share_with(instance, guest, by=world.user)
    entering.exchange_ticket(instance.instance_id, entering.make_ticket(instance, world.user))
    with pytest.raises(StillBusy):
        forget_person(world.user, actor="op")
    world.turn()
    forget_person(world.user, actor="op")
    kept = ServiceInstance.objects.get()
    assert (kept.title, kept.state, kept.is_live) == ("", State.STOPPED, False)
    assert InstanceDocument.objects.get().configuration == {}
    assert not Share.objects.exists()
    assert not EdgeSession.objects.exists()
    assert world.user.email not in str(list(kept.events.values()))


def test_a_guest_who_is_deleted_leaves_the_service_to_its_owner(world):
    instance = world.ready()
    guest = make_user()
    sharing.share_with(instance, guest, by=world.user)
    forget_person(guest, actor="op")
    assert not Share.objects.exists()
    tasks.sweep()
    assert world.again(instance).state == State.READY


def test_a_sleeping_service_does_not_wake_while_services_are_suspended(world):
    instance = world.ready()
    lifecycle.sleep(instance, actor="hub")
    switches.suspend("xcube_serve", message="Until 14:00.", actor="op")
    with pytest.raises(Refused, match="Until 14:00"):
        lifecycle.wake(instance, actor="ann", by="a page")
    _, secret = entering.exchange_ticket(
        instance.instance_id, entering.make_ticket(instance, world.user)
    )
    question = decisions.Question(instance.instance_id, session=secret, wake=True)
    answer = decisions.decide(question)
    assert (answer["allow"], answer["why"], answer["message"]) == (False, "busy", "Until 14:00.")
    switches.resume("xcube_serve", actor="op")
    assert decisions.decide(question)["state"] == State.STARTING
