"""The world of the authorization matrix: one of everything, and nothing outside answers."""

from __future__ import annotations

import pytest

from accounts.sign_on import documents
from accounts.sign_on.providers import Provider

from .world import World, make_world

NOWHERE = "http://127.0.0.1:9"
EDC = Provider(key="edc", name="EDC", issuer="https://edc.example.org", client_id="hub")


@pytest.fixture
def world(settings, monkeypatch) -> World:
    def away(provider):
        raise documents.ProviderUnavailable("It does not answer")

    monkeypatch.setattr(documents, "fetch", away)
    documents.forget_all()
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_OIDC_PROVIDERS": (EDC,),
        "XCUBE_HUB_CATE_COMMAND": ("cate", "{port}"),
        "XCUBE_HUB_GEODB_URL": NOWHERE,
        "XCUBE_HUB_GEOSERVER_URL": NOWHERE,
        "XCUBE_HUB_POSTGIS_HOST": "db",
        "XCUBE_HUB_POSTGIS_DB": "geodb",
        "XCUBE_HUB_GEOSERVER_WAIT_S": 0,
    }
    return make_world()
