"""A subscriber of geoDB, and stand-ins of GeoServer and geoDB without HTTP between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Service, User
from accounts.scopes import MANAGE_COLLECTIONS
from accounts.subscriptions.subscribing import Wish, subscribe
from accounts.tokens.signing_keys import signing_keys
from hubsite import http_client
from hubsite.health import parts
from services.geoserver import databases, publishing, resting
from services.models import Layer
from tests.accounts.factories import make_user
from tests.servers.geodb import Geodb, geodb_server
from tests.servers.geoserver import PASSWORD, USER, GeoServer, Lost

ROLE = "geodb_g-1"
SETTINGS = {
    "XCUBE_HUB_GEOSERVER_USERNAME": USER,
    "XCUBE_HUB_GEOSERVER_PASSWORD": PASSWORD,
    "XCUBE_HUB_GEOSERVER_WAIT_S": 0,
    "XCUBE_HUB_POSTGIS_HOST": "db.example.org",
    "XCUBE_HUB_POSTGIS_DB": "geodb",
    "XCUBE_HUB_POSTGIS_USER": "gis",
    "XCUBE_HUB_POSTGIS_PASSWORD": "gis-secret",
}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    databases.forget()
    parts.forget()
    yield
    databases.forget()
    parts.forget()


@pytest.fixture
def configured(settings) -> None:
    settings.HUB = {
        **settings.HUB,
        **SETTINGS,
        "XCUBE_HUB_GEOSERVER_URL": "http://geoserver.test/geoserver",
        "XCUBE_HUB_GEOSERVER_PUBLIC_URL": "https://maps.example.org/geoserver",
        "XCUBE_HUB_GEODB_URL": "http://geodb.test",
    }


@pytest.fixture
def geoserver(configured, monkeypatch) -> GeoServer:
    """The stand-in, called directly; other servers are called as ever."""
    server = GeoServer({"*"})
    elsewhere = http_client.call
    prefix = "http://geoserver.test/geoserver"

    def call(method: str, url: str, *, body: Any = None, auth: Any = None, **options: Any):
        if url.startswith("http://geodb.test/"):
            raise http_client.NotTaken("no such host")
        if not url.startswith(f"{prefix}/"):
            return elsewhere(method, url, body=body, auth=auth, **options)
        body = None if body is None else json.loads(json.dumps(body))
        try:
            status, content = server.handle(method, url.removeprefix(prefix), body, auth)
        except Lost:
            raise http_client.NoAnswer("no answer within 10 s") from None
        assert len(content) <= options["most_bytes"]
        assert options["timeout_s"] <= 10
        return http_client.Answer(status, content)

    monkeypatch.setattr(http_client, "call", call)
    return server


@pytest.fixture
def owner(db) -> User:
    return make_owner("ann@example.org", "g-1")


def make_owner(email: str, guid: str) -> User:
    make_user(email, [MANAGE_COLLECTIONS])
    wish = Wish(email=email, guid=guid, plan="manage", units=1.0, unit="cells")
    subscribe(Service.GEODB, wish, actor="test")
    return User.objects.get(email=email)


@pytest.fixture
def geodb(geoserver, settings) -> Iterator[Geodb]:
    """The stand-in of geoDB, with databases of two roles."""
    with geodb_server(*signing_keys()) as server:
        server.databases = {"land": ROLE, "land_old": "geodb_g-2", "sea": ROLE, "ice": "geodb_g-2"}
        server.tables = ["land_use", "land_old_roads", "sea_waves", "ice_floes", "land_a"]
        settings.HUB = {**settings.HUB, "XCUBE_HUB_GEODB_URL": server.url}
        yield server


def later() -> None:
    """As if so much time had passed that everything is due again."""
    Layer.objects.update(due_at="2020-01-01T00:00:00Z", claimed_until=None)
    resting.try_soon()


def work() -> int:
    """One tick, some time after the last."""
    later()
    return publishing.publish_due()
