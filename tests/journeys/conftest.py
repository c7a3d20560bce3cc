"""A hub as it is run, a Keycloak beside it, and people who sit down at a browser."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.benchmarks.hub import AUDIENCE, Hub
from tests.patience import PATIENCE_S
from tests.servers.browser import chromium
from tests.servers.keycloak import Keycloak, Realm

from .visitor import PASSWORD, Visitor

CLIENT, SECRET = "xcube-hub", "a-secret-of-the-hub"


@pytest.fixture(scope="package")
def realm(keycloak_server: Keycloak) -> Realm:
    realm = keycloak_server.make_realm(f"edc-{uuid.uuid4().hex[:6]}")
    for role in ("cube-user", "hub-operator", "hub-staff"):
        realm.make_role(role)
    return realm


@pytest.fixture(scope="package")
def hub(tmp_path_factory, xcube_python: Path, demo_cube: Path, realm: Realm) -> Iterator[Hub]:
    provider = {
        "key": "edc",
        "name": "EDC",
        "issuer": realm.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "audiences": [AUDIENCE],
        "trust_email": True,
        "role_claims": ["realm_access.roles"],
        "roles": {"cube-user": ["cube-generation"], "hub-operator": ["operator"]},
        "staff_roles": ["hub-staff"],
    }
    hub = Hub(
        tmp_path_factory.mktemp("hub"),
        xcube_python=xcube_python,
        demo_cube=demo_cube,
        settings={
            "XCUBE_HUB_OIDC_PROVIDERS": json.dumps([provider]),
            "XCUBE_HUB_OIDC_TIMEOUT_S": str(int(PATIENCE_S)),  # of a machine that does much else
        },
    )
    realm.make_client(CLIENT, secret=SECRET, hub_url=hub.url, audience=AUDIENCE)
    yield hub
    hub.stop()


@pytest.fixture(scope="package")
def chrome() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visitor(chrome: Browser, hub: Hub, realm: Realm) -> Iterator[Callable[..., Visitor]]:
    """Makes a person at Keycloak with these roles there, signed in at the hub by its pages."""
    visitors: list[Visitor] = []

    def make(name: str, *roles: str) -> Visitor:
        name = f"{name}-{uuid.uuid4().hex[:6]}"
        subject = realm.make_person(name, email=f"{name}@example.org", password=PASSWORD)
        for role in roles:
            realm.give_role(subject, role)
        visitors.append(Visitor(chrome, hub, name))
        visitors[-1].sign_in()
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.context.close()
