"""Operators script what the admin does with services, profiles and layers of all users."""

from __future__ import annotations

import pytest

from hubsite.audit import AuditEntry
from services.geoserver.layers import publish
from services.geoserver.names import Place
from services.models import ServiceProfile, State, StrayLayer
from tests.accounts.factories import make_user
from tests.accounts.operator_calls import calls_of
from tests.api_document import answer_faults
from tests.services.factories import make_instance, make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return make_user(
        "ann@example.org", permissions=["manage:cubegens", "manage:collections"], units=100
    )


@pytest.fixture
def call(client):
    operator = make_user("operator@example.org", permissions=["operate:hub"])
    return calls_of(client, operator)


def test_services_of_all_users_with_filters(call, ann, django_assert_max_num_queries):
    bob = make_user("bob@example.org")
    ready = make_instance(ann, state=State.READY)
    large = make_instance(bob, profile=make_profile("large"), state=State.ASLEEP)
    for query, expected in (
        ("", [large, ready]),
        ("owner=ANN@example.org", [ready]),
        ("state=ASLEEP&kind=xcube_server", [large]),
        ("profile=large", [large]),
        ("owner=nobody", []),
    ):
        with django_assert_max_num_queries(4):
            rows = call("GET", f"services?{query}")
        assert [row["id"] for row in rows] == [one.instance_id for one in expected], query
    assert answer_faults("GET /operator/services", 200, call("GET", "services")) == []
    assert call("GET", f"services/{ready.instance_id}")["owner"]["email"] == ann.email
    for query in ("state=DANCING", "kind=x", "profile=" + "x" * 300):
        call("GET", f"services?{query}", status=400)
    call("GET", "services/nothing", status=404)


def test_a_service_sleeps_wakes_and_stops_once(call, ann):
    instance = make_instance(ann, state=State.READY)
    path = f"services/{instance.instance_id}"
    for act, state in (("sleep", State.ASLEEP), ("wake", State.STARTING), ("stop", State.STOPPING)):
        assert call("POST", f"{path}/{act}") == {"changed": True}
        assert call("POST", f"{path}/{act}") == {"changed": False}
        instance.refresh_from_db()
        assert instance.state == state
        call("POST", f"services/nothing/{act}", status=404)
    told = AuditEntry.objects.filter(kind="services.serviceinstance").order_by("pk")
    assert [entry.action for entry in told] == [
        "instance.asleep",
        "instance.woken",
        "instance.stopped",
    ]
    assert {entry.actor_name for entry in told} == {"operator@example.org"}


def test_a_profile_is_made_changed_and_checked(call):
    made = call("PUT", "profiles/huge", {"title": "Huge", "memory_bytes": 1 << 33, "cpus": 4})
    assert answer_faults("PUT /operator/profiles/{name}", 200, made) == []
    changed = call("PUT", "profiles/huge", {"units_per_hour": 9, "roles": ["cube-generation"]})
    assert (changed["cpus"], changed["units_per_hour"]) == (4, 9)
    assert changed["roles"] == ["cube-generation"]
    assert "huge" in [row["name"] for row in call("GET", "profiles")]
    for wrong in (
        {},
        {"kind": "cate_webapi"},
        {"roles": ["nothing"]},
        {"cpus": 0},
        {"memory_bytes": 5},
        {"idle_s": 7200, "age_s": 3600},
        {"image": "no image"},
        {"units_per_hour": "9"},
    ):
        assert call("PUT", "profiles/huge", wrong, status=400)["errors"], wrong
    assert ServiceProfile.objects.get(name="huge").idle_s == 1800


def test_layers_are_repaired_removed_and_adopted(call, ann):
    layer = publish(ann, Place("geodb_g-1", "land", "use"))
    stray = StrayLayer.objects.create(workspace="geodb_g-9", name="land_roads", store="land")
    (row,) = call("GET", f"layers?owner={ann.user_id}&state=REQUESTED")
    assert answer_faults("GET /operator/layers", 200, [row]) == []
    call("POST", f"layers/{layer.pk}/repair")
    assert call("POST", f"layers/{layer.pk}/remove") == {"changed": True}
    assert call("POST", f"layers/{layer.pk}/remove") == {"changed": False}
    assert [row["name"] for row in call("GET", "stray-layers")] == ["land_roads"]
    refused = call("POST", f"stray-layers/{stray.pk}/adopt", status=409)
    assert refused["detail"] == "No user has the role geodb_g-9 in geoDB."
    for path in (f"layers/{10**30}/repair", "layers/0/remove", "stray-layers/0/adopt"):
        call("POST", path, status=404)
