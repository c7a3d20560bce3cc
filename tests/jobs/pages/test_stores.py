"""The pages of data stores."""

from __future__ import annotations

import pytest

from tests.accounts.factories import make_user
from tests.jobs.discovery.conftest import AWAY, failure, reader, user  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db

DATA = {
    "data_id": "a b.zarr",
    "data_type": "dataset",
    "crs": "EPSG:4326",
    "bbox_wgs84": [0, 50, 10, 60],
    "time_range": ["2024-01-01T12:00:00Z", "2024-12-31T12:00:00Z"],
    "time_steps": 366,
    "dims": {"time": 366, "lat": 10, "lon": 10},
    "size_bytes": 1500000,
    "attributes": {"title": "<b>North</b>", "items": 5, "keys": "x"},
    "variables": {
        "items": {"dtype": "float32", "dims": ["time"], "units": "mg<m>", "long_name": "Chl"}
    },
}


@pytest.fixture
def browser(client, user):  # noqa: F811
    client.force_login(user)
    return client


def test_stores_and_their_data_sets(browser, reader, user):  # noqa: F811
    reader.ids["sea-bucket"] = [[f"c{number:03}.zarr", "dataset"] for number in range(120)]
    page = browser.get("/stores/").content.decode()
    assert 'href="/stores/sea/"' in page and "only to write to" in page
    assert 'href="/stores/drop/"' not in page and "hidden-key" not in page
    page = browser.get("/stores/sea/").content.decode()
    assert "120 data sets" in page and "c049.zarr" in page and "c050.zarr" not in page
    page = browser.get("/stores/sea/?page=3&search=C").content.decode()
    assert "c119.zarr" in page and "search=C&amp;page=2" in page
    assert "Nothing found" in browser.get("/stores/sea/?search=none").content.decode()
    for odd in ("?page=0", "?page=x", "?page=999999999999", "?search=%00" + "x" * 300):
        assert browser.get(f"/stores/sea/{odd}").status_code == 200, odd


def test_one_data_set(browser, reader):  # noqa: F811
    reader.descriptions["a b.zarr"] = DATA
    page = browser.get("/stores/sea/data?id=a%20b.zarr").content.decode()
    for text in ("366 time × 10 lat", "mg&lt;m&gt;", "&lt;b&gt;North&lt;/b&gt;", "1.5 MB", "Chl"):
        assert text in page, text
    assert "2024-01-01 to 2024-12-31, 366 steps" in page
    assert "/cubes/new/?store=%40sea&amp;dataset=a+b.zarr" in page


def test_what_is_refused_is_a_page(browser, reader, client):  # noqa: F811
    assert browser.get("/stores/none/").status_code == 404
    assert browser.get("/stores/sea/data?id=../x").status_code == 404
    assert browser.get("/stores/sea/data").status_code == 404
    assert browser.get("/stores/drop/").status_code == 403
    reader.answer = failure("broken", 500, "no group")
    broken = browser.get("/stores/sea/data?id=x.zarr")
    assert (broken.status_code, "no group" in broken.content.decode()) == (422, True)
    reader.answer = AWAY
    away = browser.get("/stores/sea/")
    assert (away.status_code, away["Retry-After"]) == (503, "10")
    assert "Does not answer" in browser.get("/stores/").content.decode()
    client.force_login(make_user("stranger@example.org"))
    assert client.get("/stores/").status_code == 403
    client.logout()
    assert client.get("/stores/").status_code == 302
