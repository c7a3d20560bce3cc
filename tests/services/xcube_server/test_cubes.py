"""Finished cubes are opened in one viewer of their owner."""

from __future__ import annotations

import hashlib

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from hubsite.refusals import Kind, Refused
from jobs.models import Job, JobDocument
from jobs.models import State as JobState
from jobs.stores.catalogue import load_catalogue
from jobs.stores.location import location
from services.models import InstanceEvent, ServiceInstance, ServiceProfile, State
from services.xcube_server import cubes
from services.xcube_server.condition import broken_datasets
from services.xcube_server.cubes import open_cube
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.services.factories import make_profile

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]


@pytest.fixture
def ada(db):
    return make_user("ada@example.org", permissions=["manage:cubegens"])


def finished(owner, data_id: str = "one.zarr", store: str = "@cubes", **fields) -> Job:
    """A job that wrote this cube."""
    claim = "none"
    if found := load_catalogue().get(store[1:]):
        place = location(found.for_user(owner.username), data_id)
        claim = hashlib.sha256(place.encode()).hexdigest()
    fields = {
        "state": JobState.SUCCEEDED, "result": {"status": "ok"}, "started_at": timezone.now(),
        "output_store": store, "output_data_id": data_id, "output_claim": claim, **fields,
    }  # fmt: skip
    return make_job(owner, units=0, **fields)


def shown(instance: ServiceInstance) -> list[str]:
    instance = ServiceInstance.objects.select_related("document").get(pk=instance.pk)
    return [entry["Path"] for entry in instance.document.configuration["Datasets"]]


def test_a_cube_is_opened_at_its_first_variable(ada) -> None:
    job = finished(ada)
    JobDocument.objects.filter(job=job).update(
        request={"cube_config": {"variable_names": ["chl", "sst"]}}
    )
    instance, url = open_cube(ada, job)
    assert (instance.slot, instance.state, instance.owner) == ("cubes", State.REQUESTED, ada)
    assert url.startswith(f"http://{instance.instance_id}.localhost:")
    assert url.endswith("/viewer/?dataset=cubes~one.zarr&variable=chl")


def test_opening_it_again_changes_nothing(ada) -> None:
    job = finished(ada)
    first, url = open_cube(ada, job)
    ServiceInstance.objects.update(state=State.READY)
    again, same = open_cube(ada, job)
    assert (again.pk, same, again.revision) == (first.pk, url, first.revision)
    assert InstanceEvent.objects.count() == 1


def test_a_second_cube_is_added_to_the_same_server(ada) -> None:
    first, _ = open_cube(ada, finished(ada))
    second, url = open_cube(ada, finished(ada, "deep/two.zarr"))
    assert second.pk == first.pk
    assert second.revision == first.revision + 1
    assert shown(second) == ["deep/two.zarr", "one.zarr"]
    assert "dataset=cubes~deep-two.zarr-" in url


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"roles": "others"}])
def test_a_server_takes_cubes_though_its_profile_is_offered_no_longer(ada, change) -> None:
    first, _ = open_cube(ada, finished(ada))
    profile = first.profile
    if "roles" in change:
        profile.roles.add(Group.objects.create(name="others"))
    else:
        ServiceProfile.objects.filter(pk=profile.pk).update(**change)
    second, _ = open_cube(ada, finished(ada, "two.zarr"))
    assert second.pk == first.pk
    ServiceInstance.objects.update(state=State.STOPPED, is_live=False)
    with pytest.raises(Refused, match="offers you no profile"):
        open_cube(ada, finished(ada, "three.zarr"))


def test_one_that_is_asleep_is_woken(ada) -> None:
    job = finished(ada)
    instance, _ = open_cube(ada, job)
    ServiceInstance.objects.update(state=State.ASLEEP)
    open_cube(ada, job)
    instance.refresh_from_db()
    assert instance.state == State.STARTING


def test_the_one_that_was_opened_longest_ago_leaves_first(ada, monkeypatch) -> None:
    monkeypatch.setattr(cubes, "MOST_CUBES", 3)
    jobs = [finished(ada, f"{name}.zarr") for name in "abcd"]
    for job in (*jobs[:3], jobs[0]):
        instance, _ = open_cube(ada, job)
    assert shown(instance) == ["a.zarr", "c.zarr", "b.zarr"]
    open_cube(ada, jobs[3])
    assert shown(instance) == ["d.zarr", "a.zarr", "c.zarr"]


