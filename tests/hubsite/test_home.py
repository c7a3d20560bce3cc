"""The public home and the sign-in say what this hub really offers, and how one gets in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.models import StoreListing, StoreListingPart
from jobs.pages.example import example_request
from jobs.stores.catalogue import load_catalogue
from services.models import ServiceProfile
from tests.accounts.factories import make_user
from tests.services.factories import make_profile

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def stores(settings, tmp_path: Path):
    """A hub with these stores only."""

    def configure(content: dict[str, Any]) -> None:
        path = tmp_path / "stores.json"
        path.write_text(json.dumps(content))
        settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": path}
        load_catalogue()

    return configure


def store(root: str, **more: Any) -> dict[str, Any]:
    return {"store_id": "file", "store_params": {"root": root}, **more}


def listed(name: str, *data_ids: str) -> None:
    listing = StoreListing.objects.create(
        store=name, fingerprint="f", listed_at=timezone.now(), total=len(data_ids), digest="d"
    )
    entries = json.dumps([[data_id, "dataset"] for data_id in data_ids])
    StoreListingPart.objects.create(listing=listing, digest="d", number=0, entries=entries)


def home() -> str:
    return Client().get("/").content.decode()


def test_the_home_names_the_stores_and_services_that_there_are(stores):
    stores(
        {
            "sea": store("/sea", title=HOSTILE, description="Colour of the sea", writable=False),
            "out": store("/out", readable=False),
        }
    )
    listed("sea", "chl.zarr", "sst.zarr")
    ServiceProfile.objects.update(is_enabled=False)
    make_profile("map", title="Viewer", units_per_hour=3)
    make_profile("closed", title="Closed one", is_enabled=False)
    text = home()
    assert "2 datasets" in text and "Colour of the sea" in text and "@out" in text
    assert "/sea" not in text.replace("/static", "")
    assert "3 units an hour while awake" in text and "Closed one" not in text
    assert HOSTILE not in text
    # The example is of this hub: no store of a demo that it does not have.
    assert "&quot;store_id&quot;: &quot;@sea&quot;" in text and "chl.zarr" in text
    assert "@demo" not in text and "@cubes" not in text


def test_the_example_is_of_stores_that_can_be_read_and_written(stores):
    stores({"only-in": store("/a", writable=False)})
    assert example_request() == ""
    assert "no data stores of its own yet" in home()
    stores({"in": store("/a", writable=False), "out": store("/b", readable=False)})
    told = json.loads(example_request())
    assert told["input_config"] == {"store_id": "@in", "data_id": "some-dataset.zarr"}
    assert told["output_config"]["store_id"] == "@out"
    listed("in")
    assert json.loads(example_request())["input_config"]["data_id"] == "some-dataset.zarr"


def test_a_hub_without_stores_has_a_home(stores):
    stores({})
    assert "Data stores" not in home()


def test_who_is_signed_in_finds_the_overview_there():
    client = Client()
    client.force_login(make_user())
    text = client.get("/").content.decode()
    assert 'href="/overview/"' in text and 'id="first-cube"' in text  # where old links lead


def test_it_costs_few_queries():
    home()
    with CaptureQueriesContext(connection) as captured:
        home()
    assert len(captured) <= 6


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("", "the operators of this hub"),
        ("help@example.org", '<a href="mailto:help@example.org">help@example.org</a>'),
        (
            "https://example.org/a?b=1&c=2",
            '<a href="https://example.org/a?b=1&amp;c=2">example.org/a?b=1&amp;c=2</a>',
        ),
    ],
)
def test_pages_say_whom_to_ask(settings, contact, shown):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CONTACT": contact}
    for path in ("/", "/login/"):
        assert shown in Client().get(path).content.decode()


@pytest.mark.parametrize("text", ["nobody", "a@b c", "javascript:alert(1)", "http://x", "https://"])
def test_what_is_no_contact_is_refused(text):
    from hubsite.configuration.reading import contact

    with pytest.raises(ValueError, match="expected an e-mail address"):
        contact(text)


def test_the_sign_in_says_how_one_gets_in(settings):
    from tests.accounts.sign_on.test_password import EDC

    text = Client().get("/login/").content.decode()
    assert "A subscription at a marketplace, or an operator, gives you a client id" in text
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OIDC_PROVIDERS": [EDC]}
    text = Client().get("/login/").content.decode()
    assert f"Continue with your account at {EDC.title}" in text
    assert "Did you subscribe at a marketplace?" in text
    again = Client().get("/login/?again=1").content.decode()
    assert "to show that it is you" in again
