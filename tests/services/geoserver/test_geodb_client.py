"""The real geoDB client (xcube-geodb of PyPI) publishes, lists and removes layers by the hub."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from accounts.models import User
from accounts.tokens.clients import create_client
from accounts.tokens.signing_keys import signing_keys
from services.geoserver import publishing, waiting
from services.models import Layer
from tests.patience import PATIENCE_S
from tests.servers.geodb import geodb_server
from tests.servers.geoserver import geoserver_server
from tests.servers.missing import missing

from .conftest import ROLE, SETTINGS, later, make_owner

pytestmark = pytest.mark.django_db(transaction=True)

PYTHON = Path(__file__).resolve().parents[3] / ".geodb" / "bin" / "python"

SCRIPT = """
import json, sys
from xcube_geodb.core.geodb import GeoDBClient

client = GeoDBClient(**json.load(sys.stdin))
told = {}

def tell(name, work):
    try:
        told[name] = work()
    except Exception as error:
        told[name] = f"{type(error).__name__}: {error}"

def frame(table):
    return table.to_dict("list")

tell("published", lambda: client.publish_gs("use", database="land"))
tell("again", lambda: client.publish_gs("use", database="land"))
tell("listed", lambda: frame(client.get_published_gs("land")))
tell("everything", lambda: frame(client.get_all_published_gs()))
tell("foreign", lambda: client.publish_gs("floes", database="ice"))
tell("missing", lambda: client.publish_gs("nothing", database="land"))
tell("removed", lambda: str(client.unpublish_gs("use", "land")))
tell("then", lambda: frame(client.get_published_gs("land")))
tell("twice", lambda: str(client.unpublish_gs("use", "land")))
# As it is where another service of its makers is in front of GeoServer.
client._db_interface.use_winchester_gs = True
tell("alias", lambda: client.publish_gs("use", database="land"))
tell("alias listed", lambda: frame(client.get_published_gs("land")))
tell("alias removed", lambda: str(client.unpublish_gs("use", "land")))
print(json.dumps(told))
"""


@pytest.fixture
def hub(live_server, settings, monkeypatch):
    """The hub with stand-ins behind HTTP. The worker does its work while a request waits for it."""

    def worker() -> None:
        later()
        publishing.publish_due()

    monkeypatch.setattr(waiting, "pause", worker)
    with geodb_server(*signing_keys()) as geodb, geoserver_server("land_use") as geoserver:
        geodb.databases = {"land": ROLE, "ice": "geodb_g-2"}
        geodb.tables = ["land_use", "ice_floes"]
        settings.HUB = {
            **settings.HUB,
            **SETTINGS,
            "XCUBE_HUB_GEOSERVER_WAIT_S": 30,
            "XCUBE_HUB_GEOSERVER_URL": geoserver.url,
            "XCUBE_HUB_GEOSERVER_PUBLIC_URL": "https://maps.example.org/geoserver",
            "XCUBE_HUB_GEODB_URL": geodb.url,
        }
        yield live_server, geodb, geoserver


def credentials(user: User) -> dict[str, str]:
    program, secret = create_client(user, scopes=["manage:collections"])
    return {"client_id": program.client_id, "client_secret": secret}


def test_it_publishes_lists_and_removes(hub, tmp_path):
    live_server, geodb, geoserver = hub
    if not os.access(PYTHON, os.X_OK):
        missing("the geoDB client is not installed: `make test` installs it")
    url, _, port = geodb.url.rpartition(":")
    given = {
        "server_url": url,
        "server_port": int(port),
        "gs_server_url": live_server.url,
        "auth_domain": f"{live_server.url}/api/v2",
        "auth_aud": "https://geodb.brockmann-consult.de",
        "raise_it": True,
        **credentials(make_owner("ann@example.org", "g-1")),
    }
    given["gs_server_url"], _, gs_port = live_server.url.rpartition(":")
    given["gs_server_port"] = int(gs_port)
    # The alias is asked at the URL without the port.
    script = SCRIPT.replace(
        "use_winchester_gs = True",
        f"use_winchester_gs = True; client._db_interface._gs_server_url = '{live_server.url}'",
    )
    run = subprocess.run(
        [PYTHON, "-c", script],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        timeout=PATIENCE_S,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    told = json.loads(run.stdout.splitlines()[-1])
    published = told["published"]
    assert (published["collection_id"], published["state"]) == ("use", "READY")
    assert published["preview_url"].startswith(f"https://maps.example.org/geoserver/{ROLE}/wms?")
    assert told["again"] == published
    assert told["listed"] == {name: [value] for name, value in published.items()}
    assert told["everything"]["collection_id"] == ["land_use"]
    assert "does not have access to database ice" in told["foreign"]
    assert "an existing collection of database land is expected" in told["missing"]
    assert "deleted from Geoservice" in told["removed"]
    assert told["then"] == {"collection": []}
    assert "is not published" in told["twice"]
    assert told["alias"]["state"] == "READY"
    assert told["alias listed"]["collection_id"] == ["use"]
    assert "deleted from Geoservice" in told["alias removed"]
    assert (geoserver.layers, geoserver.types) == ({}, {})
    assert (ROLE, "land") in geoserver.stores
    assert not Layer.objects.exists()
