"""The real geoDB client (xcube-geodb of PyPI) signs in at the hub, and opens geoDB with that."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import jwt
import pytest

from accounts.models import Service
from accounts.subscriptions.subscribing import Wish, subscribe
from accounts.tokens.signing_keys import signing_keys
from tests.patience import PATIENCE_S
from tests.servers.geodb import geodb_server
from tests.servers.missing import missing

pytestmark = pytest.mark.django_db(transaction=True)

PYTHON = Path(__file__).resolve().parents[3] / ".geodb" / "bin" / "python"

SCRIPT = """
import json, sys
from xcube_geodb.core.geodb import GeoDBClient
options = json.load(sys.stdin)
client = GeoDBClient(**options)
answer = {}
try:
    answer["token"] = client._db_interface.auth_access_token
    answer["whoami"] = client.whoami
except Exception as error:
    answer["error"] = f"{type(error).__name__}: {error}"
print(json.dumps(answer))
"""


@pytest.fixture
def geodb():
    with geodb_server(*signing_keys()) as server:
        yield server


@pytest.fixture
def subscribed():
    wish = Wish(
        email="ann@example.org", guid="5f0e1c2d-9d4f-4a86", plan="manage", units=1.0, unit="cells"
    )
    subscription, secret = subscribe(Service.GEODB, wish, actor="test")
    return {"client_id": subscription.client.client_id, "client_secret": secret}


def run_client(live_server, geodb, folder: Path, **options) -> dict:
    if not os.access(PYTHON, os.X_OK):
        missing("the geoDB client is not installed: `make test` installs it")
    url, _, port = geodb.url.rpartition(":")
    given = {
        "server_url": url,
        "server_port": int(port),
        "auth_domain": f"{live_server.url}/api/v2",
        "auth_aud": "https://geodb.brockmann-consult.de",
        **options,
    }
    run = subprocess.run(
        [PYTHON, "-c", SCRIPT],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=folder,  # it reads a .env file where it is started
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        timeout=PATIENCE_S,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


def test_it_gets_its_token_from_the_hub_and_is_its_role_in_geodb(
    live_server, geodb, subscribed, tmp_path
):
    answer = run_client(live_server, geodb, tmp_path, **subscribed)
    assert answer["whoami"] == "geodb_5f0e1c2d-9d4f-4a86"
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert claims["email"] == "ann@example.org"


def test_after_a_rotation_geodb_takes_the_tokens_of_a_prepared_key(
    live_server, geodb, subscribed, tmp_path, settings
):
    old = settings.TOKEN_SECRETS or signing_keys()
    settings.TOKEN_SECRETS = ["the next key, " + "n" * 40, *old]
    assert "error" in run_client(live_server, geodb, tmp_path, **subscribed)
    geodb.secrets = signing_keys()
    assert run_client(live_server, geodb, tmp_path, **subscribed)["whoami"].startswith("geodb_")


def test_a_wrong_secret_ends_in_the_clients_error(live_server, geodb, subscribed, tmp_path):
    wrong = {**subscribed, "client_secret": "wrong"}
    answer = run_client(live_server, geodb, tmp_path, **wrong)
    assert answer["error"].startswith(
        "HTTPError: 401 Client Error: Unknown client_id or wrong client_secret"
    )
    assert geodb.requests == []
