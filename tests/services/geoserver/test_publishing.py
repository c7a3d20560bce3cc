"""The worker makes GeoServer agree with the rows, whatever is lost, repeated or half done."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from hubsite import switches
from hubsite.health import parts
from services.geoserver import layers, publishing, reconciling, resting
from services.geoserver.names import Place
from services.models import Layer, LayerReason, LayerState, StrayLayer
from tests.servers.geoserver import FAULTS

from .conftest import ROLE, later, work

pytestmark = pytest.mark.django_db

LAND_USE = Place(ROLE, "land", "use")


def state(layer: Layer) -> tuple[str, str]:
    layer = Layer.objects.get(pk=layer.pk)
    return layer.layer_state, layer.reason


def test_a_layer_is_published_with_everything_it_needs_and_verified(owner, geoserver):
    layer = layers.publish(owner, LAND_USE)
    assert state(layer) == ("REQUESTED", "")
    assert publishing.publish_due() == 1
    layer.refresh_from_db()
    assert state(layer) == ("READY", "")
    assert (layer.srs, layer.bbox) == ("EPSG:4326", [5.8, 47.2, 15.1, 55.1])
    assert (layer.style, layer.error, layer.verified_at is None) == ("polygon", "", False)
    store = geoserver.stores[ROLE, "land"]
    given = {entry["@key"]: entry["$"] for entry in store["connectionParameters"]["entry"]}
    assert (given["host"], given["passwd"]) == ("db.example.org", "gis-secret")
    asked = [target for _, target in geoserver.requests]
    assert [sum(word in target for target in asked) for word in ("WMS", "WFS", "GetMap")] == [
        2,
        1,
        1,
    ]
    before = len(geoserver.requests)
    assert work() == 0, "there is nothing left to do"
    layers.publish(owner, LAND_USE)
    assert work() == 0, "repeated, it changes nothing"
    assert len(geoserver.requests) == before


def test_a_removed_layer_is_gone_and_store_and_styles_and_others_stay(owner, geoserver):
    layer = layers.publish(owner, LAND_USE)
    other = layers.publish(owner, Place(ROLE, "land", "roads"))
    work()
    layers.remove(layer)
    layers.remove(layer)
    work()
    assert not Layer.objects.filter(pk=layer.pk).exists()
    assert set(geoserver.layers) == {(ROLE, "land_roads")}
    assert geoserver.of_database(ROLE, "land") == {"land_roads"}
    assert (ROLE, "land") in geoserver.stores
    assert state(other) == ("READY", "")
    layers.remove(other)
    work()
    assert (ROLE, "land") in geoserver.stores, "a store is never removed, not even an empty one"
    assert ROLE in geoserver.workspaces
    assert not [target for _, target in geoserver.requests if "recurse=true" in target]


@pytest.mark.parametrize("fault", ["twice", "500 after"])
def test_what_was_made_in_spite_of_the_answer_is_good_at_once(owner, geoserver, fault):
    handle = geoserver.handle

    def every_post(method, *call):
        geoserver.faults.extend([fault] if method == "POST" else [])
        return handle(method, *call)

    geoserver.handle = every_post
    layer = layers.publish(owner, LAND_USE)
    work()
    assert state(layer) == ("READY", "")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("wish", ["publish", "remove"])
def test_each_call_may_fail_in_each_way(owner, geoserver, fault, wish):
    """The call with the fault is the first, then the second, and so on, of the whole sequence."""
    number = 0
    while True:
        layer = layers.publish(owner, LAND_USE)
        if wish == "remove":
            work()
            layers.remove(layer)
        before = len(geoserver.requests)
        geoserver.faults.extend([*[None] * number, fault])
        work()
        was_hit = not geoserver.faults
        geoserver.faults.clear()
        work()
        row = Layer.objects.filter(pk=layer.pk).first()
        if wish == "publish":
            assert row is not None and row.layer_state == LayerState.READY, (number, row.error)
            assert "secret" not in row.error
            assert set(geoserver.layers) == {(ROLE, "land_use")}
            layers.remove(row)
            work()
        assert not Layer.objects.exists()
        assert (geoserver.layers, geoserver.types) == ({}, {})
        assert len(geoserver.requests) - before < 40
        if not was_hit:
            break
        number += 1
    assert number >= (8 if wish == "publish" else 4)


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_and_layers_agree_after_200_random_faults(owner, geoserver, seed):
    """Owners publish and remove, GeoServer fails, operators delete layers there, ticks die."""
    chance = random.Random(seed)
    places = [Place(ROLE, db, name) for db in ("land", "sea") for name in ("a", "b", "c")]
    geoserver.stores[ROLE, "mine"] = {"name": "mine"}
    geoserver.types[ROLE, "mine", "mine_x"] = {"name": "mine_x"}
    geoserver.layers[ROLE, "mine_x"] = {"name": "mine_x", "resource": {"href": "/elsewhere"}}
    hit = 0
    while hit < 200:
        for _ in range(chance.randint(1, 3)):
            place = chance.choice(places)
            row = Layer.objects.filter(workspace=place.workspace, name=place.name).first()
            if row is None or chance.random() < 0.5:
                layers.publish(owner, place)
            else:
                layers.remove(row)
        if chance.random() < 0.2 and (present := sorted(geoserver.layers)):
            ws, name = chance.choice(present)
            if name != "mine_x":
                del geoserver.layers[ws, name]  # by hand
        planned = [chance.choice([None, None, *FAULTS]) for _ in range(chance.randint(1, 30))]
        geoserver.faults.extend(planned)
        work()
        hit += sum(fault is not None for fault in planned[: len(planned) - len(geoserver.faults)])
        geoserver.faults.clear()
        if chance.random() < 0.2:
            reconciling.reconcile()
    for _ in range(3):  # the faults are over
        for row in Layer.objects.filter(layer_state=LayerState.FAILED):
            layers.repair(row)
        later()
        reconciling.reconcile()
        work()
    rows = {(row.workspace, row.name): row.layer_state for row in Layer.objects.all()}
    assert set(rows.values()) <= {"READY"}
    assert set(rows) == set(geoserver.layers) - {(ROLE, "mine_x")}
    in_stores = {(ws, name) for ws, store, name in geoserver.types if store != "mine"}
    assert in_stores == set(rows), "no feature type without its layer"
    assert (ROLE, "mine_x") in geoserver.layers
    assert [str(row) for row in StrayLayer.objects.all()] == [f"{ROLE}:mine_x"]
    assert {"land", "sea", "mine"} == {name for _, name in geoserver.stores}


def test_an_owner_who_wants_something_else_meanwhile_gets_that(owner, geoserver, monkeypatch):
    """DELETE and PUT arrive while the worker is in the middle of the contrary."""
    layer = layers.publish(owner, LAND_USE)
    handle = geoserver.handle

    def at(number, do):
        def meanwhile(*call):
            if len(geoserver.requests) == number:
                do()
            return handle(*call)

        geoserver.requests.clear()
        monkeypatch.setattr(geoserver, "handle", meanwhile)

    for number in range(8):  # calls of a publication
        at(number, lambda: layers.remove(layer))
        assert work() == 0, "what was begun is no end"
        assert state(layer) == ("REMOVING", "")
        at(min(number, 3), lambda: layers.publish(owner, LAND_USE))
        work()
        assert state(layer)[0] in ("REQUESTED", "PUBLISHED")
        monkeypatch.setattr(geoserver, "handle", handle)
        work()
        assert state(layer) == ("READY", "")
        Layer.objects.filter(pk=layer.pk).wish(LayerState.REQUESTED)


def test_what_is_not_the_hubs_is_not_touched(owner, geoserver):
    foreign = {"name": "land_use", "resource": {"href": "/rest/workspaces/x/coverages/y.json"}}
    geoserver.workspaces.add(ROLE)
    geoserver.layers[ROLE, "land_use"] = dict(foreign)
    taken = layers.publish(owner, LAND_USE)
    geoserver.stores[ROLE, "sea"] = {
        "name": "sea",
        "connectionParameters": {"entry": {"@key": "host", "$": "elsewhere"}},
    }
    other = layers.publish(owner, Place(ROLE, "sea", "ice"))
    assert work() == 2
    assert state(taken) == ("FAILED", LayerReason.TAKEN)
    assert state(other) == ("FAILED", LayerReason.STORE_TAKEN)
    for row in (taken, other):
        layers.remove(row)
    work()
    assert not Layer.objects.exists()
    assert geoserver.layers == {(ROLE, "land_use"): foreign}
    assert not [
        call
        for call in geoserver.requests
        if call[0] == "DELETE" and "land_use?" in call[1] and "layers" in call[1]
    ]


def test_what_is_refused_fails_at_once_and_what_may_pass_is_tried_again(owner, geoserver):
    geoserver.tables = {"land_roads"}
    layer = layers.publish(owner, LAND_USE)
    work()
    assert state(layer) == ("FAILED", LayerReason.REFUSED)
    geoserver.tables = {"*"}
    assert work() == 0
    layers.publish(owner, LAND_USE)
    geoserver.broken_maps = {"land_use"}
    for tries in range(1, publishing.MOST_TRIES):
        work()
        layer.refresh_from_db()
        assert (layer.layer_state, layer.attempts) == ("PUBLISHED", tries)
        assert layer.error == "WMS GetMap answers no picture"
    work()
    assert state(layer) == ("FAILED", LayerReason.NOT_SERVED)
    geoserver.broken_maps.clear()
    assert layers.repair(layer)
    work()
    assert state(layer) == ("READY", "")


def test_a_disabled_store_and_type_are_enabled_and_a_style_is_given(owner, geoserver, settings):
    layer = layers.publish(owner, LAND_USE)
    work()
    geoserver.stores[ROLE, "land"]["enabled"] = False
    geoserver.types[ROLE, "land", "land_use"]["enabled"] = False
    geoserver.layers[ROLE, "land_use"]["defaultStyle"] = None
    layers.repair(layer)
    assert state(layer)[0] == "READY", "it stays ready while it is looked at again"
    work()
    assert geoserver.stores[ROLE, "land"]["enabled"]
    assert geoserver.types[ROLE, "land", "land_use"]["enabled"]
    assert geoserver.layers[ROLE, "land_use"]["defaultStyle"] == {"name": "generic"}
    settings.HUB = {**settings.HUB, "XCUBE_HUB_GEOSERVER_STYLE": "blue"}
    layers.repair(layer)
    work()
    layer.refresh_from_db()
    assert layer.style == "blue"


def test_a_geoserver_that_is_gone_is_left_alone_and_told_and_then_catches_up(owner, geoserver):
    for number in range(5):
        layers.publish(owner, Place(ROLE, "land", f"c{number}"))
    geoserver.faults.extend(["503"] * 100)
    publishing.publish_due()
    assert len(geoserver.requests) == 1, "the others wait"
    publishing.publish_due()
    assert len(geoserver.requests) == 1, "it rests"
    parts.forget()
    finding = parts.look().findings["geoserver"]
    assert (finding.is_ok, finding.message) == (False, "GeoServer answers 503.")
    geoserver.faults.clear()
    in_hours = timezone.now() + timedelta(hours=5)  # after many tries
    Layer.objects.update(state="failing", attempts=20, due_at=in_hours)
    resting.try_soon()
    assert publishing.publish_due() == 0
    reconciling.reconcile()
    assert publishing.publish_due() == 5
    parts.forget()
    assert parts.look().findings["geoserver"].is_ok


def test_a_suspended_service_publishes_nothing_and_goes_on_when_resumed(owner, geoserver):
    layer = layers.publish(owner, LAND_USE)
    switches.suspend("xcube_geoserv", message="Until 14:00.", actor="op")
    work()
    reconciling.reconcile()
    assert geoserver.requests == []
    parts.forget()
    (told,) = [s for s in parts.look().services if s.name == "xcube_geoserv"]
    assert (told.status, told.message) == ("Suspended", "Until 14:00.")
    switches.resume("xcube_geoserv", actor="op")
    work()
    assert state(layer)[0] == "READY"
