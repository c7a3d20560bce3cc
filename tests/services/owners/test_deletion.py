"""A deleted person's services end first; then only times, states and units stay."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from accounts.deletion import StillBusy
from hubsite.engines.kubernetes.pod_options import PodOptions, Volume
from hubsite.engines.kubernetes.services.manifests import SERVICES
from hubsite.engines.kubernetes.services.place import KubernetesServices
from hubsite.engines.local.services import LocalServices
from services.models import InstanceEvent, Reason, State
from services.owners import deletion

from ..factories import make_instance, make_profile

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


def test_files_of_cate_go_or_operators_are_told(world, settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    kept = tmp_path / "services" / ".workspaces"
    mine, others = kept / f"{world.user.username}-cate", kept / f"{world.user.username}x-cate"
    for folder in (mine, others):
        (folder / "files").mkdir(parents=True)
    profile = make_profile("cate", kind="cate_webapi")
    make_instance(world.user, profile=profile, state=State.STOPPED, slot="cate")
    monkeypatch.setattr(deletion, "find_engine", lambda name: SimpleNamespace(services=place))
    place = LocalServices()
    assert deletion.forget(world.user, world.user.username, "deleted-1") == []
    assert (mine.exists(), others.exists()) == (False, True)
    options = PodOptions("image", workspace=Volume.parse("files:/files:per-user"))
    place = KubernetesServices(None, SERVICES, options, capacity=1)
    told = deletion.forget(world.user, world.user.username, "deleted-1")
    assert told == [f"volume claim files: remove the folder {world.user.username}-cate"]


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
