"""Layers over the API: the contract of the old service, answered from rows."""

from __future__ import annotations

import json
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import User
from accounts.tokens.clients import create_client
from accounts.tokens.personal import make_token
from hubsite import switches
from services.geoserver import databases, layers
from services.geoserver.names import Place
from services.models import Layer
from tests.accounts.factories import bearer, make_user

from .conftest import ROLE, make_owner, work

pytestmark = pytest.mark.django_db

BASE = "/api/v2/services/xcube_geoserv"
LAND = f"{BASE}/databases/land/collections"


@pytest.fixture(params=[BASE, "/geodb_geoserver"], ids=["old", "alias"])
def base(request) -> str:
    return f"{BASE}/databases" if request.param == BASE else request.param


@pytest.fixture
def ask(client, owner, geodb):
    def ask(method: str, path: str, body=None, *, user: User = owner, headers=None):
        if headers is None:
            program = user.clients.first() or create_client(user, scopes=["manage:collections"])[0]
            headers = bearer(user, client=program)
        return client.generic(
            method,
            path,
            *([] if body is None else [json.dumps(body)]),
            content_type="application/json",
            headers=headers,
        )

    return ask


def test_a_collection_is_published_listed_shown_and_removed(ask, base, geoserver):
    land = f"{base}/land/collections"
    answer = ask("PUT", land, {"collection_id": "use"})
    assert answer.status_code == 200
    record = answer.json()
    assert (record["state"], record["message"]) == ("REQUESTED", None)
    assert (record["collection_id"], record["database"], record["name"]) == ("use", "land", "use")
    assert (record["href"], record["default_style"]) == (None, None)
    work()
    record = ask("PUT", f"{land}", {"collection_id": "use"}).json()
    assert record["state"] == "READY"
    preview = urlsplit(record["preview_url"])
    assert preview.netloc == "maps.example.org"
    query = {name: values[0] for name, values in parse_qs(preview.query).items()}
    assert query["layers"] == f"{ROLE}:land_use"
    assert (query["bbox"], query["srs"]) == ("5.8,47.2,15.1,55.1", "EPSG:4326")
    assert (query["width"], query["height"], query["version"]) == ("690", "768", "1.1.0")
    assert "outputFormat=application/json" in record["geojson_url"]
    assert ask("GET", land).json() == {name: [value] for name, value in record.items()}
    shown = ask("GET", f"{land}/use").json()
    assert shown == {name: value for name, value in record.items() if value is not None}
    assert ask("DELETE", f"{land}/use").json() == {**shown, "state": "REMOVING"}
    assert ask("GET", land).json() == {}
    assert ask("GET", f"{land}/use").status_code == 400
    assert ask("DELETE", f"{land}/use").status_code == 400
    work()
    assert geoserver.layers == {}


def test_lists_are_by_columns_paged_and_of_one_database(ask, owner, geoserver):
    for database, collection in (("land", "use"), ("sea", "waves"), ("land_old", "x")):
        layers.publish(owner, Place(ROLE, database, collection))
    work()
    assert ask("GET", LAND).json()["collection_id"] == ["use"], "not that of land_old"
    everything = ask("GET", f"{BASE}/databases/all/collections?limit=2")
    assert everything.json()["database"] == ["land_old", "sea"]
    assert everything["X-Total-Count"] == "3"
    other = make_owner("bob@example.org", "g-2")
    for_all = ask("GET", f"{BASE}/collections", user=other).json()
    assert for_all["collection_id"] == ["land_old_x", "sea_waves", "land_use"]
    assert set(for_all["database"]) == {"None"}
    assert ask("GET", f"{BASE}/databases/all/collections", user=other).json() == {}


def test_lists_take_a_fixed_number_of_queries(ask, owner, django_assert_max_num_queries):
    for number in range(30):
        layers.publish(owner, Place(ROLE, "land", f"c{number}"))
    work()
    headers = bearer(owner, client=create_client(owner, scopes=["manage:collections"])[0])
    with django_assert_max_num_queries(5):
        assert len(ask("GET", LAND, headers=headers).json()["name"]) == 30
    with django_assert_max_num_queries(3):
        ask("GET", f"{BASE}/collections", headers=headers)


def test_only_databases_and_collections_of_ones_own(ask, geodb):
    def told(path, body=None):
        answer = ask("PUT" if body else "GET", path, body)
        return answer.status_code, answer.json()["message"]

    ice = f"{BASE}/databases/ice/collections"
    denied = (403, f"The user {ROLE} does not have access to database ice.")
    assert told(ice) == told(ice, {"collection_id": "floes"}) == told(f"{ice}/x") == denied
    # The table land_old_roads is of the database land_old, which another role owns.
    assert told(LAND, {"collection_id": "old_roads"})[0] == 400
    assert told(LAND, {"collection_id": "nothing"}) == (
        400,
        "collection_id: an existing collection of database land is expected",
    )
    geodb.databases = {}
    databases.forget()
    assert told(LAND) == (404, "Database land not found.")
    assert not Layer.objects.exists()


def test_the_owner_that_geodb_names_decides(ask, geodb, monkeypatch):
    assert ask("GET", LAND).json() == {}
    geodb.databases["land"] = "geodb_g-2"  # while the answer before is remembered
    assert ask("PUT", LAND, {"collection_id": "use"}).status_code == 400
    databases.forget()
    shared = [{"name": "land", "owner": "geodb_g-2"}]  # as a geoDB that lists shared ones, too
    monkeypatch.setattr(databases, "_call", lambda *call: shared)
    assert ask("GET", LAND).status_code == 403
    assert not Layer.objects.exists()


