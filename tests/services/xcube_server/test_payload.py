"""What the program of an xcube server gets of a stored configuration."""

from __future__ import annotations

import json

import pytest

from hubsite.engines.specs import Service
from services.models import State
from services.running.workload import build_service
from services.xcube_server.payload import left_out
from tests.services.factories import make_instance, make_profile

pytestmark = pytest.mark.django_db

CONFIGURATION = {
    "DataStores": [
        {"Identifier": "a", "StoreId": "@cubes", "Datasets": [{"Path": "*.zarr", "Title": "T"}]},
        {"StoreId": "@mine"},
    ],
    "Datasets": [
        {"Identifier": "k", "StoreInstanceId": "@keys", "Path": "k.zarr"},
        {"Identifier": "b", "StoreInstanceId": "a", "Path": "b.levels"},
    ],
    "DatasetAttribution": "ours",
}


def test_a_service_has_the_stores_of_its_configuration_only_with_their_keys(stores, ada) -> None:
    instance = make_instance(ada, configuration=CONFIGURATION, state=State.STARTING, title="Seas")
    service = build_service(instance)
    assert isinstance(service, Service)
    assert (service.name, service.probe, service.is_asleep) == (
        instance.instance_id, "/datasets", False,
    )  # fmt: skip
    profile = instance.profile
    assert service.container.owner == ada.username
    assert (service.container.memory_bytes, service.container.cpus) == (
        profile.memory_bytes, profile.cpus,
    )  # fmt: skip
    a, mine, keys = service.payload["config"]["DataStores"]
    assert (a["Identifier"], a["StoreId"]) == ("a", "file")
    assert a["Datasets"] == [
        {"Path": "*.zarr", "Title": "T"},
        {"Identifier": "b", "Path": "b.levels"},
    ]
    assert mine["StoreParams"]["root"].endswith(f"/users/{ada.username}")
    assert mine["Datasets"] == [{"Path": "*"}]
    assert keys["StoreParams"]["storage_options"]["secret"] == "S3CRET"
    assert service.payload["config"]["DatasetAttribution"] == "ours"
    assert json.loads(json.dumps(service.payload)) == service.payload
    assert "S3CRET" not in repr(service)


def test_an_instance_that_sleeps_is_built_asleep(stores, ada) -> None:
    instance = make_instance(ada, configuration=CONFIGURATION, state=State.ASLEEP)
    assert build_service(instance).is_asleep


def test_keys_are_those_of_the_present_stores_file(stores, ada) -> None:
    instance = make_instance(ada, configuration=CONFIGURATION)
    build_service(instance)
    stores(
        keys={"store_id": "s3", "store_params": {"root": "b", "storage_options": {"key": "new"}}}
    )
    *_, keys = build_service(instance).payload["config"]["DataStores"]
    assert keys["StoreParams"] == {"root": "b", "storage_options": {"key": "new"}}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"keys": None}, "the store does not exist (@keys)"),
        (
            {"keys": {"store_id": "s3", "store_params": {"root": "b"}, "readable": False}},
            "the store cannot be read (@keys)",
        ),
    ],
)
def test_what_may_be_read_no_longer_is_left_out_and_said(stores, ada, change, why) -> None:
    instance = make_instance(ada, configuration=CONFIGURATION)
    catalogue = stores(**change)
    built = build_service(instance).payload["config"]["DataStores"]
    assert [store["Identifier"] for store in built] == ["a", "mine"]
    assert left_out(CONFIGURATION, catalogue, instance.profile) == {"k": why}


def test_a_profile_narrows_the_stores(stores, ada) -> None:
    profile = make_profile("narrow", stores=["mine"])
    instance = make_instance(ada, configuration=CONFIGURATION, profile=profile)
    built = build_service(instance).payload["config"]["DataStores"]
    assert [store["Identifier"] for store in built] == ["mine"]
    assert set(left_out(CONFIGURATION, stores(), profile)) == {"a~*.zarr", "b", "k"}


def test_the_viewer_asks_its_own_server_and_no_other_host(stores, ada, settings) -> None:
    instance = make_instance(ada, configuration=CONFIGURATION, title="Seas")
    payload = build_service(instance).payload
    viewer = payload["viewer"]
    assert viewer["server"]["url"] == payload["public_url"]
    assert payload["public_url"].startswith(f"http://{instance.instance_id}.localhost:")
    assert viewer["branding"]["windowTitle"] == viewer["server"]["name"] == "Seas"
    assert viewer["branding"]["layerVisibilities"] == {"baseMaps.OpenStreetMap.OSM Mapnik": False}
