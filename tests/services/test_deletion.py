"""A deleted person's services end first; then only times, states and units stay."""

from __future__ import annotations

import pytest

from accounts.deletion import StillBusy
from services import deletion
from services.models import InstanceEvent, Reason, State

pytestmark = pytest.mark.django_db


def test_services_are_stopped_before_anything_is_forgotten(world):
    instance = world.ready(title="My cubes")
    assert deletion.stop(world.user) == 1
    with pytest.raises(StillBusy):
        deletion.forget(world.user, world.user.username, "deleted-1")
    world.remove()
    assert deletion.stop(world.user) == 0
    instance = world.again(instance)
    assert (instance.state, instance.reason) == (State.STOPPED, Reason.ACCOUNT)


def test_names_and_contents_go_and_the_numbers_stay(world):
    world.price = 60
    instance = world.ready(title="My cubes", client_id="a-client")
    world.clock.pass_by(seconds=90)
    deletion.stop(world.user)
    world.remove()
    deletion.forget(world.user, world.user.username, "deleted-1")
    instance = world.again(instance)
    assert (instance.title, instance.client_id, instance.message) == ("", "", "")
    assert (instance.document.configuration, instance.document.log) == ({}, "")
    assert (instance.minutes, instance.reason) == (2, Reason.ACCOUNT)
    assert not InstanceEvent.objects.filter(actor=world.user.username).exists()
    assert InstanceEvent.objects.filter(actor="deleted-1").exists()