def test_names_are_closed_patterns(ask, geodb, geoserver):
    before = len(geodb.requests)
    for name in (
        "a'; DROP TABLE x; --",
        "a/b",
        "..",
        "<x>",
        "ü",
        "a" * 63,
        "",
        " use",
        "use\n",
        "a.b",
    ):
        answer = ask("PUT", LAND, {"collection_id": name})
        assert answer.status_code == 400, name
        assert "collection_id" in answer.json()["message"]
    for name in ("a%27%20OR%201%3D1", "%3Cx%3E", "1a", "a%00", "-a", "a" * 64):
        answer = ask("PUT", f"{BASE}/databases/{name}/collections", {"collection_id": "use"})
        assert answer.status_code == 400, name
    for body in ({}, [], "use", {"collection_id": 1}, {"collection_id": None}):
        assert ask("PUT", LAND, body).status_code == 400
    assert "put_collection needs a collection_id" in ask("PUT", LAND, {}).json()["message"]
    assert (len(geodb.requests), geoserver.requests) == (before, [])


def test_two_collections_with_one_table_are_one_layer(ask, geodb):
    geodb.databases["land_old"] = ROLE
    geodb.tables = ["land_old_roads"]
    old = f"{BASE}/databases/land_old/collections"
    assert ask("PUT", old, {"collection_id": "roads"}).status_code == 200
    assert ask("PUT", LAND, {"collection_id": "old_roads"}).status_code == 400


def test_geodb_is_asked_once_with_a_token_of_the_role(ask, geodb, owner):
    ask("GET", LAND)
    ask("GET", LAND)
    assert [path for _, path in geodb.requests] == ["/rpc/geodb_list_databases"]
    personal = make_token(owner, name="x", scopes=["manage:collections"], days=3)[1]
    header = {"Authorization": f"Bearer {personal}"}
    assert ask("PUT", LAND, {"collection_id": "use"}, headers=header).status_code == 200
    assert set(geodb.roles_seen) == {ROLE}


@pytest.mark.parametrize("how", ["hangs", "refuses", "fails"])
def test_while_geodb_does_not_answer_own_layers_can_be_seen_and_removed(
    ask, owner, geodb, settings, monkeypatch, how
):
    layers.publish(owner, Place(ROLE, "land", "use"))
    work()
    geodb.requests.clear()
    if how == "hangs":
        geodb.hanging = threading.Event()
        monkeypatch.setattr(databases, "TIMEOUT_S", 0.2)
    elif how == "refuses":
        settings.HUB = {**settings.HUB, "XCUBE_HUB_GEODB_URL": "http://127.0.0.1:9"}
    else:
        geodb.failures = [503]
    for _ in range(3):
        answer = ask("PUT", LAND, {"collection_id": "a"})
        assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert len(geodb.requests) <= 1, "it rests"
    assert ask("GET", LAND).json()["collection_id"] == ["use"]
    assert ask("DELETE", f"{LAND}/use").status_code == 200


def test_an_error_of_geodb_is_a_400(ask, geodb):
    geodb.failures = [500]
    answer = ask("PUT", LAND, {"collection_id": "use"})
    assert (answer.status_code, "geoDB answers 500" in answer.json()["message"]) == (400, True)


def test_who_has_no_role_in_geodb_is_401_and_no_scope_403(ask):
    stranger = make_user("eve@example.org", ["manage:collections"])
    answer = ask("GET", LAND, user=stranger)
    assert answer.status_code == 401
    assert "no role in geoDB" in answer.json()["message"]
    assert ask("GET", f"{BASE}/collections", user=stranger).json() == {}
    without = make_user("bob@example.org")
    assert ask("GET", f"{BASE}/collections", user=without).status_code == 403


def test_a_failed_layer_is_a_400_that_says_why_without_secrets(ask, owner, geoserver, settings):
    geoserver.tables = set()
    ask("PUT", LAND, {"collection_id": "use"})
    work()
    shown = ask("GET", f"{LAND}/use").json()
    assert (shown["state"], shown["message"]) == ("FAILED", "GeoServer refuses it.")
    assert Layer.objects.get().error.startswith("GeoServer answers 400 to POST /rest/")
    geoserver.tables = {"*"}
    assert ask("PUT", LAND, {"collection_id": "use"}).json()["state"] == "REQUESTED"
    geoserver.faults.extend(["500 before"] * 3)
    work()
    shown = ask("GET", f"{LAND}/use").json()
    assert shown["message"] == "GeoServer has not done it yet; it is tried again."


def test_switched_off_suspended_or_not_configured_it_is_422(ask, settings):
    def told(method, path, body=None):
        answer = ask(method, path, body)
        return answer.status_code, answer.json().get("message")

    switches.suspend("xcube_geoserv", message="Until 14:00.", actor="op")
    assert told("PUT", LAND, {"collection_id": "use"}) == (422, "Until 14:00.")
    assert told("GET", LAND)[0] == 200
    switches.resume("xcube_geoserv", actor="op")
    off = "Geoservice resources are switched off on this service"
    for change in ({"GEOSERVICE_SILENT": True}, {"XCUBE_HUB_GEOSERVER_URL": None}):
        before = settings.HUB
        settings.HUB = {**before, **change}
        for method, path in (("GET", LAND), ("PUT", LAND), ("GET", f"{BASE}/collections")):
            status, message = told(method, path, {} if method == "PUT" else None)
            assert (status, message.startswith(off)) == (422, True)
        settings.HUB = before


def test_layers_per_user_are_limited(ask, owner, monkeypatch):
    monkeypatch.setattr(layers, "MOST_LAYERS", 1)
    assert ask("PUT", LAND, {"collection_id": "use"}).status_code == 200
    assert ask("PUT", LAND, {"collection_id": "a"}).status_code == 413
    assert ask("PUT", LAND, {"collection_id": "use"}).status_code == 200