def test_after_its_end_a_new_server_is_made(ada) -> None:
    job = finished(ada)
    first, _ = open_cube(ada, job)
    ServiceInstance.objects.update(state=State.STOPPED, is_live=False)
    second, _ = open_cube(ada, job)
    assert second.pk != first.pk


def test_the_pyramid_beside_a_cube_is_opened_in_its_place(ada) -> None:
    job = finished(ada, levels_claim="there")
    instance, url = open_cube(ada, job)
    assert shown(instance) == ["one.levels"]
    assert "?dataset=cubes~one.zarr" in url
    finished(ada, "other.zarr", output_claim="there")  # something else lies there now
    open_cube(ada, job)
    assert shown(instance) == ["one.zarr"]


def test_two_users_have_two_servers_and_folders_of_their_own(ada) -> None:
    ben = make_user("ben@example.org", permissions=["manage:cubegens"])
    hers, _ = open_cube(ada, finished(ada, store="@mine"))
    his, _ = open_cube(ben, finished(ben, store="@mine"))
    assert hers.pk != his.pk


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"state": JobState.RUNNING}, "it is RUNNING"),
        ({"state": JobState.FAILED}, "it is FAILED"),
        ({"state": JobState.CANCELLED}, "it is CANCELLED"),
        ({"result": {"status": "warning"}}, "wrote nothing"),
        ({"store": "s3://bucket at host"}, "a store of your own"),
        ({"store": "@gone"}, "@gone of the cube does not exist"),
        ({"store": "@drop"}, "cannot be read"),
        ({"data_id": "one.txt"}, "format"),
        ({"output_claim": "elsewhere"}, "is not where it was"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_words(ada, fields, why) -> None:
    with pytest.raises(Refused, match=why) as caught:
        open_cube(ada, finished(ada, **fields))
    assert caught.value.kind is Kind.CONFLICT
    assert not ServiceInstance.objects.exists()


def test_the_cube_of_another_is_refused(ada) -> None:
    with pytest.raises(Refused) as caught:
        open_cube(make_user(permissions=["manage:cubegens"]), finished(ada))
    assert caught.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize("lost", ["the right", "the account"])
def test_who_lost_the_right_or_the_account_is_refused(ada, lost) -> None:
    job = finished(ada)
    if lost == "the right":
        ada.user_permissions.clear()
    else:
        type(ada).objects.filter(pk=ada.pk).update(is_active=False)
    with pytest.raises(Refused) as caught:
        open_cube(ada, job)
    assert caught.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize(
    ("later", "why"),
    [
        ({"state": JobState.RUNNING, "is_live": True}, "is just being replaced by job"),
        ({"state": JobState.SUCCEEDED}, "was replaced by job"),
        ({"state": JobState.FAILED, "usage": {"written_cells": 5}}, "was removed by job"),
    ],
)
def test_a_cube_that_was_replaced_is_refused(ada, later, why) -> None:
    job = finished(ada)
    newer = finished(ada, **later)
    with pytest.raises(Refused, match=f"{why} {newer.job_id}"):
        open_cube(ada, job)


@pytest.mark.parametrize(
    "later",
    [
        {"state": JobState.FAILED, "usage": {"written_cells": 0}},
        {"state": JobState.QUEUED, "started_at": None, "is_live": True},
        {"state": JobState.CANCELLED, "started_at": None},
    ],
)
def test_a_later_job_that_wrote_nothing_does_not_matter(ada, later) -> None:
    job = finished(ada)
    finished(ada, **later)
    assert open_cube(ada, job)


def test_another_users_job_that_replaced_it_is_not_named(ada) -> None:
    job, other = finished(ada), finished(make_user("ben@example.org"))
    with pytest.raises(Refused) as caught:
        open_cube(ada, job)
    assert "another user's job" in str(caught.value)
    assert other.job_id not in str(caught.value)


def test_a_profile_that_does_not_show_the_store_refuses(ada) -> None:
    make_profile(stores=["mine"])
    with pytest.raises(Refused, match="profile small does not show this store"):
        open_cube(ada, finished(ada))


def test_a_store_that_may_be_read_no_longer_is_shown_as_broken(ada, stores) -> None:
    instance, _ = open_cube(ada, finished(ada))
    ServiceInstance.objects.update(broken={"cubes~other.zarr": "no .zmetadata"})
    instance = ServiceInstance.objects.select_related("document", "profile").get(pk=instance.pk)
    stores(cubes=None)
    assert broken_datasets(instance) == {
        "cubes~one.zarr": "the store does not exist (@cubes)",
        "cubes~other.zarr": "no .zmetadata",
    }
    instance.state = State.STOPPED
    assert broken_datasets(instance) == {}
