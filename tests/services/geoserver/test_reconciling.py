"""GeoServer and the rows are compared both ways; operators adopt and repair."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.deletion import StillBusy, forget_person
from accounts.models import User
from hubsite.coordination.delivery import NotDelivered
from hubsite.refusals import Refused
from services.geoserver import databases, layers, operating, reconciling
from services.geoserver.names import Place
from services.metrics import of_layers
from services.models import Layer, LayerState, StrayLayer
from tests.accounts.factories import make_user

from .conftest import ROLE, later, make_owner, work

pytestmark = pytest.mark.django_db

LAND_USE = Place(ROLE, "land", "use")


def reconcile() -> None:
    later()
    reconciling.reconcile()


def put(geoserver, workspace: str, store: str, name: str) -> None:
    """As the old service, or somebody by hand, has made it."""
    geoserver.workspaces.add(workspace)
    geoserver.stores.setdefault((workspace, store), {"name": store})
    geoserver.handle(
        "POST",
        f"/rest/workspaces/{workspace}/datastores/{store}/featuretypes",
        {"featureType": {"name": name, "nativeName": name}},
        ("admin", "geoserver-secret"),
    )


def test_a_layer_that_somebody_deleted_is_published_again(owner, geoserver):
    layer = layers.publish(owner, LAND_USE)
    work()
    reconcile()
    assert work() == 0, "they agree"
    geoserver.layers.clear()
    reconcile()
    layer.refresh_from_db()
    assert layer.layer_state == LayerState.REQUESTED
    work()
    assert (ROLE, "land_use") in geoserver.layers


def test_layers_without_a_row_are_noted_in_workspaces_of_the_hub_only(owner, geoserver):
    put(geoserver, ROLE, "land", "land_use")
    put(geoserver, ROLE, "other", "x")
    put(geoserver, "somebody", "land", "land_use")
    before = dict(geoserver.layers)
    reconcile()
    reconcile()
    strays = {str(row): row.store for row in StrayLayer.objects.all()}
    assert strays == {f"{ROLE}:land_use": "land", f"{ROLE}:x": "other"}
    assert geoserver.layers == before
    assert not [call for call in geoserver.requests if call[0] == "DELETE"]
    del geoserver.layers[ROLE, "x"]
    reconcile()
    assert [row.name for row in StrayLayer.objects.all()] == ["land_use"]
    layer = layers.publish(owner, LAND_USE)
    work()
    reconcile()
    layer.refresh_from_db()
    assert (layer.layer_state, StrayLayer.objects.count()) == ("READY", 0)


def test_an_empty_or_odd_list_of_layers_is_no_reason_to_publish_again(owner, geoserver):
    layers.publish(owner, LAND_USE)
    work()
    before = len(geoserver.requests)
    for fault in ("garbage", "500 before", "503", "lost before"):
        geoserver.faults.append(fault)
        reconcile()
    assert len(geoserver.requests) == before + 4
    assert Layer.objects.get().layer_state == LayerState.READY
    assert reconciling.listed({"layers": ""}) == set()
    two = {"layers": {"layer": [{"name": "a:b"}, {"name": "a:c:d"}]}}
    assert reconciling.listed(two) == {("a", "b"), ("a", "c:d")}
    for entries in (None, 1, [1], {"name": "a:b"}, [{"name": "land_use"}], [{"name": "a:"}], [{}]):
        with pytest.raises(NotDelivered):
            reconciling.listed({"layers": {"layer": entries}})
    with pytest.raises(NotDelivered):
        reconciling.listed({})


def test_ready_layers_are_verified_daily_a_few_at_a_time(owner, geoserver, monkeypatch):
    monkeypatch.setattr(reconciling, "MOST_VERIFIED", 2)
    for number in range(3):
        layers.publish(owner, Place(ROLE, "land", f"c{number}"))
    work()
    Layer.objects.update(verified_at=timezone.now() - timedelta(days=2))
    geoserver.broken_maps = {"land_c0", "land_c1", "land_c2"}
    reconcile()
    assert Layer.objects.filter(layer_state=LayerState.READY).count() == 3
    work()
    assert Layer.objects.filter(layer_state=LayerState.PUBLISHED).count() == 2
    geoserver.broken_maps = set()
    work()
    assert Layer.objects.filter(layer_state=LayerState.READY).count() == 3


def test_a_layer_of_a_database_that_another_has_made_anew_is_taken_away(owner, geodb, geoserver):
    layer = layers.publish(owner, LAND_USE)
    work()

    def a_day_later() -> str:
        Layer.objects.update(verified_at=timezone.now() - timedelta(days=2))
        databases.COOL_DOWN.end(geodb.url)
        reconcile()
        work()
        layer.refresh_from_db()
        return layer.layer_state

    assert a_day_later() == "READY"
    for fault in (500, 503):
        geodb.failures = [fault]
        assert a_day_later() == "READY", "nobody said that it is another's"
    geodb.tables.remove("land_use")
    assert a_day_later() == "READY", "GeoServer says whether it is there"
    geodb.tables.append("land_use")
    geodb.databases["land"] = "geodb_g-2"
    assert a_day_later() == "FAILED"
    assert layer.reason == "not_owned"
    assert (geoserver.layers, geoserver.types) == ({}, {})


def test_operators_adopt_repair_and_remove_in_the_admin(owner, geoserver, client):
    put(geoserver, ROLE, "land", "land_use")
    put(geoserver, ROLE, "other", "x")
    failed = layers.publish(owner, Place(ROLE, "land", "roads"))
    geoserver.tables = set()
    work()
    geoserver.tables = {"*"}
    reconcile()
    operator = make_user("op@example.org", ["operate:hub"], is_staff=True)
    client.force_login(operator)
    page = client.get("/admin/services/layer/drift/").content.decode()
    for shown in (f"{ROLE}:land_use", f"{ROLE}:x", f"{ROLE}:land_roads", "GeoServer refuses it."):
        assert shown in page
    strays = list(StrayLayer.objects.values_list("pk", flat=True))
    answer = client.post(
        "/admin/services/straylayer/",
        {"action": "adopt", "_selected_action": strays},
        follow=True,
    )
    assert "1 adopted" in answer.content.decode()
    assert "not named after its data store" in answer.content.decode()
    client.post("/admin/services/layer/", {"action": "repair", "_selected_action": [failed.pk]})
    work()
    states = dict(Layer.objects.values_list("name", "layer_state"))
    assert states == {"land_use": "READY", "land_roads": "READY"}
    assert (
        "None: GeoServer has every layer"
        in client.get("/admin/services/layer/drift/").content.decode()
    )
    client.post(
        "/admin/services/layer/",
        {"action": "remove", "_selected_action": [failed.pk], "sure": "yes"},
    )
    work()
    assert set(geoserver.layers) == {(ROLE, "land_use"), (ROLE, "x")}
    client.force_login(make_user("staff@example.org", is_staff=True))
    assert client.get("/admin/services/layer/drift/").status_code == 403


def test_a_layer_of_no_subscriber_is_not_adopted(geoserver, db):
    stray = StrayLayer.objects.create(workspace="geodb_x", name="land_use", store="land")
    with pytest.raises(Refused, match="No user has the role geodb_x"):
        layers.adopt(stray)


def test_rows_differ_if_they_failed_or_wait_for_long(owner, geoserver):
    new, late, ready = (
        layers.publish(owner, Place(ROLE, "land", name)) for name in ("new", "late", "ready")
    )
    long_ago = timezone.now() - timedelta(hours=1)
    Layer.objects.filter(pk__in=[late.pk, ready.pk]).update(since=long_ago)
    Layer.objects.filter(pk=ready.pk).update(layer_state=LayerState.READY)
    assert [row.pk for row in operating.differing()] == [late.pk]
    Layer.objects.filter(pk=new.pk).update(layer_state=LayerState.FAILED)
    assert {row.pk for row in operating.differing()} == {new.pk, late.pk}


def test_the_command_lists_publishes_verifies_removes_and_adopts(owner, geoserver, capsys):
    def run(*arguments: str) -> str:
        call_command("layers", *arguments)
        return capsys.readouterr().out

    publish = ("publish", "--user", owner.email, "--database", "land", "--collection", "use")
    assert run(*publish) == f"{ROLE}:land_use: REQUESTED\n"
    work()
    assert "READY" in run("list", "--user", owner.email, "--state", "ready")
    assert run("verify", f"{ROLE}:land_use") == f"{ROLE}:land_use: READY\n"
    assert Layer.objects.get().state == "pending"
    work()
    put(geoserver, ROLE, "land", "land_roads")
    reconcile()
    assert f"{ROLE}:land_roads" in run("list", "--stray")
    assert run("adopt", f"{ROLE}:land_roads") == f"{ROLE}:land_roads: REQUESTED\n"
    work()
    assert run("remove", f"{ROLE}:land_use") == f"{ROLE}:land_use: REMOVING\n"
    with pytest.raises(SystemExit):
        run("remove", f"{ROLE}:land_use")
    work()
    assert '"land_roads"' in run("list", "--json") or "land_roads" in run("list", "--json")
    for arguments in (("verify", "x:y"), ("adopt", "x:y"), ("remove", "x")):
        with pytest.raises(CommandError, match="There is no"):
            run(*arguments)
    with pytest.raises(CommandError, match="has not subscribed to geoDB"):
        make_user("eve@example.org")
        run("publish", "--user", "eve@example.org", "--database", "a", "--collection", "b")


def test_a_deleted_persons_layers_go_from_geoserver_first(owner, geoserver):
    layers.publish(owner, LAND_USE)
    other = make_owner("bob@example.org", "g-2")
    layers.publish(other, Place("geodb_g-2", "ice", "floes"))
    StrayLayer.objects.create(workspace=ROLE, name="x", store="")
    work()
    with pytest.raises(StillBusy):
        forget_person(owner, actor="test")
    work()
    forget_person(User.objects.get(pk=owner.pk), actor="test")
    assert set(geoserver.layers) == {("geodb_g-2", "ice_floes")}
    assert (Layer.objects.count(), StrayLayer.objects.count()) == (1, 0)


def test_layers_are_counted_in_the_metrics(owner, geoserver):
    layers.publish(owner, LAND_USE)
    (gauge,) = of_layers()
    assert {s.labels["state"]: s.value for s in gauge.samples}["REQUESTED"] == 1
